#pragma once
// Where a session's envelopes go: the template, the configured place, the streams that go on for others, and
// the slots of the table of streams.
//
// 1. A session's envelopes go to the place they were recorded for; what another place alone can take is held,
//    named, never waited for.
// 2. Whoever needs a slot asks first: a stream that owes nothing, is no active session's and is not written
//    gives way, and no other.

#include "agent/delivery/owed_streams.hpp"
#include "agent/session/capture.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace agent {

// Gets system_durable_error and session_continued envelopes, for the live and file sinks.
using announce_function = std::function<void(std::string envelope)>;

struct placement_options {
    place at;                    // where new sessions go
    std::string stream_template; // "{capture_session_id}" is replaced by the id
};

// What delivers the streams, as far as a slot depends on it, and what it is told.
struct stream_use {
    std::function<bool(const delivery_table::entry&)> written;
    std::function<void(const delivery_table::entry&)> leaves; // before its slot is freed
    std::function<void()> has_record;                         // a stream got one of the sink's own to write
};

class stream_placement final : public placement {
public:
    stream_placement(net::environment& env, session_table& sessions, delivery_table& deliveries,
                     const owed_streams& owed, placement_options options);

    void connect(stream_use use, announce_function announce); // before anything else

    const place& at() const { return options_.at; }

    bool here(const delivery_state& state) const { return state.at == options_.at; }

    session_part place_session(std::string_view session_id, seq_t from_seq) override;

    bool owes(const session_record& session) const override { return owed_.owes(session); }

    bool owes_in(const session_record& session, const session_span& span) const override {
        return owed_.owes_in(session, span);
    }

    std::optional<start_error> refusal(std::string_view session_id, seq_t from_seq) const override;

    bool knows(const session_part& part) const override { return entry_of(part) != nullptr; }

    delivery_table::entry* entry_of(const session_part& part) const {
        return deliveries_.find(part.at, part.stream);
    }

    // The stream's entry at the configured place, or the one that goes on for it, made where there is none.
    // Nothing: there is no slot.
    delivery_table::entry* ensure_entry(std::string stream, seq_t from_seq);
    // A stream may be lost between two sessions: then its continuation begins with the next one's envelope,
    // and is announced with that.
    void announce_continuation(delivery_table::entry& entry, std::string_view session_id, seq_t from_seq);

    void announce(std::string envelope) const { announce_(std::move(envelope)); }

    // --- for the history
    bool may_leave(const delivery_table::entry& entry) const; // the delivery table, as far as delivery goes
    void leave(delivery_table::entry& entry);                 // one that may
    // The stream that this session (or, with an empty id, any new one) would go on in, where the delivery
    // table knows nothing of it.
    std::optional<session_part> goes_on_in_unknown(std::string_view session_id) const;
    bool take_back(delivery_state state); // false: there is no slot

private:
    std::string stream_for(std::string_view session_id) const;
    delivery_table::entry* present_entry(std::string& stream) const;
    bool gives_way(const delivery_table::entry& entry) const;
    bool stands_for_all(const delivery_table::entry& entry) const;
    bool has_slot() const;
    bool make_room();
    std::optional<start_error> refusal_to_move(const session_record& session, std::string_view stream,
                                               seq_t from_seq) const;
    seq_t moves_from(const session_part& last, seq_t from_seq) const;
    void announce_part(delivery_table::entry& entry, std::string_view session_id, seq_t from_seq,
                       continuation_reason reason);

    net::environment& env_;
    session_table& sessions_;
    delivery_table& deliveries_;
    const owed_streams& owed_;
    placement_options options_;
    stream_use use_;
    announce_function announce_;
};

} // namespace agent
