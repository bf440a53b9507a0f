#include "s2/transport.hpp"

namespace s2 {

class transport::anchors {};

transport::transport(net::environment& env, trust options)
    : env_(env)
    , options_(std::move(options)) {}

transport::~transport() = default;

net::task<net::result<std::unique_ptr<net::stream>>> transport::dial(net::url to, net::time_point deadline) {
    if (to.tls())
        co_return net::make_error_code(net::error::tls_alpn);
    auto stream = co_await env_.dial(net::endpoint::tcp(to.host, to.port), deadline);
    co_return std::move(stream);
}

} // namespace s2
