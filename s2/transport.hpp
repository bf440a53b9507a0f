#pragma once
// The byte stream below HTTP/2: TCP, and TLS over it for https, through a proxy where one is named. The trust
// anchors are loaded on the helper thread when first needed, and when a connection finds their file changed.

#include "net/environment.hpp"
#include "net/proxy/proxy.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace net {
class tls_trust;
} // namespace net

namespace s2 {

struct trust {
    std::filesystem::path ca_file; // empty: the system's
    bool insecure = false;         // any certificate is taken
};

class transport {
public:
    transport(net::environment& env, trust options, net::proxy_settings proxies);

    // The caller aborts this at the deadline; it bounds connecting only. Where the anchors can't be loaded or
    // a proxy is in the way, `why` then says which one and what is wrong with it.
    net::task<net::result<std::unique_ptr<net::stream>>> dial(net::url to, net::time_point deadline,
                                                              std::string& why);

private:
    // Made on the helper thread, which touches nothing else.
    struct loaded_anchors {
        net::error_code failed;
        std::string why;
        std::shared_ptr<net::tls_trust> trust;
    };

    static loaded_anchors load(const trust& options);
    net::task<loaded_anchors> anchors();

    net::environment& env_;
    trust options_;
    net::proxy_settings proxies_;
    std::shared_ptr<net::tls_trust> anchors_;
    std::optional<std::string> fingerprint_; // of what anchors_ were read from
};

} // namespace s2
