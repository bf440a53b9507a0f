#include "agent/delivery/s2_sink.hpp"

#include "net/assert.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace agent {

namespace {

constexpr net::duration sync_again_after = std::chrono::seconds(1); // where the disk refused it

} // namespace

s2_sink::s2_sink(net::environment& env, ring& journal, session_table& sessions, delivery_table& deliveries,
                 s2::client& client, s2_sink_options options, announce_function announce)
    : env_(env)
    , journal_(journal)
    , sessions_(sessions)
    , deliveries_(deliveries)
    , client_(client)
    , options_(std::move(options))
    , announce_(std::move(announce))
    , to_pass_on_(env)
    , changed_(env)
    , work_(env)
    , announce_later_(env.make_timer()) {}

s2_sink::~s2_sink() = default;

net::task<> s2_sink::run() {
    co_await net::with_task_group(env_, [this](net::task_group& group) -> net::task<> {
        group.spawn([this] { return pump(); });
        for (;;) {
            go_on_where_a_slot_is_free();
            start_due(group);
            retire_unneeded();
            if (draining_ && running_.empty() && !owes_here())
                break;
            co_await work_.wait();
        }
    });
}

void s2_sink::drain() {
    draining_ = true;
    flush_to_ = journal_.last_seq();
    hurry();
    work_.notify();
}

// Passes on that envelopes were published, and keeps the tables on disk up to date with the sessions.
net::task<> s2_sink::pump() {
    std::uint64_t synced = 0;
    net::time_point next_try{};
    for (;;) {
        for (const auto& one : running_)
            if (!is_parked(one->condition()))
                one->wake();
        const std::uint64_t generation = sessions_.generation();
        if (synced == generation) {
            co_await net::wait_any(journal_.appended(), to_pass_on_);
        } else if (env_.now() < next_try) {
            (void)co_await net::wait_any_until(next_try, journal_.appended(), to_pass_on_);
        } else {
            work_.notify();
            const net::error_code failed = co_await sync_tables();
            if (failed)
                next_try = net::saturating_add(env_.now(), sync_again_after);
            else
                synced = generation;
            sessions_.on_synced(generation, failed);
            changed_.notify();
        }
    }
}

net::task<net::error_code> s2_sink::sync_tables() {
    auto& sessions = sessions_;
    auto& deliveries = deliveries_;
    const net::error_code failed = co_await net::on_helper(env_, [&sessions, &deliveries] {
        const net::error_code first = deliveries.sync();
        return first ? first : sessions.sync();
    });
    if (failed)
        spdlog::error("cannot write the session table to disk: {}", failed.message());
    co_return failed;
}

stream_delivery* s2_sink::running_for(const delivery_table::entry& entry) const {
    for (const auto& one : running_)
        if (&one->entry() == &entry)
            return one.get();
    return nullptr;
}

// The active session's even while it owes nothing: nobody looks here again for each envelope that it will
// owe.
bool s2_sink::needs_delivery(const delivery_state& state) const {
    return owes(state) || (!draining_ && is_active_stream(state));
}

// The active session's stream always; beside it the oldest backlog, as far as there is a place. A parked
// stream takes none; where the sink itself is parked, more streams would only be refused too.
void s2_sink::start_due(net::task_group& group) {
    const bool sink_parked = parked();
    auto candidates = unsettled();
    std::stable_sort(candidates.begin(), candidates.end(), [this](const auto* a, const auto* b) {
        const bool a_active = is_active_stream(a->state);
        const bool b_active = is_active_stream(b->state);
        return a_active != b_active ? a_active : a->state.from_seq < b->state.from_seq;
    });
    for (auto* entry : candidates) {
        if (entry->state.lost || !here(entry->state) || running_for(*entry))
            continue;
        const auto taken = static_cast<std::size_t>(std::count_if(
            running_.begin(), running_.end(), [](const auto& one) { return !is_parked(one->condition()); }));
        const bool has_place =
            (taken < streams_written_max && !sink_parked) || is_active_stream(entry->state);
        if (!has_place || !needs_delivery(entry->state))
            continue;
        delivery_context context{env_,
                                 journal_,
                                 sessions_,
                                 deliveries_,
                                 options_.limits,
                                 client_,
                                 [this] {
                                     changed_.notify();
                                     journal_.owed_changed();
                                     if (running_.size() > 1 || !sessions_.active())
                                         work_.notify();
                                 },
                                 [this] { condition_changed(); },
                                 [this, entry] { return may_retry(*entry); }};
        auto one = std::make_shared<stream_delivery>(std::move(context), *entry);
        holds_.erase(entry); // its feed holds the same
        running_.push_back(one);
        if (flush_to_ > entry->state.durable_seq)
            one->flush();
        group.spawn([this, one] { return deliver(one); });
    }
}

void s2_sink::retire_unneeded() {
    for (const auto& one : running_)
        if (!is_parked(one->condition()))
            one->retire(!needs_delivery(one->state()));
}

net::task<> s2_sink::deliver(std::shared_ptr<stream_delivery> one) {
    co_await one->run();
    finished_acks_ += one->ack_count();
    std::string lost = one->lost_reason();
    auto& entry = one->entry();
    if (entry.state.sent_seq > entry.state.durable_seq && lost.empty())
        holds_[&entry] = journal_.hold(entry.state.durable_seq + 1, entry.state.sent_seq);
    std::erase(running_, one);
    one.reset();
    if (!lost.empty())
        co_await go_on_elsewhere(entry, std::move(lost));
    journal_.owed_changed();
    changed_.notify();
    work_.notify();
}

std::uint64_t s2_sink::ack_count() const {
    std::uint64_t count = finished_acks_;
    for (const auto& one : running_)
        count += one->ack_count();
    return count;
}

} // namespace agent
