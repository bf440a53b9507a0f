#pragma once
// The S2 sink: all streams of one state directory, as the rest of the agent sees them. It owns the parts that
// decide, and puts them together: what is owed (owed_streams), where a session goes (stream_placement), what
// goes on for a lost stream (continuations), which streams are written (delivery_schedule), the accounts, and
// what is told (told_condition).
//
// owed() is the ring's question; what is owed is what lies above a stream's durable seq in its sessions'
// spans. A stream that S2 refuses (not: the sink, see standing.hpp) takes no place of those that are written
// and holds up nobody.

#include "agent/delivery/continuations.hpp"
#include "agent/delivery/delivery.hpp"
#include "agent/delivery/delivery_overview.hpp"
#include "agent/delivery/delivery_schedule.hpp"
#include "agent/delivery/session_accounts.hpp"
#include "agent/delivery/told_condition.hpp"
#include "agent/event/system_events.hpp"

#include <string>

namespace agent {

// A flush and a teardown try refused streams again, since the outside may have changed: so long, beside all
// else, for their answer.
constexpr net::duration parked_retry_grace = std::chrono::milliseconds(250);

struct s2_sink_options {
    place at;                    // where new sessions go
    std::string stream_template; // "{capture_session_id}" is replaced by the id
    delivery_config limits;
};

class s2_sink final : public delivery, public placement, public ring_retention, private schedule_listener {
public:
    s2_sink(net::environment& env, ring& journal, session_table& sessions, delivery_table& deliveries,
            s2::client& client, s2_sink_options options, announce_function announce);
    ~s2_sink() override;

    // After a restart, before anything is published: holds what was sent, finishes what a crash interrupted,
    // names what only another place can take.
    void recover();

    // Until aborted; after drain() until nothing is owed that can be delivered, and the sessions are closed.
    net::task<> run();
    // Take nothing new, deliver what is owed without lingering, then return from run().
    void drain();

    delivery_status status() const override { return overview_.status(); }

    session_account account(const session_record& session) const override {
        return accounts_.account(session);
    }

    net::task<flush_outcome> flush(seq_t up_to, net::time_point deadline) override;

    const net::condition& changed() const override { return changed_; }

    session_part place_session(std::string_view session_id, seq_t from_seq) override {
        return placement_.place_session(session_id, from_seq);
    }

    bool owes(const session_record& session) const override { return owed_.owes(session); }

    bool owes_in(const session_record& session, const session_span& span) const override {
        return owed_.owes_in(session, span);
    }

    std::optional<start_error> refusal(std::string_view session_id, seq_t from_seq) const override {
        return placement_.refusal(session_id, from_seq);
    }

    bool knows(const session_part& part) const override { return placement_.knows(part); }

    session_accounts& accounts() { return accounts_; } // for the history, which keeps whole ones

    stream_placement& streams() {
        return placement_;
    } // for the history, which takes them and gives them back

    bool owed(seq_t first, seq_t last) const override { return owed_.owed(first, last); }

    void letting_go(std::uint64_t generation, seq_t first, seq_t last) override {
        accounts_.letting_go({generation, first, last});
    }

    seq_t durable_seq() const { return owed_.durable_seq(); } // everything up to it, of every session

    std::optional<sink_parked> parked() const { return schedule_.parked(); } // nothing owed here can move

    bool refused() const; // something that is owed here: by the sink's refusal or its stream's
    // After drain(): not where only what S2 refuses is left. What is tried again counts until then.
    bool ends_by_itself(net::time_point retries_until) const;
    bool owes_here() const; // anything that this place can take
    bool owes_held() const; // anything that only another place can take

    std::uint64_t held_bytes() const { return overview_.held_bytes(); }

    // the places, and how many streams wait for each, in words
    std::string owed_to() const { return overview_.owed_to(); }

    std::uint64_t ack_count() const { return schedule_.ack_count(); }

private:
    using entry = delivery_table::entry;

    void progressed() override;
    void ended() override;
    void condition_changed() override;
    net::task<> lost(entry& stream, std::string reason) override;

    net::task<> pump();
    net::task<net::error_code> sync_tables();
    left_undelivered left(seq_t up_to, net::time_point retries_until) const;

    net::environment& env_;
    ring& journal_;
    session_table& sessions_;
    delivery_table& deliveries_;
    net::condition to_pass_on_; // a stream has got a record of the sink's own to write
    net::condition changed_;
    net::condition work_;
    owed_streams owed_;
    stream_placement placement_;
    continuations continued_;
    delivery_schedule schedule_;
    told_condition told_;
    session_accounts accounts_;
    delivery_overview overview_;
    bool draining_ = false;
};

} // namespace agent
