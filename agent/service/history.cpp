// What the history is asked for: sessions that start again, and what the embedded store may let go.
#include "agent/service/service.hpp"

namespace agent {
namespace {

constexpr std::uint64_t store_check_acks = 256;

} // namespace

// Those that start_session() may resume or start.
net::task<> service::recall_sessions() {
    const auto* active = capture_->active();
    if (active) {
        std::optional<std::string> id = active->id;
        co_await history_->recall(std::move(id));
    }
    if (!active || config_.session_id)
        co_await history_->recall(config_.session_id);
}

net::task<> service::keep_store_small() {
    for (;;) {
        const std::uint64_t acks = sink_->ack_count();
        auto may_go = [this](const session_record& session) { return !sink_->owes(session); };
        for (bool again = true; again;)
            again =
                co_await store_->keep_within(config_.store_capacity, *state_->sessions, *history_, may_go);
        while (sink_->ack_count() < acks + store_check_acks)
            co_await sink_->changed().wait();
    }
}

} // namespace agent
