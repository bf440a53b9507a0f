#include "agent/service/client_part.hpp"

namespace agent {
namespace {

// an open append session keeps its connection
constexpr net::duration connector_idle_close = std::chrono::seconds(1);

place configured_place(const s2_config& s2) {
    if (s2.basin.empty())
        return {std::string(embedded_basin), "", ""};
    return {s2.basin, s2.account_endpoint, s2.basin_endpoint};
}

} // namespace

net::task<std::optional<start_failure>> client_part::open() {
    const auto& s2 = core_.configuration.s2;
    auto* const store = store_.store();
    auto where = store ? s2::endpoints::parse("http://embedded", "http://embedded")
                       : s2::endpoints::parse(s2.account_endpoint, s2.basin_endpoint);
    if (!where)
        co_return start_failure{exit_code::usage, where.error().text()};
    s2::connector_options options;
    options.ca_file = s2.ca_file;
    options.insecure = s2.insecure;
    options.proxy = s2.proxy;
    options.connect_timeout = core_.configuration.delivery.connect_timeout;
    options.idle_close = connector_idle_close;
    if (store) {
        options.dial = store->dialer();
        credentials_ = std::make_unique<s2::credentials>();
    } else if (!s2.token_file.empty()) {
        credentials_ = std::make_unique<s2::credentials>(core_.env, s2.token_file);
    } else {
        credentials_ = std::make_unique<s2::credentials>(s2.token);
    }
    connector_ = std::make_unique<s2::connector>(*core_.connections, std::move(*where), std::move(options));
    at_ = configured_place(s2);
    client_ = std::make_unique<s2::client>(*connector_, *credentials_, at_.basin,
                                           store ? s2::compression::none : s2.compression);
    co_return std::nullopt;
}

net::task<> client_part::finish() {
    if (connector_)
        co_await connector_->close();
}

void client_part::reload() {
    credentials_->refresh();
    connector_->drop_connections(); // a new one reads the certificates, where they are others now
}

} // namespace agent
