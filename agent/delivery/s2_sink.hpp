#pragma once
// The S2 sink: all streams of one state directory. It decides which of them are written (at most four at
// once: the active session's always, then the oldest backlog), what is owed, where a session's envelopes go,
// and what happens when a stream is lost to another writer.
//
// 1. A session's envelopes go to the place they were recorded for; what another place alone can take is held,
//    named, never waited for.
// 2. A lost stream is never appended to again. The verdict, the continuation's name and the parts of the
//    sessions that go on there are stored and synced before its first byte. While the table of streams is
//    full of what is owed, the verdict stands and its sessions wait, visibly, for a slot.
// 3. owed() is the ring's question; what is owed is what lies above a stream's durable seq in its sessions'
//    spans.
// 4. A stream that S2 refuses (not: the sink, see delivery_standing) takes no place of the four and holds
//    up nobody.

#include "agent/delivery/delivery.hpp"
#include "agent/delivery/news.hpp"
#include "agent/delivery/stream_delivery.hpp"
#include "agent/event/system_events.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace agent {

constexpr std::size_t streams_written_max = 4;
// A flush and a teardown try refused streams again, since the outside may have changed: so long, beside all
// else, for their answer.
constexpr net::duration parked_retry_grace = std::chrono::milliseconds(250);

struct s2_sink_options {
    place at;                    // where new sessions go
    std::string stream_template; // "{capture_session_id}" is replaced by the id
    delivery_config limits;
};

class s2_sink final : public delivery, public placement, public ring_retention {
public:
    // `announce` gets system_durable_error and session_continued envelopes for the live and file sinks.
    using announce_function = std::function<void(std::string envelope)>;

    s2_sink(net::environment& env, ring& journal, session_table& sessions, delivery_table& deliveries,
            s2::client& client, s2_sink_options options, announce_function announce);
    ~s2_sink() override;

    // After a restart, before anything is published: holds what was sent, finishes what a crash interrupted,
    // names what only another place can take.
    void recover();
    // Then, once the sessions know what they published: the durable counters are stored now and then only,
    // or the machine died with them; what is owed tells their true value.
    // False where a part of the ring can't be read for now, and the stored counters stand: to be called
    // again.
    bool recount_durable();
    // Until aborted; after drain() until nothing is owed that can be delivered, and the sessions are closed.
    net::task<> run();
    // Take nothing new, deliver what is owed without lingering, then return from run().
    void drain();

    delivery_status status() const override;
    session_account account(const session_record& session) const override;
    net::task<flush_outcome> flush(seq_t up_to, net::time_point deadline) override;

    const net::condition& changed() const override { return changed_; }

    session_part place_session(std::string_view session_id, seq_t from_seq) override;
    bool owes(const session_record& session) const override;
    bool owes_in(const session_record& session, const session_span& span) const override;
    std::optional<start_error> refusal(std::string_view session_id, seq_t from_seq) const override;

    bool knows(const session_part& part) const override { return entry_of(part) != nullptr; }

    // --- for the history (s2_sink_history.cpp)
    // Whether a stream may leave the delivery table, as far as delivery goes.
    bool may_leave(const delivery_table::entry& entry) const;
    void leave(delivery_table::entry& entry); // one that may
    // The stream that this session (or, with an empty id, any new one) would go on in, where the delivery
    // table knows nothing of it.
    std::optional<session_part> goes_on_in_unknown(std::string_view session_id) const;
    bool take_back(delivery_state state); // false: there is no slot

    bool owed(seq_t first, seq_t last) const override;
    void dropping(const ring_entry& entry) override;
    void dropping_done() override;

    seq_t durable_seq() const; // everything up to it, of every session, is durable
    bool parked() const;       // the sink: nothing that is owed here can move
    bool refused() const;      // something that is owed here: by the sink's refusal or its stream's
    // After drain(): not where only what S2 refuses is left. What is tried again counts until then.
    bool ends_by_itself(net::time_point retries_until) const;
    bool owes_here() const; // anything that this place can take
    bool owes_held() const; // anything that only another place can take
    std::uint64_t held_bytes() const;
    std::string owed_to() const; // the places, and how many streams wait for each, in words
    // rises with each acknowledgement, for a deadline counted from the last one
    std::uint64_t ack_count() const;

private:
    struct range {
        seq_t from;
        seq_t to;
    };

