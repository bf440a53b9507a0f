#pragma once
// Delivery as the rest of the agent sees it: what is durable, what is left and why, and how to wait for it.

#include "agent/config/config.hpp"
#include "agent/delivery/standing.hpp"
#include "agent/ring/ring.hpp"
#include "agent/session/capture.hpp"
#include "agent/state/session_table.hpp"
#include "net/task/stop_token.hpp"

#include <optional>
#include <string>

namespace agent {

// Of the whole sink, where a refused stream beside others does not count: `parked` means that S2 refuses
// all of it (a bad token, no such basin). `streams_parked` and `held` are said where only such streams have
// something left.
enum class delivery_condition { idle, delivering, failing, parked, streams_parked, held };
std::string_view name_of(delivery_condition value);

// Producers' events and all bytes that wait in the ring.
struct backlog_size {
    std::uint64_t events = 0;
    std::uint64_t bytes = 0;
    bool partial = false; // there is more that can't be read for now
};

// One session's account: published = durable + undelivered + dropped (producers' events).
struct session_account {
    std::string session_id;
    std::string stream; // of its last part
    std::string basin;
    std::uint64_t published = 0;
    std::uint64_t durable = 0;
    std::uint64_t undelivered = 0;
    std::uint64_t undelivered_bytes = 0;
    std::uint64_t dropped = 0;
    seq_t durable_seq = 0;             // own events too
    std::optional<std::uint64_t> tail; // the stream's next S2 seq_num, once known
};

// waiting: for S2, or for its turn. parked: S2 refuses it. held: only another place can take it.
enum class stream_state { waiting, parked, held };
std::string_view name_of(stream_state value);

// A stream with something undelivered.
struct undelivered_stream {
    place at;
    std::string stream;
    backlog_size size;
    std::string reason;
    stream_state state = stream_state::waiting;
};

constexpr std::size_t streams_listed_max = 64;

struct delivery_status {
    delivery_condition condition = delivery_condition::idle;
    std::string reason;                   // of failing, parked and streams_parked, in words
    seq_t durable_seq = 0;                // everything up to it, of every session, is durable
    backlog_size backlog;                 // left by earlier runs and sessions
    std::uint64_t undelivered_events = 0; // of all sessions
    std::uint64_t undelivered_bytes = 0;
    // Where it waits, what is refused or held first; the sizes above count all.
    std::vector<undelivered_stream> streams;
    std::size_t streams_not_listed = 0;
};

// "stream NAME at PLACE: REASON" of the first stream that S2 refuses, and how many more there are; empty
// for none.
std::string refused_streams_text(const delivery_status& status);

// s2_sink is the one real implementation (tests give their own).
class delivery {
public:
    virtual ~delivery() = default;
    virtual delivery_status status() const = 0;
    virtual session_account account(const session_record& session) const = 0;
    // Ends the linger, retries at once, waits until everything up to the seq is durable, or what is left
    // can't become so, or the deadline has come.
    virtual net::task<flush_outcome> flush(seq_t up_to, net::time_point deadline) = 0;
    // Something that status() shows has changed.
    virtual const net::condition& changed() const = 0;
};

} // namespace agent
