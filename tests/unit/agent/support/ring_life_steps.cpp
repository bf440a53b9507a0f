// What happens within one life of a ring, and what must be true of it.
#include "ring_life.hpp"

#include <algorithm>
#include <cstring>

namespace agent::test {
namespace {

constexpr std::size_t holds_max = 4;
constexpr std::size_t settled_at_once_max = 4;
constexpr std::size_t copied_bytes_max = 4096;

} // namespace

ring_life::segments ring_life::present() const {
    segments found;
    for (const auto& name : world_.disk.names())
        if (const auto first = parse_segment_name(name))
            found.push_back(*first);
    return found;
}

seq_t ring_life::some_seq(unsigned drawn) const {
    const seq_t first = ring_.it->first_seq();
    return first + (model_.next() + 2 - first) * drawn / draw_max;
}

bool ring_life::held_range(seq_t first, seq_t last) const {
    return std::any_of(holds_.begin(), holds_.end(), [&](const held& one) {
        return one.it->first() <= one.it->last() && one.it->first() <= last && one.it->last() >= first;
    });
}

bool ring_life::holds_some_of(seq_t first, seq_t last) const {
    for (seq_t seq = first; seq <= last; ++seq)
        if (model_.there(seq) && held_range(seq, seq))
            return true;
    return false;
}

bool ring_life::anything_owed_or_held() const {
    const seq_t first = ring_.it->first_seq();
    return owed(first, model_.next() - 1) || held_range(first, model_.next() - 1);
}

void ring_life::letting_go(std::uint64_t generation, seq_t first, seq_t last) {
    const auto known = ring_->generation_of(first);
    MUST_HOLD(known && *known == generation);
    check_counts(first, last);
    if (!owed(first, last))
        return;
    MUST_HOLD(told_.empty() || told_.back() < first);
    for (seq_t seq = first; seq <= last; ++seq)
        if (model_.there(seq)) {
            told_.push_back(seq);
            model_.at(seq).told = true;
        }
}

// What is counted is what is read.
void ring_life::check_counts(seq_t first, seq_t last) {
    std::array<ring_count, 7> read; // by session; 0: of all
    ring_cursor cursor(*ring_, first);
    for (auto item = cursor.next(); !std::holds_alternative<ring_cursor::nothing>(item);
         item = cursor.next()) {
        const auto* entry = std::get_if<ring_entry>(&item);
        if (cursor.position() > last + 1)
            break;
        if (!entry || entry->own)
            continue;
        read.at(0) += {1, entry->line.size(), false};
        read.at(entry->session) += {1, entry->line.size(), false};
    }
    for (std::uint32_t session = 0; session < read.size(); ++session)
        MUST_HOLD(ring_->count(session, first, last) == read.at(session));
}

// From empty to the largest, and what ends just at, before and behind the segment's end.
std::size_t ring_life::size_of(unsigned drawn, std::uint64_t dice) {
    switch (drawn % 6) {
    case 0:
        return 100'000 + dice % 300'000;
    case 1:
        return 1 + dice % 64;
    case 2:
        return 700 + dice % 600;
    case 3:
        return envelope_bytes_max - dice % 3 * 40'000;
    case 4:
        return envelope_bytes_max;
    default:
        break;
    }
    const std::size_t left = ring_segment_bytes - head_end_;
    const std::size_t about = dice % 5 * 8; // bytes that stay behind it, or too many
    if (head_end_ == 0 || left < frame_head_bytes + about)
        return 300'000;
    return std::min(left - frame_head_bytes - about + dice % 3, envelope_bytes_max);
}

// A line that may hold copies of frames and headers, whole or cut, of this segment and of older ones, aligned
// as in a segment.
std::string ring_life::content(std::size_t bytes, std::uint64_t dice) {
    std::string line = line_of(model_.next(), bytes);
    for (std::uint64_t count = dice % 4, at = 64; count > 0 && bytes > 200; --count) {
        std::string copied("\xff\x52\x7b\x1e", 4);
        if (count == 1) {
            const auto raw = world_.disk.bytes(segment_path(present().front())).first(32);
            copied.assign(reinterpret_cast<const char*>(raw.data()), raw.size());
        } else if (ring_->last_seq() > 0) {
            ring_cursor source(*ring_, count == 2 ? ring_->last_seq() : some_seq(dice % draw_max));
            const auto item = source.next();
            if (const auto* entry = std::get_if<ring_entry>(&item))
                copied.assign(entry->line.data() - frame_head_bytes,
                              std::min(frame_bytes(entry->line.size()), copied_bytes_max));
        }
        if (at + copied.size() > bytes)
            break;
        std::memcpy(line.data() + at, copied.data(), copied.size());
        at += frame_bytes(copied.size());
    }
    return line;
}

void ring_life::publish(unsigned size_drawn, std::uint64_t dice) {
    if (dice % 13 < 3)
        world_.time += ring_filled_fast; // the next segment is of another kind
    const std::size_t bytes = size_of(size_drawn, dice);
    const std::size_t bound = bytes + (dice % 3 == 0 ? dice % 5000 : 0);
    const std::string line = content(bytes, dice);
    const auto before = present();
    const seq_t history = ring_->live_history_seq();
    const bool disk_short = world_.disk.disk_bytes() + ring_segment_bytes > world_.disk.disk_bytes_max;
    told_.clear();
    if (dice % 2 == 0) { // who can wait
        const bool anything = anything_owed_or_held();
        const bool had_room = ring_->make_room(bound);
        MUST_HOLD(had_room || anything || disk_short); // else it waits for nothing
        MUST_HOLD(told_.empty());
        MUST_HOLD(had_room || !ring_->refusal().empty());
    }
    auto room = ring_->reserve(bound);
    const bool refused = room.empty() && bound > 0;
    if (!refused && dice % 7 == 0)
        room = ring_->reserve(bytes); // the first one is abandoned
    went(before, history, disk_short);
    if (refused)
        return must_not_be_refused(disk_short);
    MUST_HOLD(room.size() >= bytes);
    std::copy(line.begin(), line.end(), room.begin());
    const auto session = static_cast<std::uint32_t>(dice % 5 + 1);
    const bool own = dice % 11 == 0;
    published(ring_->commit(bytes, session, own), line, session, own);
}

void ring_life::published(const ring_entry& entry, std::string line, std::uint32_t session, bool own) {
    MUST_HOLD(entry.seq == model_.next());
    const auto head = world_.disk.bytes(segment_path(present().back()));
    head_end_ =
        static_cast<std::size_t>(reinterpret_cast<const std::byte*>(entry.line.data()) - head.data()) -
        frame_head_bytes + frame_bytes(line.size());
    MUST_HOLD(head_end_ <= ring_segment_bytes);
    model_.add(std::move(line), session, own);
    model_.must_be(entry);
    keep_seqs_ahead();
}

// What a reserve freed was not held; it was told where it was owed; and nothing went that need not.
void ring_life::went(const segments& before, seq_t history, bool disk_short) {
    const auto after = present();
    const bool rolled = after.back() != before.back();
    std::size_t settled = 0;
    std::vector<seq_t> pressed; // the first seqs of the others
    for (std::size_t index = 0; index + 1 < before.size(); ++index) {
        const seq_t first = before[index];
        const seq_t last = before[index + 1] - 1;
        if (std::binary_search(after.begin(), after.end(), first))
            continue;
        seq_t last_there = last;
        while (last_there >= first && !model_.there(last_there))
            --last_there;
        if (last_there >= first && (owed(first, last_there) || first >= history))
            pressed.push_back(first);
        else
            ++settled;
        for (seq_t seq = first; seq <= last; ++seq) {
            auto& one = model_.at(seq);
            if (one.is == journal_model::presence::there) {
                MUST_HOLD(!held_range(seq, seq));
                if (owed(seq, seq))
                    MUST_HOLD(std::binary_search(told_.begin(), told_.end(), seq));
                model_.go(seq, 0);
            }
            one.reasons |= journal_model::bit(gap_reason::capacity);
        }
    }
    for (const auto seq : told_)
        MUST_HOLD(!model_.there(seq));
    const std::size_t capacity = options_.capacity_bytes / ring_segment_bytes;
    MUST_HOLD(!rolled || after.size() <= std::max(capacity, before.size())); // a start may add one
    if (crashes_ > 0) // where a segment ends is not known then
        return;
    MUST_HOLD(settled <= settled_at_once_max);
    if (pressed.empty())
        return;
    MUST_HOLD(rolled && pressed.size() == 1 && settled == 0);
    const bool at_capacity = before.size() + 1 > capacity;
    MUST_HOLD(disk_short || at_capacity);
    MUST_HOLD(after.size() == before.size());
    // The oldest goes first; of a full disk, the oldest that was delivered.
    const auto behind = std::upper_bound(before.begin(), before.end(), pressed.back());
    const bool was_owed = owed(pressed.back(), *behind - 1);
    for (std::size_t index = 0; index + 1 < after.size() && after[index] < pressed.back(); ++index) {
        const seq_t last = after[index + 1] - 1;
        MUST_HOLD(held_range(after[index], last) || (!at_capacity && !was_owed && owed(after[index], last)));
    }
}

void ring_life::must_not_be_refused(bool disk_short) const {
    const auto now = present();
    const std::size_t capacity = options_.capacity_bytes / ring_segment_bytes;
    MUST_HOLD(disk_short || now.size() + 1 > capacity);
    for (std::size_t index = 0; index + 1 < now.size(); ++index)
        MUST_HOLD(held_range(now[index], now[index + 1] - 1));
}

void ring_life::hold(const step& how) {
    if (holds_.size() == holds_max)
        return;
    const seq_t first = some_seq(how.a);
    const seq_t last = how.b + 1 == draw_max ? ~seq_t{0} : first + how.b % 8;
    held fresh{ring_->hold(first, last), 0, {}};
    ring_cursor source(*ring_, first);
    const auto item = source.next();
    if (const auto* entry = std::get_if<ring_entry>(&item)) {
        fresh.seen = entry->seq;
        fresh.line = entry->line;
    }
    holds_.push_back(std::move(fresh));
}

void ring_life::change_hold(const step& how) {
    if (holds_.empty())
        return;
    const auto which = holds_.begin() + how.a % holds_.size();
    const seq_t by = how.b / 4;
    switch (how.b % 4) {
    case 0:
        holds_.erase(which);
        return;
    case 1:
        which->it->shrink_from(which->it->first() + by);
        break;
    case 2:
        which->it->extend_to(std::max(which->it->last(), which->it->last() + by));
        break;
    default:
        which->it->shrink_from(std::max(which->it->last(), which->it->last() + 1));
        break;
    }
    if (which->seen < which->it->first())
        which->seen = 0;
}

// What is held is there, where it was.
void ring_life::check_holds() {
    std::size_t segments_held = 0;
    const auto now = present();
    for (std::size_t index = 0; index < now.size(); ++index)
        segments_held += held_range(now[index], index + 1 < now.size() ? now[index + 1] - 1 : ~seq_t{0});
    for (const auto& one : holds_)
        if (one.seen > 0) {
            MUST_HOLD(model_.there(one.seen));
            MUST_HOLD((one.line == *model_.at(one.seen).line));
        }
    MUST_HOLD(world_.disk.mapped_now <= segments_held + readers_.size() + 1 + ring_mapped_segments_max);
}

void ring_life::acknowledge(const step& how) {
    owed_from_ = std::max<seq_t>(some_seq(how.a), 1);
    parked_from_ = 1;
    parked_to_ = how.b % 3 == 0 ? some_seq(how.b) / 2 : 0;
}

void ring_life::limit_disk(unsigned segments_left) {
    disk_limited_ = segments_left != ~0u;
    world_.disk.disk_bytes_max =
        disk_limited_ ? world_.disk.disk_bytes() + segments_left * ring_segment_bytes : ~std::uint64_t{0};
}

void ring_life::read(const step& how) {
    auto& cursor = *readers_[how.a % 2].it;
    if (how.dice % 4 == 0)
        cursor.seek(some_seq(how.b));
    model_.read(cursor, how.b + 1, false);
}

} // namespace agent::test
