#pragma once
// While everything works no envelope waits beyond the linger and a few round trips: not for a trickle behind
// it, not for a timer that was set again.

#include "agent/config.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/network.hpp"

namespace sim {

// For a world without faults: every event that was accepted after the stream was first written.
inline void expect_no_wait_beyond_linger(const ledger& book, const agent::config& how,
                                         const link_profile& link) {
    const auto round_trip = 2 * (link.latency + link.jitter);
    const auto most = how.delivery.linger + 4 * round_trip + std::chrono::milliseconds(50);
    net::time_point works_since = net::never;
    for (const auto& event : book.events())
        if (!event.landed.empty())
            works_since = std::min(works_since, event.landed_at);
    for (const auto& event : book.events()) {
        if (event.what != fate::accepted || event.landed.empty() || event.sent_at < works_since)
            continue;
        const auto waited = event.landed_at - event.answered_at;
        if (waited > most)
            throw verdict(exit_correctness,
                          "seq " + std::to_string(event.landed_seq) + " waited " +
                              std::to_string(std::chrono::duration<double>(waited).count()) +
                              " s for its batch, with a linger of " +
                              std::to_string(std::chrono::duration<double>(how.delivery.linger).count()));
    }
}

} // namespace sim
