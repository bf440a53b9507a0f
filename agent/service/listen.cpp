// Where an agent listens, and what it answers there.
#include "agent/service/service.hpp"
#include "net/text.hpp"

#include <spdlog/spdlog.h>

namespace agent {
namespace {

constexpr std::uint64_t api_token_bytes_max = 4096;

// Callers are many and small; what each of them may have in memory unread is small, too.
net::http_limits api_limits() {
    net::http_limits limits;
    limits.stream_window = body_free_bytes;
    limits.connection_window = 2 * body_free_bytes;
    return limits;
}

} // namespace

// Tried out and let go: what can't be had is said before a session begins.
bool service::try_to_listen() {
    std::string why;
    auto token = config_.listen || config_.unix_path ? read_api_token(why) : net::secret();
    if (!token)
        return give_up(exit_code::unusable, why);
    api_ = std::make_shared<net::http_handler>(make_control_api(context_with(std::move(*token))));
    for (const auto& [at, name] : addresses_wanted()) {
        const auto tried = listen_at(at);
        if (const auto* failed = std::get_if<net::listen_failure>(&tried))
            return cannot_listen(name, *failed);
        if (name == "--listen" && !may_be_open(std::get<net::listeners>(tried)))
            return false;
    }
    return true;
}

// The configuration has looked at the address as it is written; a name may be any.
bool service::may_be_open(const net::listeners& on) {
    if (!config_.api_token_file.empty() || config_.open_listen)
        return true;
    for (const auto& one : on)
        if (!one->local().loopback())
            return give_up(exit_code::usage, "--listen " + config_.listen->text() + " is " +
                                                 one->local().text() +
                                                 ", which can be reached from other machines: give "
                                                 "--api-token-file too, say --open-listen where a proxy in "
                                                 "front checks who calls, or listen on 127.0.0.1");
    return true;
}

std::vector<service::wanted_address> service::addresses_wanted() const {
    std::vector<wanted_address> all;
    if (config_.listen)
        all.push_back({*config_.listen, "--listen"});
    if (config_.unix_path)
        all.push_back({net::endpoint::unix_path(*config_.unix_path), "--unix"});
    if (config_.metrics_listen)
        all.push_back({*config_.metrics_listen, "--metrics-listen"});
    if (config_.ndjson_unix_path)
        all.push_back({net::endpoint::unix_path(*config_.ndjson_unix_path), "--ndjson-unix"});
    return all;
}

std::variant<net::listeners, net::listen_failure> service::listen_at(const net::endpoint& at) {
    if (at.type == net::endpoint::kind::tcp)
        return net::listen_everywhere(env_, at);
    auto one = env_.listen_for(at, config_.unix_access);
    if (!one)
        return net::listen_failure{at, one.error()};
    net::listeners made;
    made.push_back(std::move(*one));
    return made;
}

bool service::cannot_listen(const std::string& name, const net::listen_failure& failed) {
    const bool on_file = failed.at.type == net::endpoint::kind::unix_socket;
    const std::string where = name + " " + (on_file ? failed.at.host : failed.at.text());
    if (failed.why == net::make_error_code(net::error::group_refused))
        return give_up(exit_code::unusable,
                       "cannot give " + where + " to the group of --unix-group: " + failed.why.message() +
                           "; name a group that the agent's user is in, or run the agent as root");
    if (failed.why == net::make_error_code(net::error::limit_exceeded))
        return give_up(exit_code::failure, "cannot listen on " + where + ": the name has more than " +
                                               std::to_string(net::listen_addresses_max) +
                                               " addresses; name the address that is meant");
    const bool in_use = failed.why == boost::system::errc::address_in_use;
    return give_up(exit_code::failure,
                   "cannot listen on " + where + ": " + failed.why.message() +
                       (in_use ? "; another program has it: choose another address or path" : ""));
}

// Once the session is on disk. Whoever calls earlier is refused at once, and not kept waiting for an agent
// that may not come up.
bool service::listen() {
    for (const auto& [at, name] : addresses_wanted()) {
        const bool done = name == "--ndjson-unix"      ? serve_ndjson(at, name)
                          : name == "--metrics-listen" ? serve_metrics(at, name)
                                                       : serve_api(at, name);
        if (!done)
            return false;
    }
    return true;
}

bool service::serve_ndjson(const net::endpoint& at, const std::string& name) {
    auto opened = listen_at(at);
    if (const auto* failed = std::get_if<net::listen_failure>(&opened))
        return cannot_listen(name, *failed);
    auto& one = std::get<net::listeners>(opened).front();
    ndjson_ = std::make_unique<ndjson_listener>(env_, *capture_, *state_->journal, bodies_, std::move(one),
                                                ndjson_places_, [this] { changed_.notify(); });
    return true;
}

bool service::serve_api(const net::endpoint& at, const std::string& name) {
    auto opened = listen_at(at);
    if (const auto* failed = std::get_if<net::listen_failure>(&opened))
        return cannot_listen(name, *failed);
    for (auto& one : std::get<net::listeners>(opened)) {
        const auto local = one->local();
        auto serve = [now = api_](net::server_exchange& exchange) { return (*now)(exchange); };
        auto report = [](const std::string& line) { spdlog::error("API: {}", line); };
        apis_.push_back(std::make_unique<net::http_server>(
            env_, std::move(one), api_limits(), std::move(serve), net::secure_hook{}, places_, report));
        apis_.back()->always_answer(always_answered);
        addresses_.push_back((local.type == net::endpoint::kind::tcp ? "http://" : "") + local.text());
        spdlog::info("listening on {}", addresses_.back());
        if (config_.api_token_file.empty() && !local.loopback())
            spdlog::warn("{} can be reached from other machines, and no token is asked for (--open-listen): "
                         "whoever reaches it may call",
                         addresses_.back());
    }
    return true;
}

bool service::serve_metrics(const net::endpoint& at, const std::string& name) {
    auto opened = listen_at(at);
    if (const auto* failed = std::get_if<net::listen_failure>(&opened))
        return cannot_listen(name, *failed);
    for (auto& one : std::get<net::listeners>(opened)) {
        spdlog::info("metrics and probes on http://{}", one->local().text());
        auto report = [](const std::string& line) { spdlog::error("metrics: {}", line); };
        apis_.push_back(std::make_unique<net::http_server>(env_, std::move(one), api_limits(),
                                                           make_metrics_api(context_with({})),
                                                           net::secure_hook{}, metrics_places_, report));
        apis_.back()->always_answer([](const net::request_head&) { return true; });
    }
    return true;
}

std::optional<net::secret> service::read_api_token(std::string& why) const {
    if (config_.api_token_file.empty())
        return net::secret();
    auto content = env_.files().read_all(config_.api_token_file, api_token_bytes_max);
    net::secret token;
    if (content) {
        token = net::secret(std::string(net::trimmed(*content)));
        net::wipe(*content);
    }
    if (!token.empty())
        return token;
    why = "cannot use --api-token-file " + config_.api_token_file.string() + ": " +
          (content ? "it is empty" : content.error().message());
    return std::nullopt;
}

api_context service::context_with(net::secret token) {
    return {env_,
            *state_->journal,
            *capture_,
            *state_->sessions,
            *sink_,
            *live_,
            [this] { return current_report(); },
            [this] { return ready_ && !teardown_.begun(); },
            [this] { return teardown_.begun(); },
            bodies_,
            {std::move(token), config_.allow_origins, config_.allow_hosts},
            [this] { return connection_count{places_->taken(), places_->connections_max()}; },
            [this](std::optional<std::string> id) { return history_->recall(std::move(id)); }};
}

// What others keep for us may have been replaced: secrets and certificates rotate, and so do log files.
void service::reload() {
    if (!ready_ || teardown_.begun())
        return; // it is all read afresh at the start, and not needed any more at the end
    spdlog::info("reading tokens and certificates again, opening the files of --files anew");
    credentials_->refresh();
    connector_->drop_connections(); // a new one reads the certificates, where they are others now
    std::string why;
    if (auto token = read_api_token(why))
        *api_ = make_control_api(context_with(std::move(*token)));
    else
        spdlog::error("{}; the one before it stays", why);
    if (files_)
        files_->reopen();
}

} // namespace agent
