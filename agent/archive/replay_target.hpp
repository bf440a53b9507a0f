#pragma once
// What `replay` and `tail` are asked for, and the stretches of streams that hold it. Plain: the session table
// is handed in.
//
// A session's parts are read each only below the next part's from_seq (invariant 9): what another writer
// appended to an abandoned stream is not ours.

#include "agent/state/session_table.hpp"
#include "s2/types.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace agent {

struct replay_target {
    enum class kind { session, latest, stream };
    kind of = kind::latest;
    std::string session_id; // of session
    std::string basin;      // of stream
    std::string stream;
};

// A UUID, "latest", or "s2://basin/stream". A text: why it is none of them.
std::variant<replay_target, std::string> parse_replay_target(std::string_view text);

// Envelopes of one session in one stream: from_seq <= seq < below_seq (0: no end).
struct replay_part {
    place at;
    std::string stream;
    std::string session_id; // empty: all of the stream
    seq_t from_seq = 0;
    seq_t below_seq = 0;
    // Where an earlier part stands in the same stream, what it is read below. A session_continued may tell of
    // a seq before from_seq, where the session lacks those between; behind this it is of this part.
    seq_t continued_from_seq = 0;

    // An envelope without a seq belongs to the part that it stands in; a session_continued (`continued` is
    // its from_seq) to one only of those in that stream.
    bool holds(std::string_view envelope_session, std::optional<seq_t> seq,
               std::optional<seq_t> continued = std::nullopt) const;
};

std::vector<replay_part> replay_parts(const session_record& session);

} // namespace agent
