#pragma once
// Which streams are written, and which refused ones are tried again: the decisions alone
// (delivery_schedule.hpp does what they say).
//
// 1. The active session's stream is written always; beside it the oldest backlog, while fewer than
//    streams_written_max are written. A stream that S2 refuses takes no place of these.
// 2. Where the sink itself is parked, more streams would only be refused too.
// 3. Of the refused streams few are tried again at once: those whose refusal is the oldest.

#include "agent/delivery/standing.hpp"
#include "agent/event/gap.hpp"
#include "net/clock.hpp"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

namespace agent {

constexpr std::size_t streams_written_max = 4;

// A stream that needs to be written, and is not yet.
struct waiting_stream {
    seq_t from_seq = 0;
    bool active = false; // the active session's
};

// Those to be written now, by their index, in the order of their start. `written` are already, refused ones
// left out.
inline std::vector<std::size_t> streams_to_start(std::span<const waiting_stream> waiting, std::size_t written,
                                                 bool whole_sink_parked) {
    std::vector<std::size_t> order(waiting.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return waiting[a].active != waiting[b].active ? waiting[a].active
                                                      : waiting[a].from_seq < waiting[b].from_seq;
    });
    std::erase_if(order, [&](std::size_t index) {
        const bool starts = waiting[index].active || (written < streams_written_max && !whole_sink_parked);
        written += starts ? 1 : 0;
        return !starts;
    });
    return order;
}

// A stream that has a delivery.
struct delivered_stream {
    stream_condition condition = stream_condition::idle;
    bool active = false;
    bool trying_again = false; // refused, and its next answer is not there yet
    net::time_point refused_at{};
};

// Somebody waits: those to be tried again at once, by their index. The active session's in any case.
inline std::vector<std::size_t> streams_to_retry(std::span<const delivered_stream> all) {
    std::vector<std::size_t> retried;
    std::vector<std::size_t> refused;
    std::size_t trying = 0;
    for (std::size_t index = 0; index < all.size(); ++index) {
        if (all[index].trying_again)
            ++trying;
        else if (!is_parked(all[index].condition))
            continue;
        else
            (all[index].active ? retried : refused).push_back(index);
    }
    std::stable_sort(refused.begin(), refused.end(),
                     [&](std::size_t a, std::size_t b) { return all[a].refused_at < all[b].refused_at; });
    const auto places = streams_written_max - std::min(streams_written_max, trying);
    refused.resize(std::min(refused.size(), places));
    retried.insert(retried.end(), refused.begin(), refused.end());
    return retried;
}

// Whether a refused stream whose time has come may be tried again by itself: it would be written beside the
// others if it is let in.
inline bool may_retry(std::span<const delivered_stream> all, bool active) {
    std::size_t trying = 0;
    std::size_t written = 0;
    for (const auto& each : all) {
        trying += each.trying_again ? 1 : 0;
        written += !is_parked(each.condition) && !each.active ? 1 : 0;
    }
    return active || (trying < streams_written_max && written <= streams_written_max);
}

} // namespace agent
