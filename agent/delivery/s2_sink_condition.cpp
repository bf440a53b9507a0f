// How delivery stands: what S2 refuses, what can still move, who waits for it, and what is told of it.
#include "agent/delivery/s2_sink.hpp"
#include "agent/event/system_events.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace agent {
namespace {

constexpr net::duration announce_every = std::chrono::minutes(1);

} // namespace

std::string_view name_of(delivery_condition value) {
    switch (value) {
    case delivery_condition::idle:
        return "idle";
    case delivery_condition::delivering:
        return "delivering";
    case delivery_condition::failing:
        return "failing";
    case delivery_condition::parked:
        return "parked";
    case delivery_condition::streams_parked:
        return "streams_parked";
    case delivery_condition::held:
        break;
    }
    return "held";
}

std::string_view name_of(stream_state value) {
    switch (value) {
    case stream_state::waiting:
        return "waiting";
    case stream_state::parked:
        return "parked";
    case stream_state::held:
        break;
    }
    return "held";
}

std::string refused_streams_text(const delivery_status& status) {
    const undelivered_stream* first = nullptr;
    std::size_t more = status.streams_not_listed;
    for (const auto& stream : status.streams) {
        if (stream.state != stream_state::parked)
            continue;
        if (first)
            ++more;
        else
            first = &stream;
    }
    if (!first)
        return {};
    const auto text = "stream " + first->stream + " at " + first->at.text() + ": " + first->reason;
    return more == 0 ? text : text + " (and " + std::to_string(more) + " more)";
}

bool s2_sink::parked() const {
    const auto refused_as_sink = [](const auto& one) {
        return one->condition() == stream_condition::sink_parked;
    };
    if (std::none_of(running_.begin(), running_.end(), refused_as_sink))
        return false;
    std::vector<written_stream> all;
    for (const auto& one : running_)
        all.push_back({one->condition(), is_wanted(*one)});
    return sink_is_parked(all);
}

bool s2_sink::is_wanted(const stream_delivery& one) const {
    return is_active_stream(one.state()) || owes(one.state());
}

bool s2_sink::refused() const {
    return (parked() && owes_here()) ||
           std::any_of(running_.begin(), running_.end(),
                       [this](const auto& one) { return is_parked(one->condition()) && owes(one->state()); });
}

// A lost stream whose continuation has no slot: others that are delivered make room for it.
bool s2_sink::waits_for_slot(const delivery_state& state) const {
    return state.lost && no_slot_.contains(state.stream);
}

