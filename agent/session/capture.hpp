#pragma once
// The capture session in progress, and the only way into the ring: filter, seq, one encoding. Intakes and the
// control API call publish(); start() and stop() write the agent's own session events.
//
// 1. At most one session is active, and every envelope of the ring belongs to the session active when it was
//    published.
// 2. A session's event is published before the table says that it ended, and after the table says that it
//    began: an agent killed in between finds it active, and resumes it.
// 3. No producer's event is taken before the disk has the start of its session (the S2 sink sees to that): so
//    after a machine crash each one that is missing lies in a span of a known session, whose stream is told.

#include "agent/event/event.hpp"
#include "agent/ring/ring.hpp"
#include "agent/state/session_table.hpp"

#include <optional>
#include <string>
#include <variant>

namespace agent {

struct publish_accepted {
    seq_t seq;
    std::string_view envelope; // valid until the next publish
};

struct publish_filtered {};

struct publish_refused {
    std::string code; // "no_session", "no_room", or an event_error's
    std::string message;
};

using publish_outcome = std::variant<publish_accepted, publish_filtered, publish_refused>;

enum class end_reason { stopped, shutdown, end_of_input, superseded };
std::string_view name_of(end_reason reason);

struct start_request {
    std::optional<std::string> id; // a UUID; one that ended earlier in this state directory is reopened
    std::optional<category_set> categories;
};

struct start_error {
    enum class kind {
        active,            // one is
        invalid_id,        // not a UUID
        too_many_sessions, // still wait for S2: their table is full, or that of their streams
        too_many_parts,    // of the session to reopen
        too_often,         // it was reopened, and all of that still waits for S2
        no_room,           // in the ring
    };
    kind why;
    std::string message;

    bool ends_with_delivery() const { return why == kind::too_many_sessions || why == kind::too_often; }
};

// Where a new session's envelopes go; the S2 sink decides it (template, place, continuations of a shared
// stream).
class placement {
public:
    virtual ~placement() = default;
    virtual session_part place_session(std::string_view session_id, seq_t from_seq) = 0;
    virtual bool owes(const session_record& session) const = 0;

    // The same of one closed span of it. What is settled stays so.
    virtual bool owes_in(const session_record& session, const session_span& /*span*/) const {
        return owes(session);
    }

    // Why it can't be placed: asked first, and at once followed by place_session() where there is nothing.
    virtual std::optional<start_error> refusal(std::string_view /*session_id*/, seq_t /*from_seq*/) const {
        return std::nullopt;
    }

    // Whether what is published for this part is delivered, or held for who can.
    virtual bool knows(const session_part& /*part*/) const { return true; }
};

class capture {
public:
    capture(net::environment& env, ring& into, session_table& sessions, placement& where);

    // The event as it came, in one line or (HTTP) in several. Refusals are counted for the active session and
    // in total.
    publish_outcome publish(std::string_view text, event_origin origin);
    // A line that an intake refused by itself (too long, cut off).
    void count_refused();

    // A new session, or one that ended earlier reopened (session_resumed). Refused while one is active: who
    // wants to supersede it stops it first.
    std::variant<const session_record*, start_error> start(const start_request& request);
    // What start() would say at a moment without an active session, the ring's room aside.
    std::optional<start_error> refusal(const start_request& request) const;
    // Publishes session_ended; nothing when no session is active. The session has ended even where the ring
    // had no room for that event.
    const session_record* stop(end_reason reason);
    // After a restart: publishes session_resumed into the session that was active, if one was.
    void resume();
    void set_categories(category_set categories); // of the active session

    const session_record* active() const { return sessions_.active(); }

    std::uint64_t refused() const { return refused_; } // in total

    std::uint64_t refused_of_session() const {
        return refused_of_session_;
    } // of this run, since its last start or resume

    std::uint64_t filtered() const { return filtered_; }

private:
    publish_outcome refuse(std::string code, std::string message);
    std::optional<start_error> refusal_of(std::string_view id) const;
    bool with_next_span(session_record& ended) const;
    std::variant<const session_record*, start_error> reopen(const session_record& ended,
                                                            const std::optional<category_set>& categories);

    bool gives_way(const session_record& ended) const { return !placement_.owes(ended); }

    // False: the ring had no room for it.
    bool publish_own(const session_record& session, std::string_view type, std::string_view data_json);
    // Where the session goes on now: a new part when the configured place is another one than its last
    // part's.
    void place_again(session_record& record);

    net::environment& env_;
    ring& ring_;
    session_table& sessions_;
    placement& placement_;
    event_parser parser_;
    std::uint64_t refused_ = 0;
    std::uint64_t refused_of_session_ = 0;
    std::uint64_t filtered_ = 0;
};

} // namespace agent
