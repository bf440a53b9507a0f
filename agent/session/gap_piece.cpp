#include "agent/session/gap_piece.hpp"

#include <algorithm>

namespace agent {

gap_piece first_piece(const session_table& sessions, const ring_gap& gap) {
    gap_piece piece{gap, nullptr};
    const auto ends_before = [&piece](seq_t next) {
        if (next > piece.gap.from_seq)
            piece.gap.to_seq = std::min(piece.gap.to_seq, next - 1);
    };
    for (const auto& session : sessions.all())
        for (const auto& span : session.spans) {
            ends_before(span.from_seq);
            const bool holds =
                span.from_seq <= gap.from_seq && (span.to_seq == 0 || gap.from_seq <= span.to_seq);
            if (!holds)
                continue;
            piece.session = &session;
            if (span.to_seq != 0)
                ends_before(span.to_seq + 1);
            for (const auto& part : session.parts)
                ends_before(part.from_seq);
        }
    return piece;
}

} // namespace agent
