// Making room at a segment's end. choose_room() says what goes; here it is done, one segment at a time.
//
// A file changes its name before anything in it does:
//   1. The victim and the segment behind it are mapped, and what is owed of it is read. Any failure up to
//      here, and that of the rename, leaves all as it was.
//   2. The victim's file gets the next segment's name. Killed from here on, it has a name that its header
//      does not fit.
//   3. What is owed is told as dropped, and that stored; then the header behind notes the gap. That note is
//      what makes it gone: without it the next start gives the file its old name back, and nothing was lost;
//      with it, it finishes what was begun (recovery.cpp).
//   4. The victim's header is blanked, and the new one written.
// A machine that dies keeps any first part of the renames, and of the rest whatever reached the disk. A file
// whose header does not fit its name is then not given back: what it held was told long before such a name
// can last, and numbering goes on elsewhere.
//
// A settled segment that is only removed is noted first: what is there goes before what a gap says.
#include "agent/ring/policy.hpp"
#include "agent/ring/ring.hpp"
#include "agent/ring/spare.hpp"
#include "net/assert.hpp"

#include <boost/system/errc.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace agent {
namespace {

// What was delivered late (after an outage) is given back over several roll-overs, so that none takes long.
constexpr int settled_removed_max = 3; // beside the one that is recycled
constexpr std::string_view aside_suffix = ".damaged";

bool is_disk_full(const net::error_code& ec) {
    return ec == boost::system::errc::no_space_on_device ||
           ec == net::error_code(EDQUOT, boost::system::generic_category()) ||
           ec == net::error_code(EDQUOT, boost::system::system_category());
}

room_failure kind_of(const net::error_code& ec) {
    return is_disk_full(ec) ? room_failure::disk_full : room_failure::other;
}

} // namespace

struct ring::leaving {
    std::size_t index;
    segment_ptr segment;
    pin_ptr mapped;
    segment_ptr behind; // the first with a header that holds
    pin_ptr behind_mapped;
    seq_t last;
    bool owed;
};

std::size_t ring::history_begin() const {
    std::uint64_t newer_bytes = 0;
    for (std::size_t index = segments_.size(); index > 0; --index) {
        if (index < segments_.size() && newer_bytes >= options_.live_history_bytes)
            return index;
        newer_bytes += segments_[index - 1]->written_bytes() - ring_header_bytes;
    }
    return 0;
}

bool ring::held(std::size_t index) const {
    const seq_t first = segments_[index]->first_seq();
    const seq_t last = last_of(index);
    return std::any_of(holds_.begin(), holds_.end(), [&](const ring_hold* one) {
        return one->first() <= one->last() && one->first() <= last && one->last() >= first;
    });
}

bool ring::owed(std::size_t index) const {
    return retention_ != nullptr && retention_->owed(segments_[index]->first_seq(), last_of(index));
}

std::optional<std::size_t> ring::oldest_settled() const {
    const std::size_t history = history_begin();
    for (std::size_t index = 0; index < history; ++index)
        if (!held(index) && !owed(index))
            return index;
    return std::nullopt;
}

bool ring::at_capacity() const {
    return used_bytes() + ring_segment_bytes > capacity_bytes();
}

bool ring::roll_over(bool keep_owed) {
    auto spare = obtain_spare(keep_owed);
    if (!spare)
        return false;
    had_room();
    // What was published into the head since a hold was taken is not pinned yet; the head's own pin goes.
    for (auto* one : holds_)
        one->pin_present();
    seal_head();
    segments_.back()->keep_mapping(head_pin_);
    install_head(std::move(*spare), next_seq_, {});
    keep_mapped(ring_mapped_segments_max);
    return true;
}

// Then the next segment will be, too, and is made for that: in large pages. A trickle must not have them,
// since the kernel writes a large page to the disk as a whole.
bool ring::filled_fast() const {
    return env_.now() < net::saturating_add(head_began_, ring_filled_fast);
}

