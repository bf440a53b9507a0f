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
#include <string>
#include <utility>

namespace agent {

enum class stream_condition { idle, delivering, failing, stream_parked, sink_parked };

constexpr bool is_parked(stream_condition condition) {
    return condition == stream_condition::stream_parked || condition == stream_condition::sink_parked;
}

// A stream that is written now.
struct written_stream {
    stream_condition condition = stream_condition::idle;
    bool wanted = false; // it owes something, or is the active session's
    std::string reason = {};
};

// S2 refuses one stream, and why. Whoever waits is told of it, and nobody's work ends by it.
struct stream_parked {
    std::string reason;

    bool operator==(const stream_parked&) const = default;
};

// S2 refuses all streams, and why. Only of_all() makes one: what ends an input, answers a flush at once or
// ends the delivery of a teardown asks for this type, so that no single stream's refusal can be taken for it.
class sink_parked {
public:
    static std::optional<sink_parked> of_all(std::span<const written_stream> all) {
        const written_stream* refused = nullptr;
        for (const auto& each : all) {
            if (each.wanted && !is_parked(each.condition))
                return std::nullopt;
            if (!refused && each.condition == stream_condition::sink_parked)
                refused = &each;
        }
        return refused ? std::optional(sink_parked(refused->reason)) : std::nullopt;
    }

    const std::string& reason() const { return reason_; }

private:
    explicit sink_parked(std::string reason)
        : reason_(std::move(reason)) {}

    std::string reason_;
};

enum class flush_outcome { durable, timed_out, parked, streams_parked, held };

// What of all that is owed up to some seq is left.
struct left_undelivered {
    std::optional<sink_parked> sink = {};
    std::optional<stream_parked> stream = {}; // one that S2 refuses
    bool moves = false;                       // a stream that no refusal stops
    bool held = false;                        // what only another place can take
};

// Nothing: somebody who waits goes on waiting.
inline std::optional<flush_outcome> outcome_of(const left_undelivered& left, bool deadline_passed) {
    if (left.sink && (left.moves || left.stream))
        return flush_outcome::parked;
    if (left.moves)
        return deadline_passed ? std::optional(flush_outcome::timed_out) : std::nullopt;
    if (left.stream)
        return flush_outcome::streams_parked;
    return left.held ? flush_outcome::held : flush_outcome::durable;
}

} // namespace agent
