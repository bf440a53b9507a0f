#pragma once
// Keeps who can be paused without loss near the delivery that empties the ring: what lies in few segments
// stays mapped, and is written over before the kernel writes it to the disk. A delivery that does not move is
// not waited for.

#include "agent/ring/ring.hpp"
#include "net/environment.hpp"

#include <algorithm>

namespace agent {

// An acknowledgement from the far side of the world, and a pause of its server's.
constexpr net::duration delivery_moves_within = std::chrono::seconds(1);

class ring_pace {
public:
    ring_pace(net::environment& env, ring& journal)
        : env_(env)
        , journal_(journal) {}

    // `bytes` more would lie far ahead of a delivery that moves, or that may.
    bool too_far_ahead(std::size_t bytes) const {
        const seq_t oldest = journal_.far_ahead_of(bytes);
        return oldest != 0 && oldest != not_waited_for_;
    }

    // Until something is freed, or delivery has not moved for that long; not beyond `end`, nor beyond what is
    // announced through `leaving`.
    net::task<> wait(std::size_t bytes, const net::condition& leaving, net::time_point end = net::never) {
        const auto until = std::min(end, net::saturating_add(env_.now(), delivery_moves_within));
        const bool notified = co_await net::wait_any_until(until, journal_.freed(), leaving);
        if (!notified)
            not_waited_for_ = journal_.far_ahead_of(bytes);
    }

private:
    net::environment& env_;
    ring& journal_;
    seq_t not_waited_for_ = 0; // where delivery did not move
};

} // namespace agent
