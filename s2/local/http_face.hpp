#pragma once
// The store as an S2 server: routes of the protocol (§2.1) over net's server_exchange, in HTTP/1.1 and
// HTTP/2 alike. It takes any access token, so no web page may call, unless `cors` says so; access tokens,
// metrics and locations are 501, stream ciphers too.
//
// When the stop begins to drain, sessions are advised to reconnect (§4.2), go on for drain_grace and then
// end with 503 server_draining; everything accepted until then is acked first.

#include "net/http/message.hpp"
#include "net/task/stop_token.hpp"
#include "s2/local/read_session.hpp"

namespace s2::local {

struct face_options {
    bool cors = false; // web pages may call: permissive then, as lite's
    net::duration drain_grace = std::chrono::seconds(1);
};

class http_face {
public:
    static constexpr std::size_t body_bytes_max = 2 * 1024 * 1024; // of a unary request, after decompression
    static constexpr std::size_t compress_body_from_bytes = 1024;
    static constexpr auto unary_wait_max = std::chrono::seconds(60);

    http_face(store& over, net::stop_token stop, face_options options = {})
        : store_(over)
        , stop_(stop)
        , options_(options) {}

    // For net::http_server. The face outlives it.
    net::http_handler handler();

    store& served() { return store_; }

    net::stop_token stop() const { return stop_; }

    const face_options& options() const { return options_; }

private:
    net::task<void> handle(net::server_exchange& exchange);

    store& store_;
    net::stop_token stop_;
    face_options options_;
};

} // namespace s2::local
