#include "agent/delivery/delivery_overview.hpp"

#include <algorithm>

namespace agent {
namespace {

// Both are counted one after the other, and a shortage may end in between.
std::uint64_t less(std::uint64_t from, std::uint64_t what) {
    return from - std::min(from, what);
}

} // namespace

undelivered_stream delivery_overview::describe(const delivery_table::entry& stream, backlog_size size,
                                               const std::optional<sink_parked>& sink) const {
    const auto& state = stream.state;
    undelivered_stream described{state.at, state.stream, size, {}, stream_state::waiting};
    const auto* one = from_.schedule.find(stream);
    if (!from_.placement.here(state)) {
        described.state = stream_state::held;
        described.reason = "recorded for " + state.at.text();
    } else if (const auto* waiting = from_.continued.waits_for_slot(state)) {
        described.state = stream_state::parked;
        described.reason = waiting->reason;
    } else if (one && is_parked(one->condition())) {
        described.state = stream_state::parked;
        described.reason = one->reason();
    } else if (sink) {
        described.state = stream_state::parked;
        described.reason = sink->reason();
    } else if (one && one->condition() == stream_condition::failing) {
        described.reason = one->reason();
    } else {
        described.reason = one ? "not acknowledged yet" : "waits for its turn";
    }
    return described;
}

delivery_status delivery_overview::status() const {
    delivery_status status;
    auto standing = from_.told.now();
    status.condition = standing.condition;
    status.reason = std::move(standing.reason);
    status.durable_seq = from_.owed.durable_seq();
    const auto sink = from_.schedule.parked();
    for (const auto* stream : from_.owed.unsettled()) {
        const auto ranges = from_.owed.ranges(*stream);
        if (ranges.empty())
            continue;
        const auto size = from_.accounts.size_of(ranges, 0);
        status.undelivered_events += size.events;
        status.undelivered_bytes += size.bytes;
        status.streams.push_back(describe(*stream, size, sink));
    }
    backlog_size of_active;
    if (const auto* active = from_.sessions.active())
        of_active = from_.accounts.size_of(from_.owed.ranges_of(*active), active->number);
    status.backlog.events = less(status.undelivered_events, of_active.events);
    status.backlog.bytes = less(status.undelivered_bytes, of_active.bytes);
    // What needs somebody's help comes first, so that a list that is cut still names it.
    const auto order = [](const undelivered_stream& stream) {
        return stream.state == stream_state::parked ? 0 : stream.state == stream_state::held ? 1 : 2;
    };
    std::stable_sort(status.streams.begin(), status.streams.end(),
                     [order](const auto& a, const auto& b) { return order(a) < order(b); });
    if (status.condition == delivery_condition::idle && !status.streams.empty()) {
        const auto& first = status.streams.front();
        if (first.state == stream_state::parked) {
            status.condition = delivery_condition::streams_parked;
            status.reason = "stream " + first.stream + ": " + first.reason;
        } else if (first.state == stream_state::held) {
            status.condition = delivery_condition::held;
        }
    }
    if (status.streams.size() > streams_listed_max) {
        status.streams_not_listed = status.streams.size() - streams_listed_max;
        status.streams.resize(streams_listed_max);
    }
    return status;
}

std::string delivery_overview::owed_to() const {
    std::vector<std::pair<std::string, int>> places;
    for (const auto* stream : from_.owed.unsettled()) {
        if (!from_.owed.owes(*stream))
            continue;
        const auto text = stream->state.at.text();
        const auto known =
            std::find_if(places.begin(), places.end(), [&](const auto& each) { return each.first == text; });
        if (known == places.end())
            places.emplace_back(text, 1);
        else
            ++known->second;
    }
    std::string all;
    for (const auto& [text, streams] : places)
        all += (all.empty() ? "" : ", ") + text + " (" + std::to_string(streams) + " streams)";
    return all;
}

std::uint64_t delivery_overview::held_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto* stream : from_.owed.unsettled())
        if (!from_.placement.here(stream->state))
            bytes += from_.accounts.size_of(from_.owed.ranges(*stream), 0).bytes;
    return bytes;
}

} // namespace agent
