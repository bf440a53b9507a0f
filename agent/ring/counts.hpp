#pragma once
// What one segment holds of producers' events, kept so that a range of it is counted without reading it. The
// frames are told in seq order; a checkpoint stands at the first frame of each run of one session's frames,
// and every 64 KiB. So the frames between two checkpoints (a stretch) are of one session, and a range ends
// inside of two stretches at most: only these are left to be read.

#include "agent/ring/frame.hpp"
#include "agent/ring/types.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace agent {

constexpr std::size_t ring_checkpoint_bytes = 64 * 1024;

// Frames of one session that lie one behind the other; `offset` is where the first frame of their stretch is.
struct segment_stretch {
    std::size_t offset = 0;
    seq_t from = 0;
    seq_t to = 0;
};

struct segment_count {
    ring_count known;                        // of the stretches that lie in the range as a whole
    std::array<segment_stretch, 2> unread{}; // of the others, what lies in the range
    std::size_t unread_count = 0;
};

class segment_counts {
public:
    segment_counts();

    void add(const frame& added) {
        if (added.begin >= checkpoint_due_ || added.session != session_)
            start_stretch(added);
        if (added.own)
            return;
        ++events_;
        bytes_ += added.payload.size();
    }

    std::uint64_t producer_events() const { return events_; }

    // Of [from, to], of one session or (0) of all. `last` is the segment's last seq.
    segment_count count(std::uint32_t session, seq_t from, seq_t to, seq_t last) const;

private:
    struct checkpoint {
        seq_t seq;
        std::uint32_t offset;
        std::uint32_t session;
        std::uint32_t events; // of all stretches before
        std::uint32_t bytes;
    };

    void start_stretch(const frame& first);
    bool holds_all_of(std::uint32_t session) const; // and nothing else

    std::vector<checkpoint> checkpoints_;
    std::size_t checkpoint_due_ = 0;
    std::uint64_t events_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint32_t session_ = 0; // of the stretch that is told
    bool one_session_ = true;
};

} // namespace agent
