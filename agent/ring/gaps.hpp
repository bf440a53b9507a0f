#pragma once
// What lies before a segment's first seq and is no longer there: neighbouring ranges, oldest first, each with
// its reason. A range reaches to the next one's start, the last to the segment's first seq. Kept in the
// segment's header, so that a reason outlives the process. A hole that no range covers is damage.

#include "agent/ring/types.hpp"

#include <array>
#include <cstddef>
#include <span>

namespace agent {

constexpr std::size_t ring_gaps_max = 8; // more: the oldest two become one, reason capacity

struct ring_gap_start {
    seq_t from_seq = 0;
    gap_reason reason = gap_reason::none;
};

class ring_gaps {
public:
    bool empty() const { return count_ == 0; }

    std::span<const ring_gap_start> ranges() const { return {ranges_.data(), count_}; }

    // Behind all others; from_seq must not be lower than the last one's.
    void append(seq_t from_seq, gap_reason reason) {
        if (count_ > 0 && ranges_[count_ - 1].reason == reason)
            return;
        if (count_ > 0 && ranges_[count_ - 1].from_seq == from_seq)
            --count_;
        if (count_ == ring_gaps_max) {
            for (std::size_t at = 1; at + 1 < count_; ++at)
                ranges_[at] = ranges_[at + 1];
            ranges_[0].reason = gap_reason::capacity;
            --count_;
        }
        ranges_[count_++] = {from_seq, reason};
    }

    // The gap that begins at `at`, which lies before `first_seq` (the segment's).
    ring_gap at(seq_t at, seq_t first_seq) const {
        ring_gap gap{at, first_seq - 1, gap_reason::damage};
        for (const auto& range : ranges()) {
            if (range.from_seq > at) {
                gap.to_seq = range.from_seq - 1;
                break;
            }
            gap.reason = range.reason;
        }
        return gap;
    }

private:
    std::array<ring_gap_start, ring_gaps_max> ranges_{};
    std::size_t count_ = 0;
};

} // namespace agent
