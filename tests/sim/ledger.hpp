#pragma once
// What the callers of the agents know: each event they sent, what became of the call, what they were shown;
// and, beside it, what the service holds. Checkers compare the two. Every event carries a number of its own.

#include "agent/ring/types.hpp"
#include "net/clock.hpp"
#include "tests/sim/model_store.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sim {

using agent::seq_t;

enum class fate { unanswered, accepted, refused };

// A line that a program wrote into an NDJSON intake.
struct written_line {
    enum class kind { good, filtered, bad, empty };
    kind what;
    std::uint64_t number = 0; // of its event, where it is good or filtered
};

// What one program wrote into one intake: an agent's standard input, or a connection of its Unix socket.
struct line_input {
    std::size_t agent = 0;           // its index
    std::vector<written_line> lines; // in order, each from before its first byte leaves
    bool ended = false;              // behind the last of them, and the other side can know
    bool torn = false;               // within the last of them
};

struct sent_event {
    std::string text;         // as it was sent, and as it must stand in the envelope
    std::size_t taken_by = 0; // index of the agent
    fate what = fate::unanswered;
    std::optional<seq_t> seq; // told in the answer,
    seq_t seq_min = 0;        // or between which it must be, as others published meanwhile
    seq_t seq_max = 0;
    std::string shown;         // the envelope, where the answer showed it
    net::time_point sent_at{}; // of the call
    net::time_point answered_at{};
    const line_input* written_to = nullptr; // where it was written as a line,
    std::size_t line = 0;                   // and its index there
    std::vector<stream_id> landed;          // streams that hold it
    net::time_point landed_at{};            // first
    seq_t landed_seq = 0;
    std::string session; // of its envelope, once one was seen: in S2, or in a ring
    bool gone = false;   // its segment left a ring while S2 lacked it
};

// An envelope that was dropped with an events_dropped record.
struct dropped_range {
    stream_id stream;
    std::string session;
    seq_t from;
    seq_t to;
    std::string reason;
};

// A segment that left a ring, and its seqs, both ends included. Torn by a crash of the machine, it does not show
// all that it held.
struct gone_segment {
    seq_t first;
    seq_t last;
    bool torn;
};

// A session_continued record.
struct continuation {
    stream_id stream;
    seq_t from;
};

class ledger {
public:
    // A new event of about this size; its number.
    std::uint64_t make(std::size_t data_bytes, std::size_t agent, net::wall_micros ts, net::time_point now,
                       std::string_view category = "console");

    sent_event& at(std::uint64_t number) { return events_.at(number); }

    const std::vector<sent_event>& events() const { return events_; }

    std::uint64_t bytes() const { return bytes_; } // of all events

    std::deque<line_input> inputs; // each stays where it is
    std::vector<dropped_range> dropped;
    std::vector<gone_segment> left_rings; // segments, in their order
    std::vector<continuation> continued;  // in the order in which they were written
    // When the machines of the agents crashed.
    std::vector<std::pair<std::size_t, net::time_point>> machine_crashes;

    // The number of the event in an envelope of a producer's; nothing: it is none of ours.
    static std::optional<std::uint64_t> number_of(std::string_view envelope);
    // Its event as JSON text.
    static std::string_view event_of(std::string_view envelope);

    // Where nobody told its seq: it may be, by what is known of the events beside it.
    bool covered_by_drop(const sent_event& event) const;
    // The same, and where it is for want of room, its segment was seen to go.
    bool dropped_rightly(const sent_event& event) const;
    // A crash of its machine took it from the ring, and a copy of its agent, with the same session and token, has
    // written so far: what that gave the same seq can't be told from one that had been sent before the crash.
    bool taken_and_replaced(const sent_event& event) const;

private:
    struct open_range {
        seq_t above;
        seq_t below;
    };

    open_range seqs_of(const sent_event& event) const;

    std::vector<sent_event> events_;
    std::uint64_t bytes_ = 0;
};

} // namespace sim
