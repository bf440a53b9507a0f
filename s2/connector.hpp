#pragma once
// Connections to S2, one HTTP/2 connection per host, shared by all that use it. A connection is opened on
// first use, replaced when it takes no new requests or when the caller says so, and closed gracefully when
// unused for idle_close.
//
// 1. A connection is in use while anybody holds what connect() gave. The idle timer runs only while a
//    connection is held by nobody.
// 2. Of several callers that need a connection at once, one dials; the others wait for its outcome.
// 3. drop_connections() takes nothing away from those who hold a connection; it only gives it to nobody new.

#include "net/http/message.hpp"
#include "net/proxy/proxy.hpp"
#include "net/task/task_group.hpp"
#include "s2/endpoints.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>

namespace s2 {

// Replaces TCP and TLS (the embedded store over an in-process pipe). It is called once per connection.
using dial_function =
    std::function<net::task<net::result<std::unique_ptr<net::stream>>>(net::time_point deadline)>;

struct connector_options {
    std::filesystem::path ca_file;                           // empty: the system's
    bool insecure = false;                                   // any certificate is taken
    net::proxy_settings proxy;                               // on the way to https hosts
    net::duration connect_timeout = std::chrono::seconds(3); // name, TCP, proxy and TLS together
    net::duration idle_close = std::chrono::seconds(30);
    dial_function dial;
};

class connector {
public:
    // Connections run in `group`, which outlives the connector.
    connector(net::task_group& group, endpoints where, connector_options options);
    ~connector(); // closes what nobody holds
    connector(const connector&) = delete;
    connector& operator=(const connector&) = delete;

    // Within the connect timeout and the deadline. Errors: transport, `sent` false, with the host in their
    // text.
    net::task<result<std::shared_ptr<net::http_client>>> connect(net::url to, net::time_point deadline);

    void drop_connections();
    net::task<void> close(); // gracefully, what nobody holds

    const endpoints& where() const { return where_; }

    net::environment& env() const;
    std::size_t connections() const; // open ones that take requests

private:
    class pool;
    endpoints where_;
    std::shared_ptr<pool> pool_;
};

} // namespace s2
