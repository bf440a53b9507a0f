#pragma once
// What is owed, by the tables' own nouns: keeps the index of it equal to the tables, whose listener it is.
// While it lives nobody else listens to them.

#include "agent/delivery/owed_index.hpp"
#include "agent/state/delivery_table.hpp"
#include "agent/state/session_table.hpp"

#include <algorithm>
#include <vector>

namespace agent {

class owed_streams final : public session_listener, public delivery_table::listener {
public:
    using entry = delivery_table::entry;

    owed_streams(const ring& journal, session_table& sessions, delivery_table& deliveries);
    ~owed_streams();
    owed_streams(const owed_streams&) = delete;

    void session_changed(const session_record& session) override { index_.session_changed(session); }

    void session_gone(std::uint32_t number) override { index_.session_gone(number); }

    void stream_added(const entry& added) override;
    // Its durable seq may have moved; also for who moved it and has not stored that.
    void stream_changed(const entry& changed) override;
    void stream_gone(const entry& gone) override;

    std::vector<entry*> unsettled() const; // streams that owe something, or are the active session's
    bool is_active(const delivery_state& state) const; // the active session goes on there

    bool owes(const entry& stream) const { return index_.owes(stream.slot, journal_.last_seq()); }

    bool owes_up_to(const entry& stream, seq_t up_to) const {
        return index_.owes(stream.slot, std::min(up_to, journal_.last_seq()));
    }

    std::vector<seq_range> ranges(const entry& stream) const {
        return index_.ranges(stream.slot, journal_.last_seq());
    }

    // Any of its streams, whoever's it is.
    bool owes(const session_record& session) const;
    bool owes_in(const session_record& session, const session_span& span) const;

    // Of the session itself.
    std::vector<seq_range> ranges_of(const session_record& session) const {
        return index_.ranges_of_session(session.number, journal_.last_seq());
    }

    bool owed(seq_t first, seq_t last) const; // by any stream
    seq_t durable_seq() const;                // everything up to it, of every session, is durable

private:
    const ring& journal_;
    session_table& sessions_;
    delivery_table& deliveries_;
    owed_index index_;
    std::vector<entry*> by_slot_;
};

} // namespace agent
