#pragma once
// The capture session in progress, and the only way into the ring: filter, seq, one encoding. Intakes and the control API
// call publish(); start() and stop() write the agent's own session events.

#include "agent/event.hpp"
#include "agent/ring.hpp"
#include "agent/session_table.hpp"

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
    std::string code; // "no_session", "invalid_json", "too_large", "no_room", …
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
    enum class kind { active, invalid_id, table_full, no_room };
    kind why;
    std::string message;
};

// Where a new session's envelopes go; the S2 sink decides it (template, place, continuations of a shared stream).
class placement {
public:
    virtual ~placement() = default;
    virtual session_part place_session(std::string_view session_id, seq_t from_seq) = 0;
    virtual bool owes(const session_record& session) const = 0;
};

class capture {
public:
    capture(net::environment& env, ring& into, session_table& sessions, placement& where);

    // The event as it came. Refusals are counted per active session and in total.
    publish_outcome publish(std::string_view event_text, event_origin origin);
    // A line that an intake refused by itself (too long, cut off).
    void count_refused() { ++refused_; }

    std::variant<const session_record*, start_error> start(const start_request& request);
    // Publishes session_ended; nothing when no session is active.
    const session_record* stop(end_reason reason);
    // After a restart: publishes session_resumed into the session that was active.
    void resume();
    void set_categories(category_set categories);

    const session_record* active() const { return sessions_.active(); }
    std::uint64_t refused() const { return refused_; }
    std::uint64_t filtered() const { return filtered_; }

private:
    std::optional<seq_t> publish_own(std::string_view type, std::string_view data_json);

    net::environment& env_;
    ring& ring_;
    session_table& sessions_;
    placement& placement_;
    event_parser parser_;
    std::uint64_t refused_ = 0;
    std::uint64_t filtered_ = 0;
};

} // namespace agent
