#pragma once
// The number of an envelope, and a range of numbers whose envelopes are no longer there.

#include <cstdint>
#include <string_view>

namespace agent {

using seq_t = std::uint64_t; // 1 is the first; 0 means none

enum class gap_reason : std::uint8_t { none = 0, capacity, damage, machine_crash };
// As events_dropped says it.
std::string_view name_of(gap_reason reason);

struct ring_gap {
    seq_t from_seq;
    seq_t to_seq; // inclusive
    gap_reason reason;
};

} // namespace agent
