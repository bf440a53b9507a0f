// Making room at a segment's end: what goes, in which order, and how a freed segment becomes the next one.
#include "agent/ring.hpp"
#include "agent/ring_spare.hpp"
#include "net/assert.hpp"

#include <boost/system/errc.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace agent {
namespace {

// What was delivered late (after an outage) is given back over several roll-overs, so that none takes long.
constexpr int freed_per_roll_over_max = 4;
// Where the disk lets no file go, freeing more would lose envelopes and gain no room.
constexpr std::size_t unremoved_max = 2;
constexpr std::string_view aside_suffix = ".damaged";

bool is_disk_full(const net::error_code& ec) {
    return ec == boost::system::errc::no_space_on_device || ec == boost::system::errc::file_too_large ||
           ec == net::error_code(EDQUOT, boost::system::generic_category()) ||
           ec == net::error_code(EDQUOT, boost::system::system_category());
}

} // namespace

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

std::optional<std::size_t> ring::oldest_unheld() const {
    for (std::size_t index = 0; index + 1 < segments_.size(); ++index)
        if (!held(index))
            return index;
    return std::nullopt;
}

bool ring::roll_over() {
    auto spare = obtain_spare();
    if (!spare)
        return false;
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
    const bool dense = filled_fast();
    if (dense)
        (*created)->expect_dense_access();
    return ring_spare{path, std::move(*created), dense};
}

// The order of invariant 4. A spare takes no new space, so it is also the answer to a full disk.
std::optional<ring_spare> ring::obtain_spare() {
    for (const auto& path : std::exchange(unremoved_, {}))
        (void)remove_file(path);
    std::optional<ring_spare> spare;
    const auto free_one = [&](std::size_t index) {
        if (auto freed = free_segment(index, !spare))
            spare = std::move(freed);
    };

    for (int count = 0; count < freed_per_roll_over_max; ++count) {
        const auto settled = oldest_settled();
        if (!settled)
            break;
        free_one(*settled);
    }
    while (used_bytes() + ring_segment_bytes > capacity_bytes()) {
        const auto oldest = oldest_unheld();
        if (!oldest || unremoved_.size() >= unremoved_max)
            break;
        free_one(*oldest);
    }
    if (used_bytes() + ring_segment_bytes > capacity_bytes()) {
        if (spare && !spare->path.empty())
            (void)remove_file(spare->path);
        return std::nullopt;
    }

    bool counted = false;
    while (!spare) {
        auto created = new_spare();
        if (created) {
            disk_full_ = false;
            return std::move(*created);
        }
        if (!counted) {
            disk_full_count_ += is_disk_full(created.error()) ? 1 : 0;
            if (!disk_full_)
                spdlog::warn("ring: no room for another segment ({}); the oldest go first",
                             created.error().message());
            counted = true;
            disk_full_ = true;
        }
        const auto oldest = oldest_unheld();
        if (!oldest)
            return std::nullopt;
        free_one(*oldest);
    }
    return recycled(std::move(*spare));
}

// Under the name of the next segment. A file that was made for another rate of events gives way to a new one
// where that may stand beside it for a moment.
std::optional<ring_spare> ring::recycled(ring_spare spare) {
    if (spare.path.empty())
        return spare;
    if (spare.dense != filled_fast() && used_bytes() + 2 * ring_segment_bytes <= capacity_bytes()) {
        if (auto fitting = new_spare()) {
            disk_full_ = false;
            (void)remove_file(spare.path);
            return std::move(*fitting);
        }
    }
    const auto path = path_of(next_seq_);
    const auto ec = env_.files().rename(spare.path, path);
    if (!ec) {
        spare.path = path;
        return spare;
    }
    spdlog::warn("ring: a segment could not be recycled ({})", ec.message());
    if (!remove_file(spare.path))
        return std::nullopt; // it still takes its space
    auto created = new_spare();
    if (!created)
        return std::nullopt;
    return std::move(*created);
}

// The successor's header learns of the gap before the segment stops counting: killed in between, the segment
// is still there, and what is there goes before what a gap says. Only the one that becomes the next segment
// is blanked; others are gone at once.
std::optional<ring_spare> ring::free_segment(std::size_t index, bool as_spare) {
    NET_ASSERT(index + 1 < segments_.size() && !held(index), "neither the head nor what is held is freed");
    const auto segment = segments_[index];
    const auto next = segments_[whole_from(index + 1)];
    auto mapped = segment->pin();
    const auto next_mapped = next->pin();
    const seq_t last = last_of(index);

    if (mapped && owed(index)) {
        tell_dropping(segment, last);
        retention_->dropping_done();
    }

    ring_gaps gaps = segment->gaps();
    gaps.append(segment->first_seq(), gap_reason::capacity);
    const seq_t lost_from = last + 1;
    const seq_t told_from = next->gaps().empty() ? next->first_seq() : next->gaps().ranges().front().from_seq;
    if (lost_from < told_from)
        gaps.append(lost_from, gap_reason::damage);
    for (const auto& range : next->gaps().ranges())
        if (range.from_seq > segment->first_seq())
            gaps.append(range.from_seq, range.reason);
    // One without a header knows of no gap; its successor keeps what it was told before.
    if (next_mapped && segment->state() == header_state::whole)
        next->set_gaps((*next_mapped)->bytes(), gaps);

    segment->mark_freed();
    segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(index));
    if (segment->damaged()) {
        keep_aside(*segment);
        return std::nullopt;
    }
    if (!as_spare || !mapped || (*mapped)->bytes().size() != ring_segment_bytes) {
        // One that can't be removed must not come back with the next start.
        if (!segment->anonymous() && !remove_file(segment->path()) && mapped)
            segment->blank((*mapped)->bytes());
        return std::nullopt;
    }
    segment->blank((*mapped)->bytes());
    return ring_spare{segment->path(), std::move(*mapped), segment->dense()};
}

void ring::tell_dropping(const segment_ptr& segment, seq_t last) {
    ring_cursor reader(*this, segment->first_seq());
    while (reader.position() <= last) {
        const auto item = reader.next();
        if (std::holds_alternative<ring_cursor::nothing>(item))
            return;
        if (const auto* entry = std::get_if<ring_entry>(&item))
            retention_->dropping(*entry);
    }
}

void ring::keep_aside(ring_segment& segment) {
    if (segment.anonymous())
        return;
    auto& files = env_.files();
    auto aside = segment.path();
    aside += aside_suffix;
    if (const auto ec = files.rename(segment.path(), aside)) {
        spdlog::warn("ring: {} could not be kept aside ({})", segment.path().filename().string(),
                     ec.message());
        (void)remove_file(segment.path());
        return;
    }
    spdlog::warn("ring: {} was damaged and is kept aside as {}", segment.path().filename().string(),
                 aside.filename().string());
    auto listed = files.list(options_.dir);
    if (!listed)
        return;
    std::vector<std::string> kept;
    for (const auto& entry : *listed)
        if (entry.name.ends_with(aside_suffix))
            kept.push_back(entry.name);
    std::sort(kept.begin(), kept.end());
    for (std::size_t index = 0; index + ring_kept_aside_max < kept.size(); ++index)
        (void)files.remove(options_.dir / kept[index]);
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
    segments_.back()->seal(head_bytes_, {next_seq_ - 1, head_producer_events_, head_end_});
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
    head_producer_events_ = 0;
}

} // namespace agent
