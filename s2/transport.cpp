#include "s2/transport.hpp"

#include "net/text.hpp"
#include "net/tls/tls.hpp"

#include <chrono>
#include <cstdio>

namespace s2 {
namespace {

// What a person needs to tell a certificate's fault from this machine's.
std::string clock_text(net::wall_micros now) {
    constexpr net::wall_micros surely_past = 1'735'689'600'000'000; // 2025-01-01: this program is younger
    return (now < surely_past ? "wrong clock: this machine's says " : "this machine's clock says ") +
           net::rfc3339(now).substr(0, std::string_view("2026-01-02").size());
}

const std::filesystem::path system_anchors = "/etc/ssl/certs";

} // namespace

transport::transport(net::environment& env, trust options, net::proxy_settings proxies)
    : env_(env)
    , options_(std::move(options))
    , proxies_(std::move(proxies)) {}

transport::loaded_anchors transport::load(const trust& options) {
    loaded_anchors loaded;
    auto made = options.insecure          ? net::tls_trust::of_nobody()
                : options.ca_file.empty() ? net::tls_trust::of_system(loaded.why)
                                          : net::tls_trust::from_file(options.ca_file, loaded.why);
    if (made)
        loaded.trust = std::move(*made);
    else
        loaded.failed = made.error();
    return loaded;
}

net::task<transport::loaded_anchors> transport::anchors() {
    loaded_anchors loaded;
    // Taken before the content: a change in between shows as a change the next time.
    auto fingerprint = env_.files().fingerprint(options_.ca_file.empty() ? system_anchors : options_.ca_file);
    if (fingerprint != fingerprint_)
        anchors_.reset(); // they are renewed now and then, in the place of the old ones
    loaded.trust = anchors_;
    if (anchors_)
        co_return std::move(loaded);
    std::function<loaded_anchors()> work = [options = options_] { return load(options); };
    loaded = co_await net::on_helper(env_, std::move(work));
    if (!loaded.failed) {
        anchors_ = loaded.trust;
        fingerprint_ = std::move(fingerprint);
    }
    co_return std::move(loaded);
}

net::task<net::result<std::unique_ptr<net::stream>>> transport::dial(net::url to, net::time_point deadline,
                                                                     std::string& why) {
    net::tls_client_options options;
    if (to.tls()) {
        auto trusted = co_await anchors();
        if (trusted.failed) {
            why = std::move(trusted.why);
            co_return trusted.failed;
        }
        options.server_name = to.host;
        options.alpn.emplace_back("h2");
        options.verify = !options_.insecure;
        options.trust = std::move(trusted.trust);
    }
    const net::proxy* const by = proxies_.for_url(to);
    const auto there = net::endpoint::tcp(to.host, to.port);
    const auto& first = by ? by->at : there;
    auto plain = co_await env_.dial(first, deadline);
    if (by && !plain)
        why = "the proxy " + by->at.text();
    if (by && plain) {
        const auto refused = co_await net::connect_through(**plain, there, *by, why);
        if (refused)
            co_return refused;
    }
    if (!plain || !to.tls())
        co_return std::move(plain);
    // The connector bounds the handshake: its abort is what ends it at the deadline.
    auto secured = co_await net::tls_connect(env_, std::move(*plain), std::move(options));
    if (!secured && net::is_tls_time(secured.error()))
        why = clock_text(env_.wall_now());
    co_return std::move(secured);
}

} // namespace s2
