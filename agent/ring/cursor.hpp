#pragma once
// Reading the ring.

#include "agent/ring/types.hpp"
#include "net/files.hpp"

#include <memory>
#include <variant>

namespace agent {

class ring;
class ring_chain;
class ring_segment;

// An independent reading position. It never delays a publisher; where it was overtaken it meets a gap.
class ring_cursor {
public:
    struct nothing {};

    using item = std::variant<nothing, ring_entry, ring_gap>;

    ring_cursor(ring& of, seq_t from_seq); // from_seq 0 is 1
    ring_cursor(ring_chain& of, seq_t from_seq);
    ~ring_cursor();

    // The next item, or nothing at the end. An entry's line stays valid until the next call on this cursor,
    // or longer under a hold that covers it; it does not survive a co_await without one.
    item next();

    seq_t position() const { return position_; } // the seq that next() would give

    void seek(seq_t seq); // to the item before, as to any later one, at no cost

private:
    bool enter_segment();     // pins the one that holds position_; false: none does
    item next_in_segment();   // an entry, or a gap of reason damage
    item leave(ring_gap gap); // position_ goes behind it

    ring_chain& chain_;
    seq_t position_;
    std::shared_ptr<ring_segment> segment_;
    std::shared_ptr<net::mapped_file> mapping_;
    std::size_t offset_ = 0;    // of the frame of position_, or of one before it
    seq_t position_before_ = 0; // of the last entry, and where its frame begins
    std::size_t offset_before_ = 0;
    seq_t segment_last_ = 0;
    bool cannot_map_ = false;
};

} // namespace agent
