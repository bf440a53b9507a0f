#include "agent/delivery/told_condition.hpp"

#include "agent/event/system_events.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace agent {
namespace {

constexpr net::duration tell_every = std::chrono::minutes(1);

delivery_condition condition_of(stream_condition worst) {
    switch (worst) {
    case stream_condition::delivering:
        return delivery_condition::delivering;
    case stream_condition::failing:
        return delivery_condition::failing;
    case stream_condition::sink_parked:
    case stream_condition::idle:
    case stream_condition::stream_parked:
        break;
    }
    return delivery_condition::idle;
}

} // namespace

told_condition::told_condition(net::environment& env, const session_table& sessions,
                               const delivery_schedule& schedule, const continuations& continued,
                               const stream_placement& placement)
    : env_(env)
    , sessions_(sessions)
    , schedule_(schedule)
    , continued_(continued)
    , placement_(placement)
    , later_(env.make_timer()) {}

reasoned_condition told_condition::now() const {
    if (const auto refused = schedule_.parked())
        return {delivery_condition::parked, refused->reason()};
    auto worst = stream_condition::idle;
    std::string reason;
    for (const auto& one : schedule_.running()) {
        if (is_parked(one->condition()) || one->condition() <= worst || !schedule_.is_wanted(*one))
            continue;
        worst = one->condition();
        reason = one->reason();
    }
    return {condition_of(worst), std::move(reason)};
}

delivery_picture told_condition::picture() const {
    auto [condition, reason] = now();
    delivery_picture seen{condition, std::move(reason), {}};
    // Whether it is the sink that is refused, the others' answers tell.
    const auto& running = schedule_.running();
    const bool undecided = std::any_of(running.begin(), running.end(), [this](const auto& one) {
        return one->condition() == stream_condition::idle && schedule_.is_wanted(*one);
    });
    for (const auto& one : running) {
        const bool as_stream = one->condition() == stream_condition::stream_parked ||
                               (one->condition() == stream_condition::sink_parked && !undecided);
        if (as_stream && seen.condition != delivery_condition::parked)
            seen.parked_streams.emplace(one->state().stream, one->reason());
    }
    for (const auto& [stream, refused] : continued_.without_slot())
        seen.parked_streams.emplace(stream, refused.reason);
    return seen;
}

void told_condition::look() {
    const auto seen = picture();
    auto news = news_;
    const auto item = news.next(seen);
    if (!item)
        return;
    const auto next = told_at_ ? net::saturating_add(*told_at_, tell_every) : env_.now();
    if (env_.now() < next) {
        later_->start(next, [this] { look(); });
        return;
    }
    news_ = std::move(news);
    told_at_ = env_.now();
    tell(*item);
    if (delivery_news(news_).next(seen))
        later_->start(net::saturating_add(env_.now(), tell_every), [this] { look(); });
}

void told_condition::tell(const news_item& item) {
    const auto where = placement_.at().text();
    if (item.state == durable_error_state::delivering)
        spdlog::info("delivery to {} works again", where);
    else
        spdlog::warn("delivery to {} is {}: {}", where, name_of(item.state), item.reason);
    if (const auto* session = sessions_.active())
        placement_.announce(
            system_durable_error_envelope(session->id, item.state, item.reason, env_.wall_now()));
}

} // namespace agent
