#include "agent/ring/chain.hpp"

#include "agent/ring/hold.hpp"
#include "net/assert.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace agent {

ring_chain::ring_chain(net::environment& env)
    : freed_(env) {}

ring_chain::~ring_chain() {
    NET_ASSERT(holds_.empty(), "no hold outlives its ring");
}

seq_t ring_chain::last_of(std::size_t index) const {
    if (index + 1 == segments_.size())
        return next_seq_ - 1;
    const auto& segment = *segments_[index];
    seq_t bound = segments_[index + 1]->first_seq() - 1;
    std::size_t behind = index + 1; // whose header tells what lies between, as far as that is known
    while (behind + 1 < segments_.size() && segments_[behind]->state() != header_state::whole)
        ++behind;
    for (const auto& range : segments_[behind]->gaps().ranges()) {
        if (range.from_seq > segment.first_seq()) {
            bound = std::min(bound, range.from_seq - 1);
            break;
        }
    }
    return std::min(bound, segment.last_seq().value_or(bound));
}

std::size_t ring_chain::index_behind(seq_t seq) const {
    const auto found =
        std::upper_bound(segments_.begin(), segments_.end(), seq,
                         [](seq_t value, const segment_ptr& each) { return value < each->first_seq(); });
    return static_cast<std::size_t>(found - segments_.begin());
}

// A blank one among the others was being freed when the process died, one with a broken header can't be told
// anything: what lay before them, and why it went, stands in the header behind.
std::size_t ring_chain::whole_from(std::size_t index) const {
    for (; index + 1 < segments_.size(); ++index) {
        auto& segment = *segments_[index];
        if ((!segment.known() && !segment.pin()) || segment.state() == header_state::whole)
            break;
    }
    return index;
}

std::size_t ring_chain::history_begin(std::uint64_t bytes) const {
    std::uint64_t newer_bytes = 0;
    for (std::size_t index = segments_.size(); index > 0; --index) {
        if (index < segments_.size() && newer_bytes >= bytes)
            return index;
        newer_bytes += segments_[index - 1]->written_bytes() - ring_header_bytes;
    }
    return 0;
}

void ring_chain::note_damage(ring_segment& segment) {
    if (!segment.mark_damaged())
        return;
    ++damaged_count_;
    // What was counted before may be gone with it. The head's are written to.
    if (!segments_.empty() && &segment != segments_.back().get())
        segment.forget_counts();
    spdlog::warn("ring: {} is damaged; what is whole in it stays readable, the file will be kept aside",
                 segment.path().filename().string());
}

// What can't be read as a whole is damage, as for a cursor.
template <class Visit>
void ring_chain::read_range(ring_segment& segment, std::span<const std::byte> bytes,
                            const segment_stretch& range, Visit visit) {
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

net::error_code ring_chain::make_counts(std::size_t index) {
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

ring_count ring_chain::count_in(std::size_t index, std::uint32_t session, seq_t from, seq_t to) {
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

ring_count ring_chain::count(std::uint32_t session, seq_t from, seq_t to) {
    ring_count found;
    to = std::min(to, last_seq());
    std::size_t index = index_behind(from);
    index = index > 0 ? index - 1 : 0;
    for (; index < segments_.size() && segments_[index]->first_seq() <= to; ++index)
        found += count_in(index, session, from, to);
    return found;
}

net::result<std::uint64_t> ring_chain::generation_of(seq_t first_seq) {
    const std::size_t behind = index_behind(first_seq);
    if (behind == 0 || segments_[behind - 1]->first_seq() != first_seq)
        return std::uint64_t{0};
    auto& segment = *segments_[behind - 1];
    if (const auto mapped = segment.pin(); !mapped && net::is_shortage(mapped.error()))
        return mapped.error();
    return segment.known() && segment.state() == header_state::whole ? segment.generation() : 0;
}

bool ring_chain::held(std::size_t index) const {
    const seq_t first = segments_[index]->first_seq();
    const seq_t last = last_of(index);
    return std::any_of(holds_.begin(), holds_.end(), [&](const ring_hold* hold) {
        return hold->first() <= hold->last() && hold->first() <= last && hold->last() >= first;
    });
}

void ring_chain::pin_held() {
    for (auto* hold : holds_)
        hold->pin_present();
}

void ring_chain::insert(std::size_t index, segment_ptr segment) {
    segments_.insert(segments_.begin() + static_cast<std::ptrdiff_t>(index), std::move(segment));
}

void ring_chain::erase(std::size_t index) {
    segments_[index]->mark_freed();
    segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(index));
}

void ring_chain::sort() {
    std::sort(segments_.begin(), segments_.end(),
              [](const segment_ptr& a, const segment_ptr& b) { return a->first_seq() < b->first_seq(); });
}

void ring_chain::keep_mapped(std::size_t newest) {
    for (std::size_t index = segments_.size() - 1; index > 0; --index) {
        auto& segment = *segments_[index - 1];
        if (segments_.size() - index > newest && !segment.let_go_mapping())
            return; // nor any older one
    }
}

} // namespace agent
