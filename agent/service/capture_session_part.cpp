#include "agent/service/capture_session_part.hpp"

#include <spdlog/spdlog.h>

namespace agent {

net::task<std::optional<start_failure>> capture_session_part::begin() {
    co_await recall();
    co_return choose();
}

// From the history comes what choose() may resume or start.
net::task<> capture_session_part::recall() {
    const auto& wanted = core_.configuration.session_id;
    const auto* active = captures_.sessions().active();
    if (active) {
        std::optional<std::string> id = active->id;
        co_await past_.past().recall(std::move(id));
    }
    if (!active || wanted)
        co_await past_.past().recall(wanted);
}

// A session that was active goes on, unless a new one must start (product: Crash and restart).
std::optional<start_failure> capture_session_part::choose() {
    const auto& from = core_.configuration;
    auto& sessions = captures_.sessions();
    const auto* active = sessions.active();
    const bool own_id_wanted = active && from.session_id && *from.session_id == active->id;
    const bool superseded = active && !own_id_wanted && (core_.has_input() || from.session_id);
    const bool starts = superseded || (!active && (core_.has_input() || from.start || from.session_id));
    waits_.reset();
    if (starts)
        if (auto refused = sessions.refusal({from.session_id, from.categories});
            refused && refused->ends_with_delivery()) {
            waits_ = std::move(refused);
            return std::nullopt;
        }
    if (superseded) {
        spdlog::info("capture session {} is superseded", active->id);
        sessions.stop(end_reason::superseded);
    } else if (active) {
        sessions.resume();
        if (!sessions.active())
            return choose(); // it could not go on: another one, where one is asked for
        core_.session_resumed = true;
        spdlog::info("capture session {} goes on", active->id);
        return std::nullopt;
    }
    return starts ? start_new() : std::nullopt;
}

std::optional<start_failure> capture_session_part::start_new() {
    const auto& from = core_.configuration;
    const auto outcome = captures_.sessions().start({from.session_id, from.categories});
    if (const auto* failed = std::get_if<start_error>(&outcome))
        return start_failure{exit_code::unusable, "cannot start a capture session: " + failed->message};
    const auto* session = std::get<const session_record*>(outcome);
    spdlog::info("capture session {} → stream {} in {}", session->id, session->parts.back().stream,
                 session->parts.back().at.text());
    return std::nullopt;
}

net::task<std::optional<start_failure>> capture_session_part::begin_when_there_is_room() {
    const auto& from = core_.configuration;
    auto& sink = delivery_.sink();
    const auto deadline = net::saturating_add(core_.env.now(), from.shutdown_timeout);
    spdlog::warn("{}; they are delivered before a new one starts: {}", waits_->message, sink.owed_to());
    while (!core_.stop.given() && core_.env.now() < deadline) {
        const auto refused = captures_.sessions().refusal({from.session_id, from.categories});
        if (!refused || !refused->ends_with_delivery()) {
            co_await recall(); // there may have been no slot for it
            auto failed = choose();
            if (failed || !waits_)
                co_return failed;
        }
        co_await net::wait_any_until(deadline, core_.stop.changed(), sink.changed());
    }
    if (!core_.stop.given()) {
        spdlog::error(
            "cannot start a capture session: {}: owed to {}; run once with that place reachable, or use "
            "another --state-dir",
            waits_->message, sink.owed_to());
        core_.stop.give(teardown_cause::no_start);
    }
    co_return std::nullopt;
}

// Who is told to leave meanwhile takes nothing. Where delivery parks so soon, what comes is for the ring.
net::task<bool> capture_session_part::on_disk() {
    const auto& sessions = state_.sessions();
    while (!sessions.start_stored() && !sessions.start_failure() && !core_.stop.state().told_to_leave())
        co_await net::wait_any(core_.stop.changed(), delivery_.sink().changed());
    co_return sessions.start_stored() && !waits_;
}

std::optional<start_failure> capture_session_part::refused_by_disk() const {
    const auto& failed = state_.sessions().start_failure();
    if (!failed)
        return std::nullopt;
    return start_failure{exit_code::unusable,
                         "cannot use the state directory " + core_.configuration.state_dir.string() +
                             ": the session table can't be written: " + failed.message()};
}

net::task<> capture_session_part::stop() {
    const bool at_the_end = core_.stop.state().cause() == teardown_cause::end_of_input;
    captures_.sessions().stop(at_the_end ? end_reason::end_of_input : end_reason::shutdown);
    live_.sink().end();
    co_return;
}

} // namespace agent
