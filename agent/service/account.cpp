#include "agent/service/account.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <unistd.h>

namespace agent {
namespace {

constexpr std::size_t streams_named_max = 8; // in one line

// Which streams lack how much, and why.
std::string streams_text(const delivery_status& left) {
    std::string text;
    const auto named = std::min(left.streams.size(), streams_named_max);
    for (std::size_t i = 0; i < named; ++i) {
        const auto& each = left.streams[i];
        text +=
            fmt::format("{}stream {} at {}: {} events ({} bytes), {}: {}", i == 0 ? "" : "; ", each.stream,
                        each.at.text(), each.size.events, each.size.bytes, name_of(each.state), each.reason);
    }
    const auto more = left.streams.size() - named + left.streams_not_listed;
    return more == 0 ? text : text + fmt::format("; and {} streams more", more);
}

} // namespace

net::task<> write_report_file(const service_core& core, const report& account) {
    const auto& where = core.configuration.report;
    if (where.empty())
        co_return;
    auto& env = core.env;
    const net::error_code unwritten =
        co_await net::on_helper(env, [&env, &where, &account] { return write_report(env, account, where); });
    if (unwritten)
        spdlog::error("cannot write the report to {}: {}", where, unwritten.message());
}

report agent_account::now() const {
    if (settled_)
        return *settled_;
    report account;
    const auto& sessions = state_.sessions();
    const auto* session = sessions.active();
    if (!session && (sessions.any_started() || core_.session_resumed))
        session = sessions.latest();
    if (session)
        account.session = delivery_.sink().account(*session);
    account.refused = captures_.sessions().refused();
    account.delivery = delivery_.sink().status();
    // The backlog is what others left: without the session that this report is about.
    account.backlog = {account.delivery.undelivered_events, account.delivery.undelivered_bytes};
    if (account.session) {
        account.backlog.events -= std::min(account.backlog.events, account.session->undelivered);
        account.backlog.bytes -= std::min(account.backlog.bytes, account.session->undelivered_bytes);
    }
    account.state = core_.stop.given() ? "stopping" : core_.ready ? "running" : "starting";
    if (!addresses_.empty())
        account.api = addresses_.front();
    account.listening = addresses_;
    account.pid = ::getpid();
    return account;
}

void agent_account::settle() {
    report account = now();
    auto& sink = delivery_.sink();
    const bool owes = sink.owes_here() || sink.owes_held();
    account.exit = core_.stop.state().exit(
        {owes, sink.refused(), core_.input_failed || core_.part_failed, core_.input_unread, state_.lost()});
    account.state = "stopped";
    settled_ = std::move(account);
}

net::task<> agent_account::write_status_file() const {
    const auto& dir = core_.configuration.state_dir;
    if (dir.empty())
        co_return;
    const report account = now();
    auto& env = core_.env;
    const net::error_code failed =
        co_await net::on_helper(env, [&env, &account, &dir] { return write_status(env, account, dir); });
    if (failed)
        spdlog::error("cannot write {}: {}", (dir / "status.json").string(), failed.message());
}

void agent_account::say_what_is_left() const {
    if (core_.in_process)
        return; // who made it up knows what it was worth
    const auto& left = settled_->delivery;
    const auto& dir = core_.configuration.state_dir;
    const auto refused =
        settled_->refused == 0 ? std::string() : fmt::format("; {} refused", settled_->refused);
    if (*settled_->exit == exit_code::unusable) {
        spdlog::error(
            "the state directory {} was removed or moved away while the agent ran, and what it held is lost: "
            "S2 had acknowledged all up to seq {}, {} events ({} bytes) were not acknowledged{}",
            dir.string(), left.durable_seq, left.undelivered_events, left.undelivered_bytes, refused);
        return;
    }
    if (left.undelivered_events == 0 && *settled_->exit != exit_code::undelivered &&
        *settled_->exit != exit_code::parked) {
        spdlog::info("all durable up to seq {}{}", left.durable_seq, refused);
        return;
    }
    spdlog::warn("{} events ({} bytes) are not acknowledged: {}{}; left: {}", left.undelivered_events,
                 left.undelivered_bytes,
                 dir.empty() ? "without a state directory they are lost"
                             : "the ring in " + dir.string() +
                                   " holds them, and a run that reaches their place delivers them",
                 refused, streams_text(left));
}

} // namespace agent
