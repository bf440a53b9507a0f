// `ringtail local`: the embedded store as a server, for the official tools and SDKs.

#include "agent/commands/command.hpp"
#include "agent/host/log.hpp"
#include "agent/service/descriptors.hpp"
#include "net/system/run.hpp"
#include "net/tls/tls.hpp"
#include "s2/local/server.hpp"

#include <array>

namespace agent::commands {
namespace {

using namespace std::chrono_literals;

constexpr auto drain_time = 10s; // as the official server: sessions under way may end by themselves

struct request {
    std::string listen = "127.0.0.1:4567";
    std::string store;
    std::string certificate;
    std::string key;
    bool self_signed = false;
    bool cors = false;
};

using identity = std::variant<std::shared_ptr<net::tls_identity>, std::string>; // none: cleartext

identity identity_for(net::environment& env, const request& what) {
    std::string why;
    auto made = what.self_signed ? net::tls_identity::self_signed(env)
                                 : net::tls_identity::from_files(what.certificate, what.key, why);
    if (!made)
        return why.empty() ? made.error().message() : why;
    return std::move(*made);
}

// `reload` is what an order to reload does.
net::task<exit_code> serve(net::environment& env, request what, std::filesystem::path file,
                           net::stop_source& stop, std::function<void()>& reload) {
    const auto at = net::parse_endpoint(what.listen);
    if (!at)
        co_return complain("local", "--listen: '" + what.listen + "' is not HOST:PORT", exit_code::usage);
    s2::local::server_options options;
    options.file = file;
    options.listen = *at;
    options.face.cors = what.cors;
    descriptor_needs needs;
    needs.embedded_store = true;
    needs.state_dir = true; // the lock, and the directory
    needs.listeners = listeners_of(*at);
    needs.connections_wanted = options.limits.connections_max;
    const auto budget = budget_descriptors(env.descriptors(), needs);
    if (!budget.enough())
        co_return complain("local", too_few_text(budget), exit_code::unusable);
    spdlog::info("{}", text_of(budget));
    options.places = std::make_shared<net::connection_places>(env, budget.connections, budget.spare);
    options.report = [](const std::string& line) { spdlog::error("{}", line); };
    const bool tls = what.self_signed || !what.certificate.empty();
    if (tls) {
        auto made = identity_for(env, what);
        if (const auto* why = std::get_if<std::string>(&made))
            co_return complain("local", *why, exit_code::unusable);
        const auto who = std::make_shared<std::shared_ptr<net::tls_identity>>(
            std::get<std::shared_ptr<net::tls_identity>>(made));
        options.secure = [&env, who](std::unique_ptr<net::stream> below) {
            return net::tls_accept(env, std::move(below), *who);
        };
        if (!what.self_signed)
            reload = [&env, who, what] {
                auto fresh = identity_for(env, what);
                if (const auto* why = std::get_if<std::string>(&fresh))
                    return spdlog::error("{}; the certificate before it stays", *why);
                *who = std::get<std::shared_ptr<net::tls_identity>>(fresh);
                spdlog::info("new connections get the certificate in {}", what.certificate);
            };
    }
    options.on_listening = [&env, file, tls](const net::endpoint& where) {
        spdlog::info("serving {} on {}://{}", file.string(), tls ? "https" : "http", where.text());
        env.notify_supervisor("READY=1");
    };
    auto failed = co_await s2::local::run_server(env, std::move(options), stop);
    if (!failed)
        co_return exit_code::durable;
    const bool store = failed->what == s2::local::server_failure::kind::store;
    co_return complain("local", failed->message, store ? exit_code::unusable : exit_code::failure);
}

} // namespace

exit_code local(invocation& given) {
    CLI::App app("Serves the embedded S2-compatible store, for the official s2 command line and SDKs:\n"
                 "  export S2_ACCOUNT_ENDPOINT=http://127.0.0.1:4567 S2_BASIN_ENDPOINT=http://127.0.0.1:4567 "
                 "S2_ACCESS_TOKEN=any",
                 "ringtail local");
    constexpr std::array<std::string_view, 4> shared{"state-dir", "log-level", "log-format", "config"};
    const setting_flags flags(app, shared);
    request what;
    app.add_option("--listen", what.listen, "[default 127.0.0.1:4567]")->option_text("HOST:PORT");
    app.add_option("--store", what.store, "the store's file [default STATE_DIR/local.db]")
        ->option_text("FILE");
    auto* self_signed =
        app.add_flag("--tls-self", what.self_signed, "TLS with a self-signed certificate for localhost");
    auto* certificate = app.add_option("--tls-cert", what.certificate,
                                       "TLS with this certificate (PEM), read again on SIGHUP")
                            ->option_text("FILE");
    auto* key = app.add_option("--tls-key", what.key, "and its key (PEM)")->option_text("FILE");
    app.add_flag("--cors", what.cors, "web pages may call, of any origin and with credentials");
    certificate->needs(key);
    key->needs(certificate);
    certificate->excludes(self_signed);
    std::optional<config> made;
    const exit_code code = configure(app, flags, given, made);
    if (!made)
        return code;
    std::filesystem::path file = what.store;
    if (file.empty() && made->state_dir.empty())
        return complain("local", "there is no state directory; name the store's file with --store",
                        exit_code::usage);
    if (file.empty())
        file = made->state_dir / "local.db";
    exit_code outcome = exit_code::failure;
    net::stop_source* stop = nullptr;
    net::environment* world = nullptr;
    std::function<void()> reload;
    const auto on_order = [&](net::signal_order order) {
        if (order == net::signal_order::reload)
            return reload ? reload() : void();
        if (stop && stop->stopping())
            stop->abort(); // a second one
        else if (stop)
            stop->drain(world->now() + drain_time);
    };
    const auto body = [&](net::environment& env) -> net::task<void> {
        world = &env;
        net::stop_source source(env);
        stop = &source;
        outcome = co_await serve(env, what, file, source, reload);
        stop = nullptr;
    };
    net::run_system(body, on_order);
    return outcome;
}

} // namespace agent::commands
