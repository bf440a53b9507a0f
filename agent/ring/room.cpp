#include "agent/ring/room.hpp"

#include "net/assert.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace agent {
namespace {

// What was delivered late (after an outage) is given back over several roll-overs, so that none takes long.
constexpr int settled_removed_max = 3; // beside the one that is recycled

room_failure kind_of(const net::error_code& ec) {
    return is_disk_full(ec) ? room_failure::disk_full : room_failure::other;
}

} // namespace

struct ring_room::leaving {
    std::size_t index;
    ring_chain::segment_ptr segment;
    ring_pin mapped;
    ring_chain::segment_ptr behind; // the first with a header that holds
    ring_pin behind_mapped;
    seq_t last;
    bool owed;
};

ring_room::ring_room(const ring_options& options, segment_store& store, ring_chain& chain, ring_head& head)
    : options_(options)
    , store_(store)
    , chain_(chain)
    , head_(head) {}

std::uint64_t ring_room::used_bytes() const {
    return (chain_.size() + store_.unremoved()) * ring_segment_bytes;
}

bool ring_room::at_capacity() const {
    return used_bytes() + ring_segment_bytes > options_.capacity_bytes;
}

bool ring_room::owed(std::size_t index) const {
    return retention_ != nullptr && retention_->owed(chain_.at(index)->first_seq(), chain_.last_of(index));
}

bool ring_room::anything_owed() const {
    return retention_ != nullptr && retention_->owed(chain_.first_seq(), chain_.last_seq());
}

bool ring_room::roll_over(owed_segments how) {
    auto spare = obtain_spare(how);
    if (!spare)
        return false;
    had_room();
    // What was published into the head since a hold was taken is not pinned yet; the head's own pin goes.
    chain_.pin_held();
    head_.seal(chain_.last_seq());
    head_.keep_mapping();
    head_.install(std::move(*spare), chain_.next_seq(), {});
    chain_.keep_mapped(ring_mapped_segments_max);
    return true;
}

net::result<ring_spare> ring_room::make_spare() {
    return store_.make(chain_.next_seq(), head_.rate());
}

std::optional<ring_spare> ring_room::obtain_spare(owed_segments how) {
    store_.retry_removals();
    const std::size_t history = history_begin();
    room_facts facts{chain_.size() - 1, history, at_capacity(), how == owed_segments::stay};
    std::vector<std::optional<bool>> known(chain_.size());
    const auto is_held = [this](std::size_t index) { return chain_.held(index); };
    const auto is_owed = [&](std::size_t index) {
        if (!known[index])
            known[index] = owed(index);
        return *known[index];
    };
    std::string problem;
    for (;;) {
        const auto choice = choose_room(facts, is_held, is_owed);
        if (choice.what == room_choice::kind::refuse)
            break;
        const bool recycles = choice.what == room_choice::kind::recycle;
        const bool settled = recycles && choice.index < history && known[choice.index] == false;
        auto spare = recycles ? recycle(choice.index) : make_spare();
        if (spare) {
            // It is the first of these; where none was found, there is no more to look for.
            if (settled)
                remove_settled_from(choice.index);
            return std::move(*spare);
        }
        const std::string_view tried = recycles ? "recycle a segment" : "make another segment";
        problem = "cannot " + std::string(tried) + ": " + spare.error().message();
        (recycles ? facts.recycling : facts.taking) = kind_of(spare.error());
        if (facts.taking == room_failure::disk_full && !recycles)
            store_.note_disk_full(problem);
    }
    const bool waits_for_s2 = problem.empty();
    refuse(waits_for_s2 ? "all of it waits for S2" : std::move(problem), !waits_for_s2);
    return std::nullopt;
}

// Who can wait for S2 does so silently, as it is meant to.
void ring_room::refuse(std::string why, bool may_pass) {
    if (may_pass && why != said_) {
        spdlog::error("ring: {}; what can't wait is refused, and what is held stays", why);
        said_ = why;
    }
    refusal_ = std::move(why);
    may_pass_ = may_pass;
}

void ring_room::had_room() {
    if (!said_.empty())
        spdlog::info("ring: there is room again");
    said_.clear();
    refusal_.clear();
    may_pass_ = false;
}

