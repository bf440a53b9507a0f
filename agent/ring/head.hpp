#pragma once
// The newest segment, into which is published.
//
// 1. Publishing copies once into the mapping: no lock, no allocation, and no system call except at a
//    segment's end (and one allocation now and then where sessions alternate, see counts.hpp).
// 2. The word that makes a frame visible is stored last, with release order.

#include "agent/ring/chain.hpp"
#include "agent/ring/gaps.hpp"
#include "agent/ring/spare.hpp"
#include "agent/ring/store.hpp"
#include "net/assert.hpp"
#include "net/environment.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace agent {

class ring_head {
public:
    ring_head(net::environment& env, ring_chain& chain);

    // --- publishing
    bool fits(std::size_t bytes) const { return end_ + frame_bytes(bytes) <= ring_segment_bytes; }

    // Whether a batch of envelopes of so many bytes, with their frames, may not fit.
    bool may_end_within(std::size_t bytes) const;

    // Bytes that fit; valid until commit or abandon.
    std::span<char> reserve(std::size_t bytes) {
        reserved_ = true;
        reserved_bytes_ = bytes;
        const auto room = bytes_.subspan(end_ + frame_head_bytes, bytes);
        return {reinterpret_cast<char*>(room.data()), room.size()};
    }

    void abandon() { reserved_ = false; }

    ring_entry commit(std::size_t bytes, std::uint32_t session, bool own) {
        NET_ASSERT(reserved_ && bytes <= reserved_bytes_, "a commit stays within its reserve");
        reserved_ = false;
        const char* const line = reinterpret_cast<const char*>(bytes_.data()) + end_ + frame_head_bytes;
        const seq_t seq = chain_.next_seq();
        end_ = chain_.newest()->write(bytes_, end_, seq, session, own, bytes);
        chain_.published();
        return {seq, session, own, {line, bytes}};
    }

    // --- at a segment's end
    // At which the next segment will be filled, by this one.
    segment_rate rate() const;
    void seal(seq_t last_seq);
    void install(ring_spare spare, seq_t first_seq, const ring_gaps& gaps); // seal() comes first
    void keep_mapping();                                                    // of the segment that was head

    // --- at a start
    // The chain's newest segment: first its header is looked at, then it goes on behind its last frame.
    void pin(ring_pin mapped);
    void resume_at(std::size_t end);
    void unpin();

    std::span<std::byte> bytes() const { return bytes_; }

private:
    net::environment& env_;
    ring_chain& chain_;
    ring_pin pin_;
    std::span<std::byte> bytes_;
    std::size_t end_ = 0;
    std::size_t reserved_bytes_ = 0;
    bool reserved_ = false;
    net::time_point began_ = net::time_point::min(); // not known of one that was there
};

} // namespace agent
