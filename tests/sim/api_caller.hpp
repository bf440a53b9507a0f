#pragma once
// Programs that call an agent's API as its users do, and hold it to its answers: a publisher, somebody who
// flushes, somebody who watches (SSE), somebody who starts and stops sessions, somebody who asks for the
// status. Each is a task of a caller's process on the agent's machine.

#include "tests/sim/agent_host.hpp"
#include "tests/sim/checkers/conservation_checker.hpp"
#include "tests/sim/checkers/parking_checker.hpp"
#include "tests/sim/ledger.hpp"

namespace sim {

struct api_answer {
    unsigned status = 0; // 0: the caller hung up himself
    std::string body;
};

struct caller_plan {
    net::time_point until{}; // calls begin before
    net::duration gap_max = std::chrono::milliseconds(200);
    std::size_t events_max = 20;      // of one publish
    std::size_t data_bytes_max = 400; // of one event
    bool flushes = false;
    bool watches = false;
    bool changes_sessions = false;
    bool reopens_sessions = false; // earlier ones, among new ones
    net::duration session_lasts_max = std::chrono::seconds(12);
    bool asks_status = true;
    bool publishes = true;          // over HTTP
    std::size_t line_producers = 0; // at the NDJSON socket
    bool may_lack_room = false;     // good events may be refused
    bool may_park = false;          // delivery may
    bool counts_tell = false;       // one agent alone writes, and no crash takes anything
    bool outsiders = false; // may take a stream over: what landed there unacknowledged may be dropped, too
};

// What callers saw: a world in which nobody was ever answered proves nothing.
struct caller_tally {
    std::uint64_t answers = 0; // to publishes
    std::uint64_t durable_flushes = 0;
    std::uint64_t watched_envelopes = 0; // over SSE
    std::uint64_t early_answers = 0;     // to flushes that named what is refused
    std::uint64_t early_exits = 0;       // the same, of agents that left
    std::uint64_t reopened = 0;          // sessions
    std::uint64_t answered_lines = 0;    // of NDJSON connections that were read to their end

    void add(const caller_tally& other) {
        answers += other.answers;
        durable_flushes += other.durable_flushes;
        watched_envelopes += other.watched_envelopes;
        early_exits += other.early_exits;
        early_answers += other.early_answers;
        answered_lines += other.answered_lines;
        reopened += other.reopened;
    }
};

// What several callers of one agent share.
struct caller_context {
    world& in;
    agent_host& agent;
    ledger& book;
    const conservation_checker& conservation;
    const parking_checker& parking;
    caller_plan plan;
    std::size_t index = 0; // of the agent, in the ledger
    caller_tally seen;
    bool history_unread = false; // once: what is reopened since counts anew
};

// Starts them; they end when the plan's time is over.
void start_callers(process& env, caller_context& context);

// One call on a connection of its own; nothing: the connection failed or no answer came by the deadline.
net::task<std::optional<api_answer>> call_api(process& env, std::string method, std::string target,
                                              std::string body, std::string type, net::time_point deadline);

} // namespace sim
