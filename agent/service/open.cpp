// Opening: what an agent needs before it is ready, each failure said with what, where and what to do.
#include "agent/service/descriptors.hpp"
#include "agent/service/service.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

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

bool service::give_up(exit_code with, const std::string& why) {
    spdlog::error("{}", why);
    failure_ = with;
    return false;
}

bool service::open() {
    for (const auto& note : config_.notes)
        spdlog::info("{}", note);
    const auto budget = budget_descriptors(env_.descriptors(), needs_of(config_));
    if (!budget.enough())
        return give_up(exit_code::unusable, too_few_text(budget));
    spdlog::info("{}", text_of(budget));
    places_ = std::make_shared<net::connection_places>(env_, budget.connections - budget.ndjson_connections,
                                                       budget.spare);
    ndjson_places_ = std::make_shared<net::connection_places>(env_, budget.ndjson_connections, 0);
    metrics_places_ =
        std::make_shared<net::connection_places>(env_, metrics_connections_max, metrics_connections_spare);
    auto opened = open_state_dir(env_, config_);
    if (const auto* failed = std::get_if<state_dir_error>(&opened))
        return give_up(exit_code::unusable, failed->message);
    state_ = std::move(std::get<std::unique_ptr<state_dir>>(opened));
    if (state_->recovery.found && !state_->recovery.clean)
        spdlog::warn("the agent before this one did not stop in order: going on behind seq {}{}",
                     state_->journal->last_seq(),
                     state_->recovery.machine_crash ? " (the machine had crashed)" : "");

    if (config_.s2.basin.empty()) {
        auto store = embedded_store::open(env_, config_.state_dir);
        if (const auto* failed = std::get_if<std::string>(&store))
            return give_up(exit_code::unusable, *failed);
        store_ = std::move(std::get<std::unique_ptr<embedded_store>>(store));
    }
    live_ = std::make_unique<live_sink>(env_, *state_->journal, *state_->sessions, config_.sse_clients);
    if (!config_.files.empty()) {
        if (const net::error_code failed = env_.files().create_directories(config_.files, 0700))
            return give_up(exit_code::unusable,
                           "cannot create --files " + config_.files.string() + ": " + failed.message());
        auto files = file_sink::open(env_, *state_->journal, *state_->sessions, config_.files);
        if (!files)
            return give_up(exit_code::unusable,
                           "cannot use --files " + config_.files.string() + ": " + files.error().message());
        files_ = std::move(*files);
    }
    return true;
}

bool service::open_client(net::task_group& connections) {
    const auto& s2 = config_.s2;
    auto where = store_ ? s2::endpoints::parse("http://embedded", "http://embedded")
                        : s2::endpoints::parse(s2.account_endpoint, s2.basin_endpoint);
    if (!where)
        return give_up(exit_code::usage, where.error().text());
    s2::connector_options options;
    options.ca_file = s2.ca_file;
    options.insecure = s2.insecure;
    options.proxy = s2.proxy;
    options.connect_timeout = config_.delivery.connect_timeout;
    options.idle_close = connector_idle_close;
    if (store_) {
        options.dial = store_->dialer();
        credentials_ = std::make_unique<s2::credentials>();
    } else if (!s2.token_file.empty()) {
        credentials_ = std::make_unique<s2::credentials>(env_, s2.token_file);
    } else {
        credentials_ = std::make_unique<s2::credentials>(s2.token);
    }
    connector_ = std::make_unique<s2::connector>(connections, std::move(*where), std::move(options));
    const auto at = configured_place(s2);
    client_ = std::make_unique<s2::client>(*connector_, *credentials_, at.basin,
                                           store_ ? s2::compression::none : s2.compression);
    s2_sink_options sink_options{at, s2.stream_template, config_.delivery};
    sink_ = std::make_unique<s2_sink>(env_, *state_->journal, *state_->sessions, *state_->deliveries,
                                      *client_, std::move(sink_options),
                                      [this](const std::string& line) { announce(line); });
    auto past = history_setup_;
    past.directory_lost = [this] { return state_dir_lost(env_, config_.state_dir); };
    history_ = std::make_unique<history>(env_, config_.state_dir, *state_->sessions, *state_->deliveries,
                                         *sink_, std::move(past));
    capture_ = std::make_unique<capture>(env_, *state_->journal, *state_->sessions, *sink_);
    state_->journal->set_retention(sink_.get());
    sink_->recover();
    return room_beside_held();
}

// What only another place can take would starve an intake that waits for room.
bool service::room_beside_held() {
    if (!has_input() || sink_->held_bytes() * 2 <= config_.ring_capacity)
        return true;
    std::string where;
    for (const auto& stream : sink_->status().streams)
        if (stream.state == stream_state::held && where.find(stream.at.text()) == std::string::npos)
            where += (where.empty() ? "" : ", ") + stream.at.text();
    return give_up(exit_code::undelivered,
                   "most of the ring is held for " + where +
                       ", which this configuration can't deliver to: run once with that place "
                       "configured, or use another --state-dir");
}

bool service::open_intakes() {
    if (config_.input) {
        const bool standard = *config_.input == "-";
        auto opened = standard ? env_.standard_input() : env_.open_input(*config_.input);
        if (!opened)
            return give_up(exit_code::failure, "cannot read " +
                                                   (standard ? "standard input" : *config_.input) + ": " +
                                                   opened.error().message());
        input_ = std::move(*opened);
    }
    return try_to_listen();
}

// A session that was active goes on, unless a new one must start (product: Crash and restart).
bool service::start_session() {
    const auto* active = capture_->active();
    const bool own_id_wanted = active && config_.session_id && *config_.session_id == active->id;
    const bool superseded = active && !own_id_wanted && (has_input() || config_.session_id);
    const bool starts = superseded || (!active && (has_input() || config_.start || config_.session_id));
    start_waits_.reset();
    if (starts)
        if (auto refused = capture_->refusal({config_.session_id, config_.categories});
            refused && refused->ends_with_delivery()) {
            start_waits_ = std::move(refused);
            return true;
        }
    if (superseded) {
        spdlog::info("capture session {} is superseded", active->id);
        capture_->stop(end_reason::superseded);
    } else if (active) {
        capture_->resume();
        if (!capture_->active())
            return start_session(); // it could not go on: another one, where one is asked for
        resumed_ = true;
        spdlog::info("capture session {} goes on", active->id);
        return true;
    }
    if (!starts)
        return true;
    const auto started = capture_->start({config_.session_id, config_.categories});
    if (const auto* failed = std::get_if<start_error>(&started))
        return give_up(exit_code::unusable, "cannot start a capture session: " + failed->message);
    const auto* session = std::get<const session_record*>(started);
    spdlog::info("capture session {} → stream {} in {}", session->id, session->parts.back().stream,
                 session->parts.back().at.text());
    return true;
}

} // namespace agent