// One segment becomes the next one; see above. A damaged one is kept aside, and one that was made for another
// rate of events is removed, where a new file may stand beside it.
net::result<ring_spare> ring_room::recycle(std::size_t index) {
    const auto ready = ready_to_leave(index);
    if (!ready)
        return ready.error();
    auto& segment = *ready->segment;
    const bool whole_size = ready->mapped->bytes().size() == ring_segment_bytes;
    const bool whole = whole_size && !segment.damaged();
    const bool other_rate =
        segment.dense() != (head_.rate() == segment_rate::dense) && !ready->owed && !at_capacity();
    if (!segment.anonymous() && (other_rate || !whole)) {
        auto fresh = make_spare();
        if (fresh && whole) {
            (void)remove_settled(index);
            return fresh;
        }
        if (fresh) {
            if (const auto ec = store_.set_aside(segment)) {
                store_.remove(fresh->path);
                return ec;
            }
            let_go(*ready);
            return fresh;
        }
        if (!whole && (!whole_size || !is_disk_full(fresh.error())))
            return fresh.error();
    }
    auto path = store_.rename_to(segment, chain_.next_seq());
    if (!path)
        return path.error();
    let_go(*ready);
    segment.blank(ready->mapped->bytes());
    return ring_spare{std::move(*path), ready->mapped, segment.dense()};
}

// Mapped, and what is owed of it read: damage shows only so.
net::result<ring_room::leaving> ring_room::ready_to_leave(std::size_t index) {
    NET_ASSERT(index + 1 < chain_.size() && !chain_.held(index),
               "neither the head nor what is held is freed");
    leaving going{index, chain_.at(index), {}, {}, {}, 0, false};
    auto mapped = going.segment->pin();
    if (!mapped)
        return mapped.error();
    going.mapped = std::move(*mapped);
    going.behind = chain_.at(chain_.whole_from(index + 1));
    auto behind_mapped = going.behind->pin();
    if (!behind_mapped)
        return behind_mapped.error();
    going.behind_mapped = std::move(*behind_mapped);
    going.last = chain_.last_of(index);
    going.owed = owed(index);
    if (going.owed)
        if (const auto ec = chain_.make_counts(index))
            return ec;
    return going;
}

void ring_room::tell_going(const leaving& going) {
    const auto& segment = *going.segment;
    if (retention_ != nullptr && segment.state() == header_state::whole && segment.first_seq() <= going.last)
        retention_->letting_go(segment.generation(), segment.first_seq(), going.last);
}

// What lay before it and why it went, itself, and what the header behind knew: all that header's from now on.
void ring_room::note_gap(const leaving& going) {
    if (going.segment->state() != header_state::whole)
        return; // it knows of no gap; the header behind keeps what it was told before
    const seq_t first = going.segment->first_seq();
    ring_gaps gaps = going.segment->gaps();
    gaps.append(first, gap_reason::capacity);
    const auto known = going.behind->gaps().ranges();
    const seq_t told_from = known.empty() ? going.behind->first_seq() : known.front().from_seq;
    if (going.last + 1 < told_from)
        gaps.append(going.last + 1, gap_reason::damage);
    for (const auto& range : known)
        if (range.from_seq > first)
            gaps.append(range.from_seq, range.reason);
    going.behind->set_gaps(going.behind_mapped->bytes(), gaps);
}

void ring_room::let_go(const leaving& going) {
    tell_going(going);
    note_gap(going);
    chain_.erase(going.index);
}

// The ones before that index are held or owed.
void ring_room::remove_settled_from(std::size_t index) {
    std::size_t history = history_begin();
    for (int count = 0; count < settled_removed_max; ++count) {
        while (index < history && (chain_.held(index) || owed(index)))
            ++index;
        if (index >= history || !remove_settled(index))
            return;
        history = history_begin();
    }
}

// False: it stays, and costs nothing but its place.
bool ring_room::remove_settled(std::size_t index) {
    const auto ready = ready_to_leave(index);
    if (!ready)
        return false;
    auto& segment = *ready->segment;
    let_go(*ready);
    if (segment.anonymous() || (segment.damaged() && !store_.set_aside(segment)))
        return true;
    segment.blank(ready->mapped->bytes());
    store_.remove(segment.path());
    return true;
}

} // namespace agent
