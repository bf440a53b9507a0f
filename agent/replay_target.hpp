#pragma once
// What `replay` and `tail` are asked for, and the stretches of streams that hold it. Plain: the session table
// is handed in.
//
// A session's parts are read each only below the next part's from_seq (invariant 9): what another writer
// appended to an abandoned stream is not ours.

#include "agent/session_table.hpp"
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

    // An envelope without a seq (session_continued) belongs to the part that it stands in.
    bool holds(std::string_view envelope_session, std::optional<seq_t> seq) const;
};

std::vector<replay_part> replay_parts(const session_record& session);

} // namespace agent
