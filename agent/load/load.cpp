#include "agent/load/load.hpp"

#include "agent/config/units.hpp"
#include "agent/ring/pace.hpp"
#include "net/assert.hpp"
#include "net/task/next_turn.hpp"
#include "net/task/task_group.hpp"

#include <algorithm>
#include <limits>

namespace agent {
namespace {

using namespace std::chrono_literals;

constexpr net::duration set_up_patience = 10s;
constexpr std::size_t turn_bytes_max = 256 * 1024; // published before the loop's other work has its turn
constexpr net::duration behind_max =
    100ms; // at a rate: how long after its end what was due is still published

// The first event that is due only after the duration.
std::uint64_t events_within(const load_schedule& schedule, net::duration duration) {
    std::uint64_t below = 0;
    std::uint64_t above =
        (static_cast<std::uint64_t>(duration / std::chrono::seconds(1)) + 1) * schedule.per_second + 1;
    while (below < above) {
        const auto middle = below + (above - below) / 2;
        if (schedule.due(middle) < duration)
            below = middle + 1;
        else
            above = middle;
    }
    return below;
}

std::uint64_t events_of(const load_options& options) {
    auto most = options.events.value_or(std::numeric_limits<std::uint64_t>::max());
    if (options.duration && options.schedule.per_second > 0)
        most = std::min(most, events_within(options.schedule, *options.duration));
    return most;
}

} // namespace

load::load(net::environment& env, load_options options)
    : env_(env)
    , options_(std::move(options))
    , events_max_(events_of(options_))
    , wake_(env) {}

void load::end_early() {
    ended_early_ = true;
    wake_.notify();
}

bool load::over() const {
    return ended_early_ || progress_.published == events_max_ ||
           env_.now() >= net::saturating_add(end_time(), options_.schedule.per_second > 0
                                                             ? behind_max
                                                             : net::duration::zero());
}

net::time_point load::end_time() const {
    return options_.duration ? net::saturating_add(*progress_.began, *options_.duration) : net::never;
}

net::time_point load::due(std::uint64_t n) const {
    return net::saturating_add(*progress_.began, options_.schedule.due(n));
}

net::task<intake_end> load::publish_all(capture& into, ring& journal, delivery& to, net::stop_token stop) {
    const bool ready = co_await set_up(into, journal, to);
    if (!ready)
        co_return intake_end::failed;
    progress_.first_ts = std::max<net::wall_micros>(env_.wall_now(), 0);
    events_.emplace(options_.event_bytes, progress_.first_ts, options_.schedule);
    progress_.used_before = used_by_process();
    progress_.began = env_.now();
    progress_.last_durable_at = *progress_.began;
    co_await net::with_task_group(env_, [&](net::task_group& group) -> net::task<> {
        group.spawn([&] { return end_on(stop); });
        co_await publish_in_turn(into, journal);
    });
    if (options_.schedule.per_second > 0 && !ended_early_ && progress_.failure.empty())
        progress_.not_offered = events_max_ - progress_.published;
    co_return progress_.failure.empty() ? intake_end::end_of_input : intake_end::failed;
}

net::task<bool> load::set_up(capture& into, ring& journal, delivery& to) {
    progress_.session_id = into.active()->id;
    progress_.first_seq = journal.next_seq();
    const auto from = env_.now();
    const auto outcome = co_await to.flush(journal.last_seq(), net::saturating_add(from, set_up_patience));
    progress_.set_up = env_.now() - from;
    if (outcome == flush_outcome::durable)
        co_return true;
    const auto status = to.status();
    if (outcome == flush_outcome::streams_parked) {
        progress_.failure = "delivery is parked: " + refused_streams_text(status);
        co_return false;
    }
    progress_.failure = outcome == flush_outcome::parked
                            ? "delivery is parked"
                            : "nothing became durable within " + duration_text(set_up_patience);
    if (!status.reason.empty())
        progress_.failure += ": " + status.reason;
    co_return false;
}

net::task<> load::end_on(net::stop_token stop) {
    co_await stop.begun();
    end_early();
}

net::task<> load::publish_in_turn(capture& into, ring& journal) {
    const std::size_t bytes = options_.event_bytes + envelope_overhead_bytes_max;
    const bool paced = options_.schedule.per_second == 0;
    ring_pace pace(env_, journal);
    while (!over()) {
        const auto next_due = due(progress_.published);
        if (next_due > env_.now()) {
            co_await wake_.wait_until(next_due);
        } else if (paced && pace.too_far_ahead(bytes)) {
            co_await pace.wait(bytes, wake_, end_time());
        } else if (!journal.make_room(bytes)) {
            const auto end = net::saturating_add(end_time(), behind_max);
            co_await net::wait_any_until(std::min(end, journal.look_again_at()), journal.freed(), wake_);
        } else {
            if (!publish_due(into, journal))
                co_return;
            co_await net::next_turn(env_);
        }
    }
}

// What is due now, as far as there is room, up to one turn's bytes. False: refused, and why is in progress_.
bool load::publish_due(capture& into, ring& journal) {
    const auto now = env_.now();
    const auto bytes_before = progress_.published_bytes;
    while (progress_.published < events_max_ && progress_.published_bytes - bytes_before < turn_bytes_max &&
           journal.make_room(options_.event_bytes + envelope_overhead_bytes_max)) {
        const auto when = options_.schedule.per_second > 0 ? due(progress_.published) : now;
        if (when > now)
            break;
        const auto outcome = into.publish(events_->event(progress_.published), event_origin::intake);
        const auto* accepted = std::get_if<publish_accepted>(&outcome);
        if (!accepted) {
            const auto* refused = std::get_if<publish_refused>(&outcome);
            progress_.failure = refused ? "an event was refused: " + refused->message
                                        : "an event was filtered out of the capture session";
            return false;
        }
        NET_ASSERT(accepted->seq == progress_.first_seq + progress_.published,
                   "nobody else publishes while a load runs");
        ++progress_.published;
        progress_.published_bytes += accepted->envelope.size();
        if (waiting_.empty() || waiting_.back().due != when)
            waiting_.push_back({0, when});
        waiting_.back().end = progress_.published;
    }
    return true;
}

void load::durable(seq_t up_to) {
    if (up_to < progress_.first_seq || waiting_.empty())
        return;
    const auto now_durable = std::min(progress_.published, up_to - progress_.first_seq + 1);
    if (now_durable <= progress_.durable)
        return;
    const auto now = env_.now();
    while (progress_.durable < now_durable) {
        const burst& oldest = waiting_.front();
        const auto to = std::min(oldest.end, now_durable);
        progress_.latency.record(now - oldest.due, to - progress_.durable);
        progress_.durable = to;
        if (to == oldest.end)
            waiting_.pop_front();
    }
    progress_.last_durable_at = now;
    progress_.used_after = used_by_process();
}

} // namespace agent
