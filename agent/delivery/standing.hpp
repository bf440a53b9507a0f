#pragma once
// What a refusal by S2 means for whoever waits, as plain facts and rules (product: "Only what no retry can
// cure parks").
//
// 1. A stream that S2 refuses parks alone: it is named, retried by itself, and waited for by nobody.
// 2. The sink is parked where a refusal concerns all streams (a bad token, no such basin) and each stream
//    that is written has met one: a stream that still works, or was not answered yet, proves nothing of the
//    kind.
// 3. A flush and a teardown wait for what can move, and end as soon as only refused or held streams are
//    left.

#include <optional>
#include <span>

namespace agent {

enum class stream_condition { idle, delivering, failing, stream_parked, sink_parked };

constexpr bool is_parked(stream_condition condition) {
    return condition == stream_condition::stream_parked || condition == stream_condition::sink_parked;
}

// A stream that is written now.
struct written_stream {
    stream_condition condition = stream_condition::idle;
    bool wanted = false; // it owes something, or is the active session's
};

constexpr bool sink_is_parked(std::span<const written_stream> all) {
    bool refused = false;
    for (const auto& each : all) {
        if (each.wanted && !is_parked(each.condition))
            return false;
        refused = refused || each.condition == stream_condition::sink_parked;
    }
    return refused;
}

enum class flush_outcome { durable, timed_out, parked, streams_parked, held };

// What of all that is owed up to some seq is left.
struct left_undelivered {
    bool sink_parked = false;
    bool moves = false;  // a stream that no refusal stops
    bool parked = false; // a stream that S2 refuses
    bool held = false;   // what only another place can take
};

// Nothing: somebody who waits goes on waiting.
constexpr std::optional<flush_outcome> outcome_of(const left_undelivered& left, bool deadline_passed) {
    if (left.sink_parked && (left.moves || left.parked))
        return flush_outcome::parked;
    if (left.moves)
        return deadline_passed ? std::optional(flush_outcome::timed_out) : std::nullopt;
    if (left.parked)
        return flush_outcome::streams_parked;
    return left.held ? flush_outcome::held : flush_outcome::durable;
}

} // namespace agent
