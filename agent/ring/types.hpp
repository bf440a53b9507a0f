#pragma once
// The nouns of the ring: what it is given, what it yields, what it asks and whom it tells.

#include "agent/event/event.hpp" // envelope_bytes_max
#include "agent/event/gap.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

constexpr std::uint64_t ring_segment_bytes = 2 * 1024 * 1024;
// What stays mapped behind the head while S2 is served: a segment that is written again meanwhile costs no
// page faults, which would be a third of an event's cost (6 % where segments lie in large pages: on ext4 each
// first store walks 512 buffers). It is as much as the default live history.
constexpr std::size_t ring_mapped_segments_max = 6;
// A segment that was full so soon is followed by one in large pages (see ring_head::rate).
constexpr std::chrono::seconds ring_filled_fast{5};
// A producer that can be paused stays so many segments ahead of a delivery that moves.
constexpr std::size_t ring_segments_ahead_max = 4;
// How soon who waits for room looks again where nobody will tell that there is some.
constexpr std::chrono::seconds ring_look_again_after{1};
constexpr std::size_t ring_kept_aside_max = 8; // damaged segments; the oldest go

struct ring_options {
    std::filesystem::path dir; // empty: anonymous memory
    std::uint64_t capacity_bytes = 256 * 1024 * 1024;
    std::uint64_t live_history_bytes = 8 * 1024 * 1024;
};

struct ring_entry {
    seq_t seq = 0;
    std::uint32_t session = 0; // its number in the session table
    bool own = false;          // the agent's own system event, not a producer's
    std::string_view line;     // the envelope, without newline
};

// Producers' events of a range; the bytes are those of their lines.
struct ring_count {
    std::uint64_t producer_events = 0;
    std::uint64_t producer_bytes = 0;
    bool partial = false; // something of the range is there and can't be read for now: it is left out

    ring_count& operator+=(const ring_count& more) {
        producer_events += more.producer_events;
        producer_bytes += more.producer_bytes;
        partial = partial || more.partial;
        return *this;
    }

    bool operator==(const ring_count&) const = default;
};

// What the ring asks, at a segment's end only, and whom it tells before a segment goes.
class ring_retention {
public:
    virtual ~ring_retention() = default;
    virtual bool owed(seq_t first, seq_t last) const = 0; // S2 lacks some of it
    // A segment goes, whether or not any of it is owed. ring::count() still answers for it, and its going is
    // not noted yet: a process that dies before the note finds it again, of the same generation (see
    // ring::generation_of).
    virtual void letting_go(std::uint64_t generation, seq_t first, seq_t last) = 0;
};

struct ring_recovery {
    bool found = false;         // there was a ring
    bool clean = false;         // the earlier agent stopped in order: clean mark, same boot or not
    bool machine_crash = false; // no clean mark, and another or an unknown boot or a ring not whole
    seq_t last_seq = 0;         // highest seq found whole
    std::uint64_t damaged_segments = 0;
    std::vector<std::string> messages; // for the log: what was kept aside and why
};

} // namespace agent
