#pragma once
// The agent's own envelopes (product: System events), all made here. Each has category system and the source
// {"kind":"kernel_api","event":"ringtail"}; the key order is that of every envelope. `ts` is µs since 1970,
// passed in.
//
// session_started, session_ended and session_resumed go into the ring (capture publishes them, from
// own_envelope). The others are made by a sink where it needs them, and are never in the ring.

#include "agent/event/category.hpp"
#include "agent/event/gap.hpp"
#include "net/clock.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace agent {

// Longest envelope of a session event of the ring; what a start needs room for.
constexpr std::size_t session_event_bytes_max = 1024;

// One line without newline. `data_json` is a JSON value without line breaks; no seq: the member is left out.
std::string own_envelope(std::string_view session_id, std::optional<seq_t> seq, net::wall_micros ts,
                         std::string_view type, std::string_view data_json);

std::string session_started_data(category_set categories); // {"categories":[…]}
std::string session_ended_data(std::string_view reason);   // {"reason":…}
std::string session_resumed_data(bool reopened);           // {"reason":"restart"} or {"reason":"reopened"}

// {from_seq, to_seq, count, reason}, with `seq` = to_seq; count is null for a machine crash (what was given
// out behind the highest seq known is not known).
std::string events_dropped_envelope(std::string_view session_id, const ring_gap& gap, net::wall_micros ts);

enum class continuation_reason { another_writer, storage };
std::string_view name_of(continuation_reason reason);
// {stream, from_seq, reason}, without seq; `from_seq` is of the envelope behind it.
std::string session_continued_envelope(std::string_view session_id, std::string_view stream, seq_t from_seq,
                                       continuation_reason reason, net::wall_micros ts);
// The from_seq of such an envelope; nothing in any other.
std::optional<seq_t> continued_from_seq(std::string_view envelope);

enum class durable_error_state { failing, parked, delivering };
std::string_view name_of(durable_error_state state);
// {state, reason}, without seq. Local: never for S2.
std::string system_durable_error_envelope(std::string_view session_id, durable_error_state state,
                                          std::string_view reason, net::wall_micros ts);

} // namespace agent