net::result<ring_spare> ring::new_spare() {
    const auto path = path_of(next_seq_);
    auto created = path.empty() ? env_.files().anonymous(ring_segment_bytes)
                                : env_.files().create_mapped(path, ring_segment_bytes);
    if (!created)
        return created.error();
    disk_full_ = false;
    const bool dense = filled_fast();
    if (dense)
        (*created)->expect_dense_access();
    return ring_spare{path, std::move(*created), dense};
}

std::optional<ring_spare> ring::obtain_spare(bool keep_owed) {
    for (const auto& path : std::exchange(unremoved_, {}))
        (void)remove_file(path);
    room_facts facts{segments_.size() - 1, history_begin(), at_capacity(), keep_owed};
    const auto is_held = [this](std::size_t index) { return held(index); };
    const auto is_owed = [this](std::size_t index) { return owed(index); };
    std::string problem;
    for (;;) {
        const auto choice = choose_room(facts, is_held, is_owed);
        if (choice.what == room_choice::kind::refuse)
            break;
        const bool recycles = choice.what == room_choice::kind::recycle;
        auto spare = recycles ? recycle(choice.index) : new_spare();
        if (spare) {
            if (recycles)
                remove_settled();
            return std::move(*spare);
        }
        const std::string_view tried = recycles ? "recycle a segment" : "make another segment";
        problem = "cannot " + std::string(tried) + ": " + spare.error().message();
        (recycles ? facts.recycling : facts.taking) = kind_of(spare.error());
        if (facts.taking != room_failure::disk_full || recycles)
            continue;
        ++disk_full_count_;
        if (!std::exchange(disk_full_, true))
            spdlog::warn("ring: {}; from now on the oldest segment gives way to each new one", problem);
    }
    const bool waits_for_s2 = problem.empty();
    refuse(waits_for_s2 ? "all of it waits for S2" : std::move(problem), !waits_for_s2);
    return std::nullopt;
}

// Who can wait for S2 does so silently, as it is meant to.
void ring::refuse(std::string why, bool may_pass) {
    if (may_pass && why != said_) {
        spdlog::error("ring: {}; what can't wait is refused, and what is held stays", why);
        said_ = why;
    }
    refusal_ = std::move(why);
    may_pass_ = may_pass;
}

void ring::had_room() {
    if (!said_.empty())
        spdlog::info("ring: there is room again");
    said_.clear();
    refusal_.clear();
    may_pass_ = false;
}

// One segment becomes the next one; see above. A damaged one is kept aside, and one that was made for another
// rate of events is removed, where a new file may stand beside it.
net::result<ring_spare> ring::recycle(std::size_t index) {
    const auto ready = ready_to_leave(index);
    if (!ready)
        return ready.error();
    auto& segment = *ready->segment;
    const bool whole_size = ready->mapped->bytes().size() == ring_segment_bytes;
    const bool whole = whole_size && !segment.damaged();
    const bool other_rate = segment.dense() != filled_fast() && !ready->owed && !at_capacity();
    if (!segment.anonymous() && (other_rate || !whole)) {
        auto fresh = new_spare();
        if (fresh && whole) {
            (void)remove_settled(index);
            return fresh;
        }
        if (fresh) {
            if (const auto ec = set_aside(segment)) {
                (void)remove_file(fresh->path);
                return ec;
            }
            let_go(*ready);
            return fresh;
        }
        if (!whole && (!whole_size || !is_disk_full(fresh.error())))
            return fresh.error();
    }
    const auto path = path_of(next_seq_);
    if (!segment.anonymous()) {
        if (const auto ec = env_.files().rename(segment.path(), path))
            return ec;
        std::erase(unremoved_, path);
    }
    let_go(*ready);
    segment.blank(ready->mapped->bytes());
    return ring_spare{path, ready->mapped, segment.dense()};
}

