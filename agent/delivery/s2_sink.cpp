#include "agent/delivery/s2_sink.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

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
    , to_pass_on_(env)
    , changed_(env)
    , work_(env)
    , owed_(journal, sessions, deliveries)
    , placement_(env, sessions, deliveries, owed_,
                 {std::move(options.at), std::move(options.stream_template)})
    , continued_(env, sessions, deliveries, owed_, placement_)
    , schedule_({env, journal, sessions, deliveries, client, options.limits}, owed_, placement_, *this)
    , told_(env, sessions, schedule_, continued_, placement_)
    , accounts_(journal, sessions, owed_, placement_)
    , overview_({sessions, owed_, placement_, continued_, schedule_, told_, accounts_}) {
    placement_.connect({[this](const entry& stream) { return schedule_.find(stream) != nullptr; },
                        [this](const entry& stream) { schedule_.forget(stream); },
                        [this] { to_pass_on_.notify(); }},
                       std::move(announce));
}

s2_sink::~s2_sink() = default;

void s2_sink::recover() {
    continued_.recover();
    schedule_.recover();
    accounts_.settle();
    if (continued_.go_on())
        condition_changed();
    for (const auto* stream : owed_.unsettled())
        if (!placement_.here(stream->state) && owed_.owes(*stream))
            spdlog::warn("stream {} of {} still waits with {} events; this configuration can't deliver them",
                         stream->state.stream, stream->state.at.text(),
                         accounts_.size_of(owed_.ranges(*stream), 0).events);
}

// --- the work

net::task<> s2_sink::run() {
    co_await net::with_task_group(env_, [this](net::task_group& group) -> net::task<> {
        group.spawn([this] { return pump(); });
        for (;;) {
            if (continued_.go_on())
                condition_changed();
            schedule_.start_due(group);
            schedule_.retire_unneeded();
            if (draining_ && schedule_.idle() && !owes_here())
                break;
            co_await work_.wait();
        }
    });
}

void s2_sink::drain() {
    draining_ = true;
    schedule_.drain();
    schedule_.hurry(journal_.last_seq());
    work_.notify();
}

// Passes on that envelopes were published, and keeps the tables on disk up to date with the sessions.
net::task<> s2_sink::pump() {
    std::uint64_t synced = 0;
    net::time_point next_try{};
    for (;;) {
        schedule_.wake();
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

void s2_sink::progressed() {
    changed_.notify();
    journal_.owed_changed();
    if (schedule_.running().size() > 1 || !sessions_.active())
        work_.notify();
}

void s2_sink::ended() {
    changed_.notify();
    journal_.owed_changed();
    work_.notify();
}

void s2_sink::condition_changed() {
    changed_.notify();
    work_.notify();
    told_.look();
}

net::task<> s2_sink::lost(entry& stream, std::string reason) {
    continued_.lost(stream, reason);
    if (continued_.go_on())
        condition_changed();
    (void)co_await sync_tables(); // told; the pump does it again, and the claim syncs what it stands on
}

// --- what is left, and who waits for it

bool s2_sink::owes_here() const {
    const auto all = owed_.unsettled();
    return std::any_of(all.begin(), all.end(), [this](const auto* stream) {
        return placement_.here(stream->state) && owed_.owes(*stream);
    });
}

bool s2_sink::owes_held() const {
    const auto all = owed_.unsettled();
    return std::any_of(all.begin(), all.end(), [this](const auto* stream) {
        return !placement_.here(stream->state) && owed_.owes(*stream);
    });
}

bool s2_sink::refused() const {
    const auto& running = schedule_.running();
    return (parked() && owes_here()) || std::any_of(running.begin(), running.end(), [this](const auto& one) {
               return is_parked(one->condition()) && owed_.owes(one->entry());
           });
}

// What moves comes first: nearly always that settles it, however many streams are refused.
left_undelivered s2_sink::left(seq_t up_to, net::time_point retries_until) const {
    left_undelivered left;
    left.sink = parked();
    const bool retries_count = env_.now() < retries_until;
    for (const auto& one : schedule_.running()) {
        const bool may_move = !is_parked(one->condition()) || (retries_count && one->trying_again());
        if (may_move && owed_.owes_up_to(one->entry(), up_to)) {
            left.moves = true;
            return left;
        }
    }
    for (const auto* stream : owed_.unsettled()) {
        if (!owed_.owes_up_to(*stream, up_to))
            continue;
        if (!placement_.here(stream->state)) {
            left.held = true;
        } else if (const auto* waiting = continued_.waits_for_slot(stream->state)) {
            left.stream = *waiting;
        } else if (const auto* one = schedule_.find(*stream); one && is_parked(one->condition())) {
            left.stream = stream_parked{one->reason()};
        } else {
            left.moves = true;
            return left;
        }
    }
    return left;
}

// Where all is durable, or the rest is held for another place, run() closes its sessions in order and ends.
bool s2_sink::ends_by_itself(net::time_point retries_until) const {
    const auto outcome = outcome_of(left(journal_.last_seq(), retries_until), false);
    return outcome != flush_outcome::parked && outcome != flush_outcome::streams_parked;
}

net::task<flush_outcome> s2_sink::flush(seq_t up_to, net::time_point deadline) {
    const auto retries_until = net::saturating_add(env_.now(), parked_retry_grace);
    schedule_.hurry(up_to);
    for (;;) {
        const auto outcome = outcome_of(left(up_to, retries_until), env_.now() >= deadline);
        if (outcome)
            co_return *outcome;
        // The grace ends with nobody to tell it.
        const auto until = env_.now() < retries_until ? std::min(deadline, retries_until) : deadline;
        co_await changed_.wait_until(until);
    }
}

} // namespace agent
