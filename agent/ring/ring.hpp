#pragma once
// The ring: a bounded chain of fixed-size segments, each a file mapped shared (anonymous memory without a
// state directory), holding the envelopes in seq order. It is the journal, the outage buffer and the live
// history.
//
// Invariants
// 1. seq rises by one per envelope; a hole between two neighbouring segments is a gap with a reason,
//    nowhere else (damage aside).
// 2. A frame counts only whole: magic, length, seq, session, flags, payload and the segment's random
//    generation agree with its CRC32C, and its seq is the next, or the first of a segment's header. The word
//    that makes a frame visible is stored last, with release order. So recycled bytes, torn pages and
//    payloads that look like frames can't fool the scan. (The magic begins with 0xFF, which never occurs in
//    UTF-8.)
// 3. Publishing copies once into the mapping: no lock, no allocation, and no system call except at a
//    segment's end.
// 4. A roll-over needs one place, and takes it thus (policy.hpp): the oldest segment that owes nothing
//    and lies behind the live history is recycled, though capacity be free; else free capacity is taken; at
//    the capacity the oldest that is not held is recycled (a gap, reason capacity). A full disk (ENOSPC,
//    EDQUOT) is capacity reached at the size that the ring has: the oldest that owes nothing goes, live
//    history included, else the oldest that is not held. So no roll-over costs more than one segment that is
//    owed. What is held (ring_hold) is never freed. A ring above its capacity (that was lowered, or a start
//    after a machine crash needed a head) grows no further, and shrinks as S2 takes what it is owed.
// 5. Where nothing may go, or a segment can't be made, renamed or mapped for any other reason, reserve()
//    gives no room, refusal() says why, and nothing in the ring is touched: a segment is told as dropped,
//    blanked and overwritten only once its file has the next one's name.
// 6. A damaged segment is kept aside under another name when it goes; what is whole in it stays readable. At
//    most ring_kept_aside_max are kept, beside the capacity.

#include "agent/ring/cursor.hpp"
#include "agent/ring/hold.hpp"
#include "agent/ring/types.hpp"
#include "net/environment.hpp"
#include "net/task/condition.hpp"

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

class ring_gaps;
class ring_segment;
struct ring_spare;

class ring {
public:
    // Scans the newest segment; older ones are checked as they are read. `seq_ceiling` is the highest seq
    // that an earlier agent may have given out (numbering goes on behind it after a machine crash). Blocking:
    // before the loop serves anything. The clean mark is removed, and that synced, before this returns.
    static net::result<std::unique_ptr<ring>> open(net::environment& env, ring_options options,
                                                   seq_t seq_ceiling, ring_recovery& recovery);
    ~ring();

    void set_retention(ring_retention* retention) { retention_ = retention; }

    // --- publishing
    seq_t next_seq() const { return next_seq_; }

    // Up to here seqs may be given out: reserve() refuses the next ones, and a paused intake waits. All of
    // them until this is called. `why_no_more` is for who is refused then.
    void allow_seqs(seq_t up_to, std::string why_no_more = {});

    bool seqs_used_up() const { return next_seq_ > seq_max_; }

    // Room for one envelope of up to `bytes` (an upper bound, which may be above envelope_bytes_max; what is
    // committed may not); empty when there is none: refusal() says why. Valid until commit or the next
    // reserve, which abandons it.
    std::span<char> reserve(std::size_t bytes);
    // Publishes the first `bytes` of the room as envelope next_seq().
    ring_entry commit(std::size_t bytes, std::uint32_t session, bool own);
    // For who can wait: makes room for one envelope of up to `bytes` as reserve() does, but drops nothing
    // that is owed. False: there is none; it may have come when freed() is notified, or at look_again_at().
    bool make_room(std::size_t bytes);

    // Why there was no room when a segment was last needed; empty: there was.
    const std::string& refusal() const { return refusal_; }

    // What keeps the room away may pass without anybody's notice (a disk, a limit of the system); S2 and
    // readers notify.
    net::time_point look_again_at() const;

    // Whether `bytes` more would need a segment while ring_segments_ahead_max are owed to S2 already: the
    // first seq of the oldest that is, else 0.
    seq_t far_ahead_of(std::size_t bytes) const;

    // --- state
    seq_t first_seq() const; // oldest envelope present (next_seq() when empty)

    seq_t last_seq() const { return next_seq_ - 1; }

    std::uint64_t used_bytes() const; // of all segments present; what is kept aside is not counted

    std::uint64_t capacity_bytes() const { return options_.capacity_bytes; }

    // Oldest seq within the live history.
    seq_t live_history_seq() const;

    std::uint64_t disk_full_count() const { return disk_full_count_; } // roll-overs that met a full disk

    // The machine died under the agent before this one: what is stored beside the ring may be older than it.
    bool after_machine_crash() const { return after_machine_crash_; }