    // --- what is owed (s2_sink_accounts.cpp)
    std::vector<range> owed_ranges(const delivery_state& state) const;
    bool owes(const delivery_state& state) const;
    bool owes_up_to(const delivery_state& state, seq_t up_to) const;
    undelivered_stream describe(const delivery_state& state, backlog_size size,
                                const std::string& sink_reason) const;
    const std::vector<delivery_table::entry*>& unsettled() const;
    backlog_size size_of(const std::vector<range>& ranges, std::uint32_t session) const;

    bool here(const delivery_state& state) const { return state.at == options_.at; }

    bool is_active_stream(const delivery_state& state) const;

    // --- where it goes (s2_sink_placement.cpp)
    std::string stream_for(std::string_view session_id) const;
    delivery_table::entry* entry_of(const session_part& part) const;
    std::vector<const delivery_table::entry*> streams_of(const session_record& session) const;
    delivery_table::entry* present_entry(std::string& stream) const;
    delivery_table::entry* ensure_entry(std::string stream, seq_t from_seq);
    bool gives_way(const delivery_table::entry& entry) const;
    bool stands_for_all(const delivery_table::entry& entry) const;
    bool has_slot() const;
    bool make_room();
    std::optional<start_error> refusal_to_move(const session_record& session, std::string_view stream,
                                               seq_t from_seq) const;
    seq_t moves_from(const session_part& last, seq_t from_seq) const;
    void announce_part(delivery_table::entry& entry, std::string_view session_id, seq_t from_seq,
                       continuation_reason reason);
    void announce_continuation(delivery_table::entry& entry, std::string_view session_id, seq_t from_seq);
    std::string continuation_name(const delivery_state& lost) const;
    void continue_sessions(const delivery_state& lost);
    bool waits_for_continuation(const delivery_state& state) const;
    bool go_on_from(delivery_table::entry& lost);
    void go_on_where_a_slot_is_free();
    net::task<> go_on_elsewhere(delivery_table::entry& lost, std::string reason);

    // --- the work (s2_sink.cpp)
    stream_delivery* running_for(const delivery_table::entry& entry) const;
    bool needs_delivery(const delivery_state& state) const;
    void start_due(net::task_group& group);
    void retire_unneeded();
    net::task<> deliver(std::shared_ptr<stream_delivery> one);
    net::task<> pump();
    net::task<net::error_code> sync_tables();

    // --- how it stands (s2_sink_condition.cpp)
    bool is_wanted(const stream_delivery& one) const; // it owes something, or is the active session's
    bool waits_for_slot(const delivery_state& state) const;
    left_undelivered left(seq_t up_to, net::time_point retries_until) const;
    void hurry();
    bool may_retry(const delivery_table::entry& entry) const;
    delivery_condition condition(std::string& reason) const;
    void condition_changed();

    net::environment& env_;
    ring& journal_;
    session_table& sessions_;
    delivery_table& deliveries_;
    s2::client& client_;
    s2_sink_options options_;
    announce_function announce_;
    std::vector<std::shared_ptr<stream_delivery>> running_;
    // sent by an earlier agent, unresolved
    std::map<const delivery_table::entry*, std::unique_ptr<ring_hold>> holds_;
    net::condition to_pass_on_; // a stream has got a record of the sink's own to write
    net::condition changed_;
    net::condition work_;
    std::set<std::uint32_t> dropped_not_stored_; // sessions whose stored count of drops lags
    seq_t flush_to_ = 0;
    bool draining_ = false;
    std::map<std::string, std::string> no_slot_; // lost streams whose continuation waits for one, and why
    std::uint64_t finished_acks_ = 0;
    delivery_news news_;
    std::optional<net::time_point> announced_at_;
    std::unique_ptr<net::timer> announce_later_;
    mutable std::vector<delivery_table::entry*> unsettled_;
    mutable std::uint64_t unsettled_generation_ = 0;
};

} // namespace agent
