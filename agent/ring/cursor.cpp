#include "agent/ring/cursor.hpp"

#include "agent/ring/chain.hpp"
#include "agent/ring/ring.hpp"

#include <algorithm>

namespace agent {

ring_cursor::ring_cursor(ring& of, seq_t from_seq)
    : ring_cursor(of.chain(), from_seq) {}

ring_cursor::ring_cursor(ring_chain& of, seq_t from_seq)
    : chain_(of)
    , position_(std::max<seq_t>(from_seq, 1)) {}

ring_cursor::~ring_cursor() = default;

void ring_cursor::seek(seq_t seq) {
    seq = std::max<seq_t>(seq, 1);
    if (seq < position_) { // frames are found forwards only, but for the last one
        if (seq == position_before_)
            offset_ = offset_before_;
        else
            segment_.reset();
    }
    position_ = seq;
}

ring_cursor::item ring_cursor::leave(ring_gap gap) {
    position_ = gap.to_seq + 1;
    return gap;
}

ring_cursor::item ring_cursor::next() {
    if (position_ >= chain_.next_seq()) {
        if (segment_ && segment_ != chain_.newest()) {
            segment_.reset(); // a reader at the end keeps no older segment mapped
            mapping_.reset();
        }
        return nothing{};
    }
    // Its last seq grows while it is the head, and becomes exact when its successor's header is known.
    const bool inside = segment_ && !segment_->freed() && position_ <= segment_last_;
    if (!inside && !enter_segment()) {
        if (cannot_map_)
            return nothing{};
        const std::size_t behind = chain_.index_behind(position_);
        if (behind == chain_.size()) // a segment that is there, and unreadable to its end
            return leave({position_, chain_.last_seq(), gap_reason::damage});
        const auto& next = chain_.at(chain_.whole_from(behind));
        if (const auto mapped = next->pin(); !mapped && net::is_shortage(mapped.error()))
            return nothing{};
        return leave(next->gaps().at(position_, next->first_seq()));
    }
    return next_in_segment();
}

bool ring_cursor::enter_segment() {
    cannot_map_ = false;
    const std::size_t behind = chain_.index_behind(position_);
    if (behind == 0)
        return false;
    const auto& found = chain_.at(behind - 1);
    if (found == segment_ && !found->freed()) {
        segment_last_ = chain_.last_of(behind - 1);
        return position_ <= segment_last_;
    }
    segment_.reset();
    mapping_.reset();
    // The successor's header tells how far this one reaches, where its own seal does not, or no more: with a
    // machine that died an older seal may come back.
    auto mapped = found->pin();
    if (!mapped) {
        // A shortage passes: the reader keeps its place. Everything else that keeps a file from being mapped
        // is damage.
        cannot_map_ = net::is_shortage(mapped.error());
        if (!cannot_map_)
            chain_.note_damage(*found);
        return false;
    }
    if (found->state() == header_state::broken)
        chain_.note_damage(*found);
    if (found->state() != header_state::whole)
        return false;
    if (behind < chain_.size())
        (void)chain_.whole_from(behind);
    segment_last_ = chain_.last_of(behind - 1);
    if (position_ > segment_last_)
        return false;
    segment_ = found;
    mapping_ = std::move(*mapped);
    offset_ = ring_header_bytes;
    return true;
}

ring_cursor::item ring_cursor::next_in_segment() {
    const auto bytes = mapping_->bytes();
    frame found;
    bool any = segment_->read(bytes, offset_, found) == frame_state::whole && found.seq == position_;
    if (!any) // not the next frame in order
        any = segment_->next(bytes, offset_, position_, segment_last_, found);
    if (any && found.seq == position_) {
        position_before_ = position_;
        offset_before_ = found.begin;
        offset_ = found.end;
        ++position_;
        return ring_entry{found.seq, found.session, found.own, found.payload};
    }
    chain_.note_damage(*segment_);
    if (any)
        offset_ = found.begin;
    return leave({position_, any ? found.seq - 1 : segment_last_, gap_reason::damage});
}

} // namespace agent