    std::uint64_t damaged_segments() const {
        return damaged_count_;
    } // met by this process, recovery included

    const net::condition& appended() const { return appended_; } // something was published

    const net::condition& freed() const { return freed_; } // room may have become available: see make_room()

    // The S2 sink says that what is owed has shrunk; wakes those who wait for room.
    void owed_changed();

    // Keeps [first, last] in place and mapped until the hold is gone. The hold must not outlive the ring.
    [[nodiscard]] std::unique_ptr<ring_hold> hold(seq_t first, seq_t last);

    // --- stopping
    // Beside whatever else goes on: what is written by now goes to the disk, so that close_clean() has less
    // to wait for. An error is close_clean()'s to tell.
    net::task<> sync_ahead();
    // Sync everything, then write and sync the clean mark. Blocking: run it on the helper thread, while
    // nothing else uses the ring, its cursors or its holds.
    net::error_code close_clean();

private:
    friend class ring_cursor;
    friend class ring_hold;
    ring(net::environment& env, ring_options options);

    using segment_ptr = std::shared_ptr<ring_segment>;
    using pin_ptr = std::shared_ptr<net::mapped_file>;

    // recovery.cpp
    net::error_code recover(seq_t seq_ceiling, ring_recovery& recovery);
    net::error_code list_segments(ring_recovery& recovery);
    net::error_code pin_newest(bool same_boot, bool& intact, seq_t& next_at_least, ring_recovery& recovery);
    net::error_code remove_blank_oldest();
    net::error_code finish_recycling(const segment_ptr& renamed, bool same_boot, ring_recovery& recovery);
    void drop_unreadable(ring_segment& segment, std::string_view why, ring_recovery& recovery);
    seq_t last_before(seq_t first_seq);
    net::error_code start_head(bool newest_empty, seq_t lost_from, gap_reason lost);

    // room.cpp: making room at a segment's end
    struct leaving; // a segment that can go: it, and the one that learns of the gap, mapped
    bool roll_over(bool keep_owed);
    std::optional<ring_spare> obtain_spare(bool keep_owed);
    net::result<ring_spare> recycle(std::size_t index);
    net::result<ring_spare> new_spare();
    void remove_settled();
    bool remove_settled(std::size_t index);
    void refuse(std::string why, bool may_pass);
    void had_room();
    net::result<leaving> ready_to_leave(std::size_t index);
    void note_gap(const leaving& going);
    void let_go(const leaving& going);
    template <class Visit>
    void for_each_entry(const leaving& of, Visit visit);
    net::error_code set_aside(ring_segment& segment);
    bool remove_file(const std::filesystem::path& path);
    void install_head(ring_spare spare, seq_t first_seq, const ring_gaps& gaps);
    void seal_head();
    void keep_mapped(std::size_t newest);
    bool filled_fast() const;
    bool at_capacity() const;
    std::string no_seq_text() const;
    bool needs_segment(std::size_t bytes) const;
    std::size_t history_begin() const; // index of the oldest segment within the live history
    std::optional<std::size_t> oldest_settled() const;
    bool held(std::size_t index) const;
    bool owed(std::size_t index) const;

    seq_t
    last_of(std::size_t index) const; // exact once its header is known, else bounded by the next segment
    std::size_t index_behind(seq_t seq) const;       // of the first segment whose first seq is higher
    std::size_t whole_from(std::size_t index) const; // the first from there on with a header that holds
    std::filesystem::path path_of(seq_t first_seq) const;
    void note_damage(ring_segment& segment);

    net::environment& env_;
    ring_options options_;
    ring_retention* retention_ = nullptr;
    seq_t next_seq_ = 1;
    seq_t seq_max_ = std::numeric_limits<seq_t>::max();
    std::string why_no_more_seqs_;
    std::uint64_t disk_full_count_ = 0;
    std::uint64_t damaged_count_ = 0;
    net::condition appended_;
    net::condition freed_;

    std::vector<segment_ptr> segments_;            // by first seq; the last is the head
    std::vector<std::filesystem::path> unremoved_; // of no use, but the disk let them not be removed
    pin_ptr head_pin_;
    std::span<std::byte> head_bytes_;
    std::size_t head_end_ = 0;
    net::time_point head_began_ = net::time_point::min(); // not known of a head that was there
    std::uint64_t head_producer_events_ = 0;
    std::size_t reserved_bytes_ = 0;
    bool reserved_ = false;
    bool disk_full_ = false; // at the last attempt, and said
    std::string refusal_;    // why there was no room the last time
    std::string said_;       // of these, in the log, since there was room
    bool may_pass_ = false;  // and nobody will notify when it no longer would
    bool closed_ = false;
    net::error_code sync_failed_; // of sync_ahead(); the kernel tells it once
    bool after_machine_crash_ = false;
    std::vector<ring_hold*> holds_;
};

} // namespace agent
