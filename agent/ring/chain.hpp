#pragma once
// The segments that there are, oldest first, and what can be read of them: the interface on which cursors and
// holds stand. The last segment is the head. ring_head, ring_room and ring_recoverer change the chain; a
// reader never does more than map a segment, read its header, and tell that it is damaged.
//
// 1. seq rises by one per envelope; a hole between two neighbouring segments is a gap with a reason, nowhere
//    else (damage aside). The reason stands in the header behind it.
// 2. What is held (ring_hold) is never freed, and stays mapped.
// 3. What a damaged segment has whole stays readable.

#include "agent/ring/segment.hpp"
#include "agent/ring/types.hpp"
#include "net/environment.hpp"
#include "net/task/condition.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace agent {

class ring_hold;

class ring_chain {
public:
    using segment_ptr = std::shared_ptr<ring_segment>;

    explicit ring_chain(net::environment& env);
    ~ring_chain();

    // --- reading
    bool empty() const { return segments_.empty(); }

    std::size_t size() const { return segments_.size(); }

    const segment_ptr& at(std::size_t index) const { return segments_[index]; }

    const std::vector<segment_ptr>& all() const { return segments_; }

    const segment_ptr& newest() const { return segments_.back(); }

    seq_t first_seq() const { return segments_.front()->first_seq(); } // next_seq() where nothing is present

    seq_t next_seq() const { return next_seq_; }

    seq_t last_seq() const { return next_seq_ - 1; }

    seq_t
    last_of(std::size_t index) const; // exact once its header is known, else bounded by the next segment
    std::size_t index_behind(seq_t seq) const;            // of the first segment whose first seq is higher
    std::size_t whole_from(std::size_t index) const;      // the first from there on with a header that holds
    std::size_t history_begin(std::uint64_t bytes) const; // of the oldest segment within the newest `bytes`

    void note_damage(ring_segment& segment);

    std::uint64_t damaged_count() const { return damaged_count_; }

    // --- counting (see ring.hpp)
    ring_count count(std::uint32_t session, seq_t from, seq_t to);
    // Reads the segment, so that damage shows. An error: it can't be mapped for now, and is to be asked
    // again.
    net::error_code make_counts(std::size_t index);
    // Of the segment that begins with this seq; 0: there is none. An error: it can't be mapped for now.
    net::result<std::uint64_t> generation_of(seq_t first_seq);

    // --- holding
    void enter(ring_hold& hold) { holds_.push_back(&hold); }

    void leave(ring_hold& hold) { std::erase(holds_, &hold); }

    bool held(std::size_t index) const;
    void pin_held(); // what was published since a hold was taken

    const net::condition& freed() const { return freed_; } // of what was held or owed, something may go

    void may_free() { freed_.notify(); }

    // --- changing
    void append(segment_ptr segment) { segments_.push_back(std::move(segment)); }

    void insert(std::size_t index, segment_ptr segment);
    void erase(std::size_t index); // its bytes may be another's from now on
    void sort();

    void published() { ++next_seq_; }

    void go_on_at(seq_t next_seq) { next_seq_ = next_seq; }

    // An idle agent keeps only its head mapped; one that S2 does not answer, no more than a busy one.
    void keep_mapped(std::size_t newest);

private:
    ring_count count_in(std::size_t index, std::uint32_t session, seq_t from, seq_t to);
    template <class Visit>
    void read_range(ring_segment& segment, std::span<const std::byte> bytes, const segment_stretch& range,
                    Visit visit);

    std::vector<segment_ptr> segments_; // by first seq; the last is the head
    seq_t next_seq_ = 1;
    std::uint64_t damaged_count_ = 0;
    std::vector<ring_hold*> holds_;
    net::condition freed_;
};

} // namespace agent
