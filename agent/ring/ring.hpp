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
// 3. What gives way at a segment's end, and in which order: room.hpp. What is held is never freed.
// 4. Where nothing may go, or a segment can't be made, renamed or mapped, reserve() gives no room, refusal()
//    says why, and nothing in the ring is touched.
//
// Here its parts are held together: the files (segment_store), the segments in order (ring_chain), the newest
// one (ring_head), what is done at its end (ring_room), and at a start (ring_recoverer).

#include "agent/ring/chain.hpp"
#include "agent/ring/cursor.hpp"
#include "agent/ring/head.hpp"
#include "agent/ring/hold.hpp"
#include "agent/ring/marks.hpp"
#include "agent/ring/room.hpp"
#include "agent/ring/store.hpp"
#include "agent/ring/types.hpp"
#include "net/environment.hpp"
#include "net/task/condition.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>

namespace agent {

class ring {
public:
    // Scans the newest segment; older ones are checked as they are read. `seq_ceiling` is the highest seq
    // that an earlier agent may have given out (numbering goes on behind it after a machine crash). Blocking:
    // before the loop serves anything. The clean mark is removed, and that synced, before this returns.
    static net::result<std::unique_ptr<ring>> open(net::environment& env, ring_options options,
                                                   seq_t seq_ceiling, ring_recovery& recovery);

    void set_retention(ring_retention* retention) { room_.set_retention(retention); }

    // --- publishing
    seq_t next_seq() const { return chain_.next_seq(); }

    // Up to here seqs may be given out: reserve() refuses the next ones, and a paused intake waits. All of
    // them until this is called. `why_no_more` is for who is refused then.
    void allow_seqs(seq_t up_to, std::string why_no_more = {});

    bool seqs_used_up() const { return next_seq() > seq_max_; }

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
    const std::string& refusal() const { return room_.refusal(); }

    // What keeps the room away may pass without anybody's notice (a disk, a limit of the system); S2 and
    // readers notify.
    net::time_point look_again_at() const;

    // Whether `bytes` more would need a segment while ring_segments_ahead_max are owed to S2 already: the
    // first seq of the oldest that is, else 0.
    seq_t far_ahead_of(std::size_t bytes) const;

    // --- state
    seq_t first_seq() const { return chain_.first_seq(); } // oldest envelope present (next_seq() when empty)

    seq_t last_seq() const { return chain_.last_seq(); }

    // Of all segments present; what is kept aside is not counted.
    std::uint64_t used_bytes() const { return room_.used_bytes(); }

    std::uint64_t capacity_bytes() const { return options_.capacity_bytes; }

    // Oldest seq within the live history.
    seq_t live_history_seq() const;

    // Roll-overs that met a full disk.
    std::uint64_t disk_full_count() const { return store_.disk_full_count(); }

    // The machine died under the agent before this one: what is stored beside the ring may be older than it.
    bool after_machine_crash() const { return after_machine_crash_; }

    // Met by this process, recovery included.
    std::uint64_t damaged_segments() const { return chain_.damaged_count(); }

    const net::condition& appended() const { return appended_; } // something was published

    // Room may have become available: see make_room().
    const net::condition& freed() const { return chain_.freed(); }

    // The S2 sink says that what is owed has shrunk; wakes those who wait for room.
    void owed_changed();

    // Producers' events of [from, to], of one session or (0) of all. The cost grows neither with what they
    // are nor with what is held: whole segments are summed, and at both ends at most
    // ring_checkpoint_bytes (or one envelope) are read. A segment that an earlier process left is read once,
    // when it is first asked for.
    ring_count count(std::uint32_t session, seq_t from, seq_t to) { return chain_.count(session, from, to); }

    // Of the segment that begins with this seq; 0: there is none. An error: it can't be mapped for now.
    net::result<std::uint64_t> generation_of(seq_t first_seq) { return chain_.generation_of(first_seq); }

    // Keeps [first, last] in place and mapped until the hold is gone. The hold must not outlive the ring.
    [[nodiscard]] std::unique_ptr<ring_hold> hold(seq_t first, seq_t last);

    ring_chain& chain() { return chain_; } // for its readers

    // --- stopping
    // Beside whatever else goes on: what is written by now goes to the disk, so that close_clean() has less
    // to wait for. An error is close_clean()'s to tell.
    net::task<> sync_ahead();
    // Sync everything, then write and sync the clean mark. Blocking: run it on the helper thread, while
    // nothing else uses the ring, its cursors or its holds.
    net::error_code close_clean();

private:
    ring(net::environment& env, ring_options options);
    std::string no_seq_text() const;

    net::environment& env_;
    ring_options options_;
    segment_store store_;
    ring_marks marks_;
    ring_chain chain_;
    ring_head head_;
    ring_room room_;
    net::condition appended_;
    seq_t seq_max_ = std::numeric_limits<seq_t>::max();
    std::string why_no_more_seqs_;
    bool closed_ = false;
    net::error_code sync_failed_; // of sync_ahead(); the kernel tells it once
    bool after_machine_crash_ = false;
};

} // namespace agent
