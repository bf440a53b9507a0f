#pragma once
// A gap as a sink tells it: split at each session and part boundary, each piece with its session's id
// (product: System events).

#include "agent/state/session_table.hpp"

namespace agent {

struct gap_piece {
    ring_gap gap;
    const session_record* session = nullptr; // nothing: no session of the table holds these seqs
};

// The piece that begins where the gap does; the next one begins behind it.
gap_piece first_piece(const session_table& sessions, const ring_gap& gap);

} // namespace agent
