// The ring's answer to how much is there, from what its segments keep (counts.hpp).
#include "agent/ring/ring.hpp"
#include "agent/ring/segment.hpp"

#include <algorithm>

namespace agent {

// What can't be read as a whole is damage, as for a cursor.
template <class Visit>
void ring::read_range(ring_segment& segment, std::span<const std::byte> bytes, const segment_stretch& range,
                      Visit visit) {
    std::size_t offset = range.offset;
    seq_t position = range.from;
    frame found;
    while (position <= range.to) {
        const bool any = segment.next(bytes, offset, position, range.to, found);
        if (!any || found.seq != position)
            note_damage(segment);
        if (!any)
            return;
        visit(found);
        offset = found.end;
        position = found.seq + 1;
    }
}

// Reads the segment, so that damage shows. An error: it can't be mapped for now, and is to be asked again.
net::error_code ring::make_counts(std::size_t index) {
    auto& segment = *segments_[index];
    const auto mapped = segment.pin();
    if (!mapped) {
        if (net::is_shortage(mapped.error()))
            return mapped.error();
        note_damage(segment);
        return {};
    }
    if (segment.state() == header_state::broken)
        note_damage(segment);
    if (segment.state() != header_state::whole)
        return {};
    // How far it reaches, the header behind tells where its own seal does not.
    if (index + 1 < segments_.size()) {
        const auto behind = segments_[whole_from(index + 1)]->pin();
        if (!behind && net::is_shortage(behind.error()))
            return behind.error();
    }
    segment_counts counts;
    read_range(segment, (*mapped)->bytes(), {ring_header_bytes, segment.first_seq(), last_of(index)},
               [&counts](const frame& found) { counts.add(found); });
    segment.set_counts(std::move(counts));
    return {};
}

ring_count ring::count_in(std::size_t index, std::uint32_t session, seq_t from, seq_t to) {
    auto& segment = *segments_[index];
    if (!segment.counts() && make_counts(index))
        return {0, 0, true};
    const seq_t last = last_of(index);
    if (!segment.counts() || from > last)
        return {};
    const auto counted = segment.counts()->count(session, from, std::min(to, last), last);
    ring_count found = counted.known;
    if (counted.unread_count == 0)
        return found;
    const auto mapped = segment.pin();
    if (!mapped) {
        found.partial = net::is_shortage(mapped.error());
        if (!found.partial)
            note_damage(segment);
        return found;
    }
    for (std::size_t each = 0; each < counted.unread_count; ++each)
        read_range(segment, (*mapped)->bytes(), counted.unread[each], [&found](const frame& read) {
            found.producer_events += read.own ? 0 : 1;
            found.producer_bytes += read.own ? 0 : read.payload.size();
        });
    return found;
}

ring_count ring::count(std::uint32_t session, seq_t from, seq_t to) {
    ring_count found;
    to = std::min(to, last_seq());
    std::size_t index = index_behind(from);
    index = index > 0 ? index - 1 : 0;
    for (; index < segments_.size() && segments_[index]->first_seq() <= to; ++index)
        found += count_in(index, session, from, to);
    return found;
}

net::result<std::uint64_t> ring::generation_of(seq_t first_seq) {
    const std::size_t behind = index_behind(first_seq);
    if (behind == 0 || segments_[behind - 1]->first_seq() != first_seq)
        return std::uint64_t{0};
    auto& segment = *segments_[behind - 1];
    if (const auto mapped = segment.pin(); !mapped && net::is_shortage(mapped.error()))
        return mapped.error();
    return segment.known() && segment.state() == header_state::whole ? segment.generation() : 0;
}

} // namespace agent
