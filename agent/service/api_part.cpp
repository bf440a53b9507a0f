#include "agent/service/api_part.hpp"

#include "net/text.hpp"

#include <spdlog/spdlog.h>

namespace agent {
namespace {

constexpr std::uint64_t api_token_bytes_max = 4096;
constexpr net::duration api_grace = std::chrono::milliseconds(500); // for answers under way

// Callers are many and small; what each of them may have in memory unread is small, too.
net::http_limits api_limits() {
    net::http_limits limits;
    limits.stream_window = body_free_bytes;
    limits.connection_window = 2 * body_free_bytes;
    return limits;
}

} // namespace

net::task<std::optional<start_failure>> api_part::open() {
    const auto& budget = core_.descriptors;
    places_ = std::make_shared<net::connection_places>(
        core_.env, budget.connections - budget.ndjson_connections, budget.spare);
    metrics_places_ = std::make_shared<net::connection_places>(core_.env, metrics_connections_max,
                                                               metrics_connections_spare);
    const auto& from = core_.configuration;
    std::string why;
    auto token = from.listen || from.unix_path ? read_token(why) : net::secret();
    if (!token)
        co_return start_failure{exit_code::unusable, why};
    handler_ = std::make_shared<net::http_handler>(make_control_api(context_with(std::move(*token))));
    for (const auto& address : addresses()) {
        auto tried = listen_on(core_, address.wanted);
        if (auto* failed = std::get_if<start_failure>(&tried))
            co_return std::move(*failed);
        if (address.wanted.option != "--listen")
            continue;
        auto refused = may_be_open(std::get<net::listeners>(tried));
        if (refused)
            co_return refused;
    }
    co_return std::nullopt;
}

// The configuration has looked at the address as it is written; a name may be any.
std::optional<start_failure> api_part::may_be_open(const net::listeners& on) const {
    const auto& from = core_.configuration;
    if (!from.api_token_file.empty() || from.open_listen)
        return std::nullopt;
    for (const auto& each : on)
        if (!each->local().loopback())
            return start_failure{exit_code::usage,
                                 "--listen " + from.listen->text() + " is " + each->local().text() +
                                     ", which can be reached from other machines: give "
                                     "--api-token-file too, say --open-listen where a proxy in "
                                     "front checks who calls, or listen on 127.0.0.1"};
    return std::nullopt;
}

std::vector<api_part::served_address> api_part::addresses() const {
    const auto& from = core_.configuration;
    std::vector<served_address> all;
    if (from.listen)
        all.push_back({{*from.listen, "--listen"}, face::control});
    if (from.unix_path)
        all.push_back({{net::endpoint::unix_path(*from.unix_path), "--unix"}, face::control});
    if (from.metrics_listen)
        all.push_back({{*from.metrics_listen, "--metrics-listen"}, face::metrics});
    return all;
}

std::optional<start_failure> api_part::admit() {
    for (const auto& address : addresses()) {
        auto opened = listen_on(core_, address.wanted);
        if (auto* failed = std::get_if<start_failure>(&opened))
            return std::move(*failed);
        for (auto& each : std::get<net::listeners>(opened))
            if (address.shows == face::control)
                serve_control(std::move(each));
            else
                serve_metrics(std::move(each));
    }
    return std::nullopt;
}

void api_part::serve_control(std::unique_ptr<net::listener> from) {
    const auto local = from->local();
    auto answer = [now = handler_](net::server_exchange& exchange) { return (*now)(exchange); };
    auto report = [](const std::string& line) { spdlog::error("API: {}", line); };
    auto server = std::make_unique<net::http_server>(core_.env, std::move(from), api_limits(),
                                                     std::move(answer), net::secure_hook{}, places_, report);
    server->always_answer(always_answered);
    const auto address = (local.type == net::endpoint::kind::tcp ? "http://" : "") + local.text();
    of_.account.listening_on(address);
    spdlog::info("listening on {}", address);
    if (core_.configuration.api_token_file.empty() && !local.loopback())
        spdlog::warn("{} can be reached from other machines, and no token is asked for (--open-listen): "
                     "whoever reaches it may call",
                     address);
    serve(std::move(server));
}

void api_part::serve_metrics(std::unique_ptr<net::listener> from) {
    spdlog::info("metrics and probes on http://{}", from->local().text());
    auto report = [](const std::string& line) { spdlog::error("metrics: {}", line); };
    auto server = std::make_unique<net::http_server>(core_.env, std::move(from), api_limits(),
                                                     make_metrics_api(context_with({})), net::secure_hook{},
                                                     metrics_places_, report);
    server->always_answer([](const net::request_head&) { return true; });
    serve(std::move(server));
}

void api_part::serve(std::unique_ptr<net::http_server> server) {
    servers_.push_back(std::move(server));
    core_.run(name(), [this, serving = servers_.back().get()] { return serving->serve(stop_); });
}

std::optional<net::secret> api_part::read_token(std::string& why) const {
    const auto& file = core_.configuration.api_token_file;
    if (file.empty())
        return net::secret();
    auto content = core_.env.files().read_all(file, api_token_bytes_max);
    net::secret token;
    if (content) {
        token = net::secret(std::string(net::trimmed(*content)));
        net::wipe(*content);
    }
    if (!token.empty())
        return token;
    why = "cannot use --api-token-file " + file.string() + ": " +
          (content ? "it is empty" : content.error().message());
    return std::nullopt;
}

api_context api_part::context_with(net::secret token) const {
    const auto& from = core_.configuration;
    auto& core = core_;
    const auto of = of_;
    return {core.env,
            of.state.journal(),
            of.captures.sessions(),
            of.state.sessions(),
            of.delivery.sink(),
            of.live.sink(),
            [of] { return of.account.now(); },
            [&core] { return core.ready && !core.stop.given(); },
            [&core] { return core.stop.given(); },
            core.bodies,
            {std::move(token), from.allow_origins, from.allow_hosts},
            [places = places_] { return connection_count{places->taken(), places->connections_max()}; },
            [of](std::optional<std::string> id) { return of.past.past().recall(std::move(id)); }};
}

void api_part::reload() {
    std::string why;
    if (auto token = read_token(why))
        *handler_ = make_control_api(context_with(std::move(*token)));
    else
        spdlog::error("{}; the one before it stays", why);
}

net::task<> api_part::stop() {
    stop_.drain(net::saturating_add(core_.env.now(), api_grace));
    co_return;
}

} // namespace agent
