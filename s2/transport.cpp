#include "s2/transport.hpp"

#include "net/tls.hpp"

namespace s2 {

transport::transport(net::environment& env, trust options)
    : env_(env)
    , options_(std::move(options)) {}

net::task<net::result<std::shared_ptr<net::tls_trust>>> transport::anchors() {
    why_.clear();
    if (anchors_)
        co_return anchors_;
    std::function<net::result<std::shared_ptr<net::tls_trust>>()> load = [this] {
        if (options_.insecure)
            return net::tls_trust::of_nobody();
        return options_.ca_file.empty() ? net::tls_trust::of_system(why_)
                                        : net::tls_trust::from_file(options_.ca_file, why_);
    };
    auto loaded = co_await net::on_helper(env_, load);
    if (loaded)
        anchors_ = *loaded;
    co_return std::move(loaded);
}

net::task<net::result<std::unique_ptr<net::stream>>> transport::dial(net::url to, net::time_point deadline) {
    net::tls_client_options options;
    if (to.tls()) {
        auto trusted = co_await anchors();
        if (!trusted)
            co_return trusted.error();
        options.server_name = to.host;
        options.alpn.emplace_back("h2");
        options.verify = !options_.insecure;
        options.trust = std::move(*trusted);
    }
    auto plain = co_await env_.dial(net::endpoint::tcp(to.host, to.port), deadline);
    if (!plain || !to.tls())
        co_return std::move(plain);
    // The connector bounds the handshake: its abort is what ends it at the deadline.
    auto secured = co_await net::tls_connect(env_, std::move(*plain), std::move(options));
    co_return std::move(secured);
}

} // namespace s2
