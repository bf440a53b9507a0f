#pragma once
// The ring: a bounded chain of fixed-size segments, each a file mapped shared (anonymous memory without a state
// directory), holding the envelopes in seq order. It is the journal, the outage buffer and the live history in one.
//
// Invariants
// 1. seq rises by one per envelope; a hole between two neighbouring segments is a gap with a reason, nowhere else.
// 2. A frame counts only whole: magic, length, seq, session, flags, payload and the segment's random generation agree
//    with its CRC32C, and its seq is the next, or the first of a segment's header. The word that makes a frame visible
//    is stored last, with release order. So recycled bytes, torn pages and payloads that look like frames can't fool
//    the scan. (The magic begins with 0xFF, which never occurs in UTF-8.)
// 3. Publishing copies once into the mapping: no lock, no allocation, no system call except at a segment's end.
// 4. What is held (ring_hold) is never freed. Else, when room is needed, segments go in this order: the oldest that
//    owes nothing and lies behind the live history; then the oldest that is not held (a gap, reason capacity).
// 5. Without room anywhere (all held, or the disk full and nothing to free) reserve() says so; nothing is overwritten.
// 6. A damaged segment is kept aside under another name; what can be proved whole in it stays readable.

#include "agent/event.hpp" // envelope_bytes_max
#include "net/condition.hpp"
#include "net/environment.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace agent {

using seq_t = std::uint64_t; // 1 is the first; 0 means none

constexpr std::uint64_t ring_segment_bytes = 2 * 1024 * 1024;

struct ring_options {
    std::filesystem::path dir; // empty: anonymous memory
    std::uint64_t capacity_bytes = 256 * 1024 * 1024;
    std::uint64_t live_history_bytes = 8 * 1024 * 1024;
};

struct ring_entry {
    seq_t seq = 0;
    std::uint32_t session = 0;  // its number in the session table
    bool own = false;           // the agent's own system event, not a producer's
    std::string_view line;      // the envelope, without newline
};

enum class gap_reason : std::uint8_t { none = 0, capacity, damage, machine_crash };
std::string_view name_of(gap_reason reason);

struct ring_gap {
    seq_t from_seq;
    seq_t to_seq; // inclusive
    gap_reason reason;
};

// What the ring asks, at a segment's end only, and whom it tells before it drops what was still owed.
class ring_retention {
public:
    virtual ~ring_retention() = default;
    virtual bool owed(seq_t first, seq_t last) const = 0; // S2 lacks some of it
    virtual void dropping(const ring_entry& entry) = 0;   // once for each owed-segment envelope, in seq order
};

struct ring_recovery {
    bool found = false;         // there was a ring
    bool clean = false;         // the earlier agent stopped in order: clean mark, same boot or not
    bool machine_crash = false; // no clean mark, and another boot or a ring that is not whole
    seq_t last_seq = 0;         // highest seq found whole
    std::uint64_t damaged_segments = 0;
    std::vector<std::string> messages; // for the log: what was kept aside and why
};

class ring_segment;
class ring_hold;

class ring {
public:
    // Scans the newest segment; older ones are checked as they are read. `seq_ceiling` is the highest seq that an
    // earlier agent may have given out (numbering goes on behind it after a machine crash). Blocking: before the loop
    // serves anything. The clean mark is removed, and that synced, before this returns.
    static net::result<std::unique_ptr<ring>> open(net::environment& env, ring_options options, seq_t seq_ceiling,
                                                   ring_recovery& recovery);
    ~ring();

    void set_retention(ring_retention* retention) { retention_ = retention; }

    // --- publishing
    seq_t next_seq() const { return next_seq_; }
    // Room for one envelope of up to `bytes`; empty when there is none (invariant 5). Valid until commit or the next
    // reserve; reserving again without commit abandons it.
    std::span<char> reserve(std::size_t bytes);
    // Publishes the first `bytes` of the room as envelope next_seq().
    ring_entry commit(std::size_t bytes, std::uint32_t session, bool own);
    // Whether `bytes` more would make envelopes go that are still owed (a paused intake asks this first).
    bool would_drop_owed(std::size_t bytes) const;

    // --- state
    seq_t first_seq() const; // oldest envelope present (next_seq() when empty)
    seq_t last_seq() const { return next_seq_ - 1; }
    std::uint64_t used_bytes() const; // of all segments present
    std::uint64_t capacity_bytes() const { return options_.capacity_bytes; }
    // Oldest seq within the live history.
    seq_t live_history_seq() const;
    std::uint64_t disk_full_count() const { return disk_full_count_; }
    net::condition& appended() { return appended_; }   // something was published
    net::condition& freed() { return freed_; }         // room may have become available; see release_delivered
    // The S2 sink says that what is owed has shrunk; wakes those who wait for room.
    void owed_changed() { freed_.notify(); }

    // Keeps [first, last] in place and mapped until the hold is gone.
    [[nodiscard]] std::unique_ptr<ring_hold> hold(seq_t first, seq_t last);

    // --- stopping: sync everything, then write and sync the clean mark. Blocking: run it on the helper thread.
    net::error_code close_clean();

private:
    friend class ring_cursor;
    friend class ring_hold;
    ring(net::environment& env, ring_options options);

    net::environment& env_;
    ring_options options_;
    ring_retention* retention_ = nullptr;
    seq_t next_seq_ = 1;
    std::uint64_t disk_full_count_ = 0;
    net::condition appended_;
    net::condition freed_;
    // The implementer completes the private part.
};

// Keeps a range of envelopes from being freed and unmapped.
class ring_hold {
public:
    ~ring_hold();
    seq_t first() const { return first_; }
    seq_t last() const { return last_; }
    void shrink_from(seq_t first); // lets go of everything below
    void extend_to(seq_t last);

private:
    friend class ring;
    ring_hold(ring& owner, seq_t first, seq_t last);
    ring& owner_;
    seq_t first_;
    seq_t last_;
};

// An independent reading position. It never delays a publisher; where it was overtaken it meets a gap.
class ring_cursor {
public:
    struct nothing {};
    using item = std::variant<nothing, ring_entry, ring_gap>;

    ring_cursor(ring& of, seq_t from_seq);
    ~ring_cursor();

    // The next item, or nothing at the end. An entry's line stays valid until the next call on this cursor, or longer
    // under a hold that covers it; it does not survive a co_await without one.
    item next();
    seq_t position() const { return position_; } // the seq that next() would give
    void seek(seq_t seq);

private:
    ring& ring_;
    seq_t position_;
    // The implementer completes the private part.
};

} // namespace agent
