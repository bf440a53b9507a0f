#pragma once
// While everything works no envelope waits beyond the linger, a few round trips and what the link has to carry
// before it: not for a trickle behind it, not for a timer that was set again.

#include "agent/config/config.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/network.hpp"

#include <iterator>
#include <map>

namespace sim {

// What came to stand at each instant, added up: who stands behind much waits for the link to carry it.
class carried {
public:
    explicit carried(const ledger& book) {
        for (const auto& event : book.events())
            if (!event.landed.empty())
                up_to_[event.landed_at] += event.text.size() + around_event_bytes;
        for (std::uint64_t sum = 0; auto& [instant, bytes] : up_to_) {
            sum += bytes;
            bytes = sum;
        }
    }

    std::uint64_t bytes_up_to(net::time_point when) const {
        const auto later = up_to_.upper_bound(when);
        return later == up_to_.begin() ? 0 : std::prev(later)->second;
    }

    // At least: batches that land at one instant count once.
    std::int64_t batches_between(net::time_point from, net::time_point to) const {
        return std::distance(up_to_.upper_bound(from), up_to_.upper_bound(to));
    }

private:
    static constexpr std::uint64_t around_event_bytes = 110; // the envelope's head, the record, frames

    std::map<net::time_point, std::uint64_t> up_to_;
};

// For a world without faults: every event that was accepted after the stream was first written, and landed
// before the agent was told to leave: what a thin link has not carried by then waits for the next agent. A link
// carries a window in a round trip, and `in_flight` batches are out at once.
inline void expect_no_wait_beyond_linger(const ledger& book, const agent::config& how,
                                         const link_profile& link, net::time_point told_to_leave) {
    const auto round_trip = 2 * (link.latency + link.jitter);
    const auto most = how.delivery.linger + 4 * round_trip + std::chrono::milliseconds(50);
    const carried before(book);
    net::time_point works_since = net::never;
    for (const auto& event : book.events())
        if (!event.landed.empty())
            works_since = std::min(works_since, event.landed_at);
    for (const auto& event : book.events()) {
        if (event.what != fate::accepted || event.landed.empty() || event.sent_at < works_since ||
            event.landed_at > told_to_leave)
            continue;
        const auto waited = event.landed_at - event.answered_at;
        if (waited <= most)
            continue;
        const auto bytes = before.bytes_up_to(event.landed_at) - before.bytes_up_to(event.answered_at);
        const auto batches = before.batches_between(event.answered_at, event.landed_at);
        const auto trips = bytes / link.window_bytes + batches / how.delivery.in_flight;
        if (waited > most + round_trip * trips)
            throw verdict(exit_correctness,
                          "seq " + std::to_string(event.landed_seq) + " waited " +
                              std::to_string(std::chrono::duration<double>(waited).count()) +
                              " s for its batch, with a linger of " +
                              std::to_string(std::chrono::duration<double>(how.delivery.linger).count()) +
                              " s and " + std::to_string(bytes) + " bytes of " + std::to_string(batches) +
                              " batches before it");
    }
}

} // namespace sim