// What moves comes first: nearly always that settles it, however many streams are refused.
left_undelivered s2_sink::left(seq_t up_to, net::time_point retries_until) const {
    left_undelivered left;
    left.sink_parked = parked();
    const bool retries_count = env_.now() < retries_until;
    for (const auto& one : running_) {
        const bool may_move = !is_parked(one->condition()) || (retries_count && one->trying_again());
        if (may_move && owes_up_to(one->state(), up_to)) {
            left.moves = true;
            return left;
        }
    }
    for (const auto* entry : unsettled()) {
        if (!owes_up_to(entry->state, up_to))
            continue;
        if (!here(entry->state)) {
            left.held = true;
        } else if (waits_for_slot(entry->state)) {
            left.parked = true;
        } else if (const auto* one = running_for(*entry); one && is_parked(one->condition())) {
            left.parked = true;
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
    flush_to_ = std::max(flush_to_, up_to);
    const auto retries_until = net::saturating_add(env_.now(), parked_retry_grace);
    hurry();
    for (;;) {
        const auto outcome = outcome_of(left(up_to, retries_until), env_.now() >= deadline);
        if (outcome)
            co_return *outcome;
        // The grace ends with nobody to tell it.
        const auto until = env_.now() < retries_until ? std::min(deadline, retries_until) : deadline;
        co_await changed_.wait_until(until);
    }
}

// All that waits goes at once. Of the refused streams only a few are tried again: the active session's, and
// those whose refusal is the oldest.
void s2_sink::hurry() {
    std::vector<stream_delivery*> refused;
    std::size_t trying = 0;
    for (const auto& one : running_) {
        one->flush();
        if (one->trying_again())
            ++trying;
        else if (is_active_stream(one->state()))
            one->retry_parked();
        else if (is_parked(one->condition()))
            refused.push_back(one.get());
    }
    const auto count = std::min(refused.size(), streams_written_max - std::min(streams_written_max, trying));
    const auto last = refused.begin() + static_cast<std::ptrdiff_t>(count);
    std::partial_sort(refused.begin(), last, refused.end(),
                      [](const auto* a, const auto* b) { return a->refused_at() < b->refused_at(); });
    std::for_each(refused.begin(), last, [](auto* one) { one->retry_parked(); });
}

// A refused stream that is let in again is written beside the others, so that few are tried at once, and none
// while more than their number are written already.
bool s2_sink::may_retry(const delivery_table::entry& entry) const {
    if (is_active_stream(entry.state))
        return true;
    std::size_t trying = 0;
    std::size_t written = 0;
    for (const auto& one : running_) {
        trying += one->trying_again() ? 1 : 0;
        written += !is_parked(one->condition()) && !is_active_stream(one->state()) ? 1 : 0;
    }
    return trying < streams_written_max && written <= streams_written_max;
}

// --- what is told

delivery_condition s2_sink::condition(std::string& reason) const {
    const bool all_refused = parked();
    auto worst = stream_condition::idle;
    for (const auto& one : running_) {
        const bool counts = all_refused ? one->condition() == stream_condition::sink_parked
                                        : !is_parked(one->condition()) && is_wanted(*one);
        if (counts && one->condition() > worst) {
            worst = one->condition();
            reason = one->reason();
        }
    }
    switch (worst) {
    case stream_condition::delivering:
        return delivery_condition::delivering;
    case stream_condition::failing:
        return delivery_condition::failing;
    case stream_condition::sink_parked:
        return delivery_condition::parked;
    case stream_condition::idle:
    case stream_condition::stream_parked:
        break;
    }
    return delivery_condition::idle;
}

// Told at most once a minute; the latest state is told when the minute is over.
void s2_sink::condition_changed() {
    changed_.notify();
    work_.notify();
    delivery_picture now;
    now.condition = condition(now.reason);
    // Whether it is the sink that is refused, the others' answers tell.
    const bool undecided = std::any_of(running_.begin(), running_.end(), [this](const auto& one) {
        return one->condition() == stream_condition::idle && is_wanted(*one);
    });
    for (const auto& one : running_) {
        const bool as_stream = one->condition() == stream_condition::stream_parked ||
                               (one->condition() == stream_condition::sink_parked && !undecided);
        if (as_stream && now.condition != delivery_condition::parked)
            now.parked_streams.emplace(one->state().stream, one->reason());
    }
    now.parked_streams.insert(no_slot_.begin(), no_slot_.end());
    auto news = news_;
    const auto item = news.next(now);
    if (!item)
        return;
    const auto next = announced_at_ ? net::saturating_add(*announced_at_, announce_every) : env_.now();
    if (env_.now() < next) {
        announce_later_->start(next, [this] { condition_changed(); });
        return;
    }
    news_ = std::move(news);
    announced_at_ = env_.now();
    if (item->state == durable_error_state::delivering)
        spdlog::info("delivery to {} works again", options_.at.text());
    else
        spdlog::warn("delivery to {} is {}: {}", options_.at.text(), name_of(item->state), item->reason);
    if (const auto* session = sessions_.active())
        announce_(system_durable_error_envelope(session->id, item->state, item->reason, env_.wall_now()));
    if (delivery_news(news_).next(now))
        announce_later_->start(net::saturating_add(env_.now(), announce_every),
                               [this] { condition_changed(); });
}

} // namespace agent
