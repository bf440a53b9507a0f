#pragma once
// What became of a session's events: published, durable, undelivered, dropped.
//
// 1. A total is what is stored of segments that have left the ring, and what the ring counts of the others:
//    published all of the session's, undelivered what its streams are owed, durable the rest of the seqs.
//    Dropped is stored alone. No number is made of the others, so that they add up only where each is right.
// 2. A segment that goes is counted into the sessions' records, each in one stored step that remembers the
//    segment: who finds it again after that (killed before the ring noted it) takes those counts back.
// 3. A record whose counts are whole (session_record::whole_to), or that may be younger than the ring after a
//    crash of the machine, is brought into that shape at the start: what the ring still holds of what it
//    counts is taken off. Where a shortage keeps part of it from being read, the totals lag until it can.

#include "agent/delivery/delivery.hpp"
#include "agent/delivery/owed_streams.hpp"
#include "agent/delivery/stream_placement.hpp"

#include <optional>
#include <set>
#include <vector>

namespace agent {

struct going_segment {
    std::uint64_t generation = 0;
    seq_t first = 0;
    seq_t last = 0;
};

class session_accounts {
public:
    session_accounts(ring& journal, session_table& sessions, const owed_streams& owed,
                     const stream_placement& placement);

    session_account account(const session_record& session) const;
    // Producers' events of these ranges (of one session, or 0 for all) that the ring holds.
    backlog_size size_of(const std::vector<seq_range>& ranges, std::uint32_t session) const;
    // The record as the history keeps it, with whole counts. Nothing where they can't be read for now.
    std::optional<session_record> whole(const session_record& session) const;

    void settle(); // the records; what can't be read for now is tried again when a segment goes
    void letting_go(const going_segment& segment);

private:
    struct counted {
        event_counts events;
        bool partial = false;
    };

    struct in_ring {
        ring_count all;
        ring_count durable;
        ring_count undelivered;
    };

    bool is_settled(const session_record& session) const;
    counted gone_of(const session_record& session) const;
    void take_off_what_is_here(const session_record& session, counted& gone) const;
    ring_count undelivered_within(const session_record& session, seq_range within) const;
    in_ring count(const session_record& session) const;
    bool settle(const session_record& session);
    void fold(const session_record& session, const going_segment& segment);

    ring& journal_;
    session_table& sessions_;
    const owed_streams& owed_;
    const stream_placement& placement_;
    std::set<std::uint32_t> unsettled_; // sessions that an earlier agent left, beside those with whole counts
};

} // namespace agent
