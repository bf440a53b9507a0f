#pragma once
// When the records that wait become a batch (product "S2 delivery"): `linger` after the first of them, or
// early by count or bytes, or at once when somebody flushes; and only while there is a place in flight. What
// then goes is all that waits, up to the protocol's batch limits; so a batch that had to wait for a place
// grows meanwhile, and throughput is not bound by the small limits.
//
// The linger's end is absolute and set by the first record: a trickle of later ones never postpones it.

#include "net/clock.hpp"
#include "s2/types.hpp"

#include <ostream>

namespace agent {

constexpr std::uint64_t in_flight_metered_bytes_max = 4 * 1024 * 1024;

struct batch_limits {
    net::duration linger = std::chrono::milliseconds(100);
    std::size_t records = 50;
    std::uint64_t metered_bytes = 1024 * 1024;
    std::size_t in_flight = 16; // batches
};

// The records that wait for a batch.
struct waiting_records {
    std::size_t records = 0;
    std::uint64_t metered_bytes = 0;
    net::time_point first_at{}; // of the first one
    bool full = false;          // the next one did not fit: there is no point in waiting for company

    bool empty() const { return records == 0; }

    // Whether one more fits (the protocol's limits).
    bool fits(std::uint64_t more_metered_bytes) const {
        return records < s2::batch_records_max &&
               metered_bytes + more_metered_bytes <= s2::batch_metered_bytes_max;
    }
};

struct batch_facts {
    waiting_records waiting;
    bool flush = false;        // somebody waits for what waits here
    std::size_t in_flight = 0; // batches
    std::uint64_t in_flight_metered_bytes = 0;
};

struct batch_decision {
    enum class kind {
        freeze,    // now
        wait,      // until then, or for more records
        await_ack, // there is no place before one
    };
    kind what = kind::wait;
    net::time_point until = net::never;

    bool operator==(const batch_decision&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const batch_decision& decision) {
    constexpr const char* names[] = {"freeze", "wait", "await_ack"};
    return out << names[static_cast<std::size_t>(decision.what)] << " until "
               << decision.until.time_since_epoch().count();
}

inline batch_decision decide_batch(const batch_limits& limits, const batch_facts& facts,
                                   net::time_point now) {
    using enum batch_decision::kind;
    const waiting_records& waiting = facts.waiting;
    if (waiting.empty())
        return {wait};
    const bool place = facts.in_flight == 0 ||
                       (facts.in_flight < limits.in_flight &&
                        facts.in_flight_metered_bytes + waiting.metered_bytes <= in_flight_metered_bytes_max);
    if (!place)
        return {await_ack};
    const net::time_point linger_end = net::saturating_add(waiting.first_at, limits.linger);
    const bool early = facts.flush || waiting.full || waiting.records >= limits.records ||
                       waiting.metered_bytes >= limits.metered_bytes;
    return early || now >= linger_end ? batch_decision{freeze} : batch_decision{wait, linger_end};
}

} // namespace agent
