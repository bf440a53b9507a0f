// What the service says of itself: status, report, the last line.
#include "agent/service/service.hpp"

#include <spdlog/spdlog.h>

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

report service::current_report() const {
    if (final_)
        return *final_;
    report account;
    const auto* session = state_->sessions->active();
    const auto* latest = state_->sessions->latest();
    if (!session && (state_->sessions->any_started() || resumed_))
        session = latest;
    if (session)
        account.session = sink_->account(*session);
    account.refused = capture_->refused();
    account.delivery = sink_->status();
    // The backlog is what others left: without the session that this report is about.
    account.backlog = {account.delivery.undelivered_events, account.delivery.undelivered_bytes};
    if (account.session) {
        account.backlog.events -= std::min(account.backlog.events, account.session->undelivered);
        account.backlog.bytes -= std::min(account.backlog.bytes, account.session->undelivered_bytes);
    }
    account.state = teardown_.begun() ? "stopping" : ready_ ? "running" : "starting";
    if (!addresses_.empty())
        account.api = addresses_.front();
    account.listening = addresses_;
    account.pid = ::getpid();
    return account;
}

net::task<> service::write_status_file() {
    if (config_.state_dir.empty())
        co_return;
    const report account = current_report();
    auto& env = env_;
    const auto& dir = config_.state_dir;
    const net::error_code failed =
        co_await net::on_helper(env_, [&env, &account, &dir] { return write_status(env, account, dir); });
    if (failed)
        spdlog::error("cannot write {}: {}", (dir / "status.json").string(), failed.message());
}

net::task<> service::write_report_file() {
    if (config_.report.empty())
        co_return;
    auto& env = env_;
    const auto& where = config_.report;
    const auto& account = *final_;
    const net::error_code unwritten =
        co_await net::on_helper(env_, [&env, &where, &account] { return write_report(env, account, where); });
    if (unwritten)
        spdlog::error("cannot write the report to {}: {}", where, unwritten.message());
}

net::task<> service::feed_watchdog(net::duration every) {
    for (;;) {
        env_.notify_supervisor("WATCHDOG=1");
        co_await net::sleep_until(env_, net::saturating_add(env_.now(), every));
    }
}

void service::say_what_is_left() const {
    if (producer_)
        return; // who made it up knows what it was worth
    const auto& left = final_->delivery;
    const auto refused = final_->refused == 0 ? std::string() : fmt::format("; {} refused", final_->refused);
    if (*final_->exit == exit_code::unusable) {
        spdlog::error(
            "the state directory {} was removed or moved away while the agent ran, and what it held is lost: "
            "S2 had acknowledged all up to seq {}, {} events ({} bytes) were not acknowledged{}",
            config_.state_dir.string(), left.durable_seq, left.undelivered_events, left.undelivered_bytes,
            refused);
        return;
    }
    if (left.undelivered_events == 0 && *final_->exit != exit_code::undelivered &&
        *final_->exit != exit_code::parked) {
        spdlog::info("all durable up to seq {}{}", left.durable_seq, refused);
        return;
    }
    const bool kept = !config_.state_dir.empty();
    spdlog::warn("{} events ({} bytes) are not acknowledged: {}{}; left: {}", left.undelivered_events,
                 left.undelivered_bytes,
                 kept ? "the ring in " + config_.state_dir.string() +
                            " holds them, and a run that reaches their place delivers them"
                      : "without a state directory they are lost",
                 refused, streams_text(left));
}

} // namespace agent
