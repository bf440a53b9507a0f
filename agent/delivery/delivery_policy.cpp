#include "agent/delivery/delivery_policy.hpp"

#include <algorithm>
#include <utility>

namespace agent {

bool delivery_policy::stand(stream_condition condition, std::string reason) {
    const bool told = condition != condition_ || trying_again_;
    condition_ = condition;
    reason_ = std::move(reason);
    trying_again_ = false;
    return told;
}

bool delivery_policy::on_progress(net::time_point now) {
    retry_.succeeded();
    hurried_ = false;
    quiet_since_ = now;
    return stand(stream_condition::delivering, {});
}

bool delivery_policy::on_failure(s2::writer_pause pause, const s2::error& why, net::time_point now,
                                 std::uint64_t random) {
    using enum s2::writer_pause;
    switch (pause) {
    case none:
    case cancelled:
        return false;
    case back_off: {
        const net::duration at_least = why.retry_after.value_or(std::chrono::milliseconds(0));
        pause_end_ = *retry_.next(now, random, at_least);
        if (std::exchange(hurried_, false)) {
            retry_.succeeded();
            pause_end_ = now;
        }
        return stand(stream_condition::failing, why.text());
    }
    case park_sink:
    case park_stream:
        break;
    }
    hurried_ = false;
    refused_at_ = now;
    pause_end_ = net::saturating_add(now, park_retry);
    return stand(pause == park_sink ? stream_condition::sink_parked : stream_condition::stream_parked,
                 why.text());
}

void delivery_policy::flush() {
    if (is_parked(condition_))
        return;
    hurried_ = !pause_end_ && condition_ == stream_condition::failing;
    retry_.succeeded();
    pause_end_.reset();
}

// A wish from before the refusal is answered by it.
void delivery_policy::retry_parked() {
    if (!is_parked(condition_) || trying_again_)
        return;
    trying_again_ = true;
    pause_end_.reset();
}

bool delivery_policy::pausing(net::time_point now, bool may_retry) {
    if (!pause_end_)
        return false;
    if (now < *pause_end_)
        return true;
    if (is_parked(condition_) && !may_retry) {
        pause_end_ = net::saturating_add(now, park_retry_later);
        return true;
    }
    trying_again_ = is_parked(condition_);
    pause_end_.reset();
    return false;
}

delivery_step delivery_policy::next(net::time_point now, const delivery_facts& facts) {
    using enum delivery_step::kind;
    if (pause_end_)
        return {wait, *pause_end_};
    if (!facts.resting)
        return {act};
    if (retiring_ && facts.quiet && !facts.session_open)
        return {leave};
    const bool idle = facts.quiet && facts.session_takes_batches;
    const net::time_point close_at = net::saturating_add(quiet_since_, idle_close_);
    if (idle && (retiring_ || now >= close_at))
        return {close_session};
    return {wait, idle ? std::min(facts.batch_due, close_at) : facts.batch_due};
}

} // namespace agent
