#pragma once
// Making room at a segment's end. choose_room() (policy.hpp) says what goes; here it is done, one segment at
// a time.
//
// Invariants
// 1. A roll-over needs one place, and takes it thus: the oldest segment that owes nothing and lies behind the
//    live history is recycled, though capacity be free; else free capacity is taken; at the capacity the
//    oldest that is not held is recycled (a gap, reason capacity). A full disk (ENOSPC, EDQUOT) is capacity
//    reached at the size that the ring has: the oldest that owes nothing goes, live history included, else
//    the oldest that is not held. So no roll-over costs more than one segment that is owed. A ring above its
//    capacity (that was lowered, or a start after a machine crash needed a head) grows no further before the
//    next such start, and shrinks as S2 takes what it is owed.
// 2. Where nothing may go, or a segment can't be made, renamed or mapped for any other reason, there is no
//    room, refusal() says why, and nothing in the ring is touched.
// 3. Of one segment it is asked at most twice in a roll-over whether it is owed.
//
// A file changes its name before anything in it does:
//   1. The victim and the segment behind it are mapped, and what is owed of it is read. Any failure up to
//      here, and that of the rename, leaves all as it was.
//   2. The victim's file gets the next segment's name. Killed from here on, it has a name that its header
//      does not fit.
//   3. That it goes is told, and what it counts stored; then the header behind notes the gap. That note is
//      what makes it gone: without it the next start gives the file its old name back, and nothing was lost;
//      with it, it finishes what was begun (recovery.hpp).
//   4. The victim's header is blanked, and the new one written.
// A machine that dies keeps any first part of the renames, and of the rest whatever reached the disk. A file
// whose header does not fit its name is then not given back: what it held was told long before such a name
// can last, and numbering goes on elsewhere.
//
// A settled segment that is only removed is told and noted first: what is there goes before what a gap says.
// From then on it is gone, whether or not its file is: that is blanked.

#include "agent/ring/chain.hpp"
#include "agent/ring/head.hpp"
#include "agent/ring/policy.hpp"
#include "agent/ring/store.hpp"
#include "agent/ring/types.hpp"
#include "net/environment.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace agent {

class ring_room {
public:
    ring_room(const ring_options& options, segment_store& store, ring_chain& chain, ring_head& head);

    void set_retention(ring_retention* retention) { retention_ = retention; }

    // Whether what is owed may go.
    enum class owed_segments { may_go, stay };
    bool roll_over(owed_segments how); // false: refusal() says why

    const std::string& refusal() const { return refusal_; } // of the last try; empty: there was room

    void refuse(std::string why) { refusal_ = std::move(why); }

    // What keeps the room away is neither S2 nor a reader, which would notify.
    bool may_pass() const { return may_pass_; }

    std::uint64_t used_bytes() const;
    bool owed(std::size_t index) const;
    bool anything_owed() const;

private:
    struct leaving; // a segment that can go: it, and the one that learns of the gap, mapped
    std::optional<ring_spare> obtain_spare(owed_segments how);
    net::result<ring_spare> recycle(std::size_t index);
    net::result<ring_spare> make_spare();
    void remove_settled_from(std::size_t index);
    bool remove_settled(std::size_t index);
    net::result<leaving> ready_to_leave(std::size_t index);
    void tell_going(const leaving& going);
    void note_gap(const leaving& going);
    void let_go(const leaving& going);
    void refuse(std::string why, bool may_pass);
    void had_room();
    bool at_capacity() const;

    std::size_t history_begin() const { return chain_.history_begin(options_.live_history_bytes); }

    const ring_options& options_;
    segment_store& store_;
    ring_chain& chain_;
    ring_head& head_;
    ring_retention* retention_ = nullptr;
    std::string refusal_;   // why there was no room the last time
    std::string said_;      // of these, in the log, since there was room
    bool may_pass_ = false; // and nobody will notify when it no longer would
};

} // namespace agent
