#include "agent/ring/counts.hpp"

#include "agent/ring/header.hpp"

#include <algorithm>

namespace agent {

// No allocation while a segment of one session is filled.
segment_counts::segment_counts() {
    checkpoints_.reserve((ring_segment_bytes - ring_header_bytes) / ring_checkpoint_bytes + 1);
}

void segment_counts::start_stretch(const frame& first) {
    one_session_ = checkpoints_.empty() || (one_session_ && first.session == session_);
    session_ = first.session;
    checkpoint_due_ = first.begin + ring_checkpoint_bytes;
    checkpoints_.push_back({first.seq, static_cast<std::uint32_t>(first.begin), session_,
                            static_cast<std::uint32_t>(events_), static_cast<std::uint32_t>(bytes_)});
}

bool segment_counts::holds_all_of(std::uint32_t session) const {
    return session == 0 || (one_session_ && session == session_);
}

segment_count segment_counts::count(std::uint32_t session, seq_t from, seq_t to, seq_t last) const {
    segment_count counted;
    if (checkpoints_.empty() || from > to)
        return counted;
    if (from <= checkpoints_.front().seq && to >= last && holds_all_of(session)) {
        counted.known = {events_, bytes_, false};
        return counted;
    }
    auto stretch = std::upper_bound(checkpoints_.begin(), checkpoints_.end(), from,
                                    [](seq_t seq, const checkpoint& each) { return seq < each.seq; });
    if (stretch != checkpoints_.begin())
        --stretch;
    for (; stretch != checkpoints_.end() && stretch->seq <= to; ++stretch) {
        if (session != 0 && stretch->session != session)
            continue;
        const auto next = stretch + 1;
        const bool newest = next == checkpoints_.end();
        const seq_t stretch_last = newest ? last : next->seq - 1;
        if (from <= stretch->seq && stretch_last <= to) {
            counted.known.producer_events += (newest ? events_ : next->events) - stretch->events;
            counted.known.producer_bytes += (newest ? bytes_ : next->bytes) - stretch->bytes;
        } else {
            counted.unread[counted.unread_count++] = {stretch->offset, std::max(from, stretch->seq),
                                                      std::min(to, stretch_last)};
        }
    }
    return counted;
}

} // namespace agent