// Mapped, and what is owed of it read: damage shows only so.
net::result<ring::leaving> ring::ready_to_leave(std::size_t index) {
    NET_ASSERT(index + 1 < segments_.size() && !held(index), "neither the head nor what is held is freed");
    leaving going{index, segments_[index], {}, {}, {}, 0, false};
    auto mapped = going.segment->pin();
    if (!mapped)
        return mapped.error();
    going.mapped = std::move(*mapped);
    going.behind = segments_[whole_from(index + 1)];
    auto behind_mapped = going.behind->pin();
    if (!behind_mapped)
        return behind_mapped.error();
    going.behind_mapped = std::move(*behind_mapped);
    going.last = last_of(index);
    going.owed = owed(index);
    if (going.owed)
        if (const auto ec = make_counts(index))
            return ec;
    return going;
}

// What lay before it and why it went, itself, and what the header behind knew: all that header's from now on.
void ring::note_gap(const leaving& going) {
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

void ring::tell_going(const leaving& going) {
    const auto& segment = *going.segment;
    if (retention_ != nullptr && segment.state() == header_state::whole && segment.first_seq() <= going.last)
        retention_->letting_go(segment.generation(), segment.first_seq(), going.last);
}

void ring::let_go(const leaving& going) {
    tell_going(going);
    note_gap(going);
    going.segment->mark_freed();
    segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(going.index));
}

void ring::remove_settled() {
    for (int count = 0; count < settled_removed_max; ++count) {
        const auto settled = oldest_settled();
        if (!settled || !remove_settled(*settled))
            return;
    }
}

// False: it stays, and costs nothing but its place. Once told, it is gone, though its file may stay: blanked,
// that is nobody's segment.
bool ring::remove_settled(std::size_t index) {
    const auto ready = ready_to_leave(index);
    if (!ready)
        return false;
    auto& segment = *ready->segment;
    const bool damaged = segment.damaged();
    let_go(*ready);
    if (segment.anonymous() || (damaged && !set_aside(segment)))
        return true;
    segment.blank(ready->mapped->bytes());
    (void)remove_file(segment.path());
    return true;
}

net::error_code ring::set_aside(ring_segment& segment) {
    auto& files = env_.files();
    auto aside = segment.path();
    aside += aside_suffix;
    if (const auto ec = files.rename(segment.path(), aside))
        return ec;
    spdlog::warn("ring: {} was damaged and is kept aside as {}", segment.path().filename().string(),
                 aside.filename().string());
    auto listed = files.list(options_.dir);
    if (!listed)
        return {};
    std::vector<std::string> kept;
    for (const auto& entry : *listed)
        if (entry.name.ends_with(aside_suffix))
            kept.push_back(entry.name);
    std::sort(kept.begin(), kept.end());
    for (std::size_t index = 0; index + ring_kept_aside_max < kept.size(); ++index)
        (void)files.remove(options_.dir / kept[index]);
    return {};
}

// A file that stays counts as used, and is tried again at the next segment's end.
bool ring::remove_file(const std::filesystem::path& path) {
    const auto ec = env_.files().remove(path);
    const bool gone = !ec || ec == boost::system::errc::no_such_file_or_directory;
    if (!gone)
        unremoved_.push_back(path);
    return gone;
}

void ring::seal_head() {
    auto& head = *segments_.back();
    head.seal(head_bytes_, {next_seq_ - 1, head.counts()->producer_events(), head_end_});
}

void ring::install_head(ring_spare spare, seq_t first_seq, const ring_gaps& gaps) {
    ring_identity identity{0, first_seq};
    env_.random_bytes(std::as_writable_bytes(std::span(&identity.generation, 1)));
    auto segment =
        std::make_shared<ring_segment>(env_.files(), std::move(spare.path), spare.mapping, spare.dense);
    segment->begin(identity, gaps);
    segments_.push_back(std::move(segment));
    head_pin_ = std::move(spare.mapping);
    head_bytes_ = head_pin_->bytes();
    head_end_ = ring_header_bytes;
    head_began_ = env_.now();
}

} // namespace agent
