// Finding the ring of an earlier agent, and leaving it in order.
//
// Beside the segments the directory holds two small files: "boot", the identity of the boot under which the
// ring was last opened, and "clean", written last by close_clean. A boot that has no identity (a sandbox
// hides it), now or then, may be another one: without the clean mark the machine counts as dead. The price of
// being wrong is a gap in the numbers; that of the other mistake, numbers given out twice.
//
// The order at open makes a death at any point harmless: a new segment with its gap comes first; only then
// "boot" is replaced; "clean" goes last (without it another boot's "boot" would read as a machine crash), and
// the directory is synced before anything is published, also where "clean" is gone already: the start that
// removed it may have been killed there, and a mark that comes back with a dead machine would give numbers
// out twice.
#include "agent/ring/ring.hpp"
#include "agent/ring/spare.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>

namespace agent {
namespace {

constexpr unsigned directory_mode = 0700;
constexpr unsigned file_mode = 0600;
constexpr std::uint64_t mark_bytes_max = 4096;
constexpr std::string_view clean_name = "clean";
constexpr std::string_view boot_name = "boot";

std::string clean_text(seq_t last_seq, const std::string& boot_id) {
    return "ringtail clean 1 " + std::to_string(last_seq) + " " + boot_id + "\n";
}

std::optional<seq_t> parse_clean(std::string_view text) {
    constexpr std::string_view begin = "ringtail clean 1 ";
    if (!text.starts_with(begin) || !text.ends_with("\n"))
        return std::nullopt;
    text.remove_prefix(begin.size());
    seq_t last = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), last);
    if (parsed.ec != std::errc{} || *parsed.ptr != ' ')
        return std::nullopt;
    return last;
}

// The newest segment, frame by frame. `intact`: nothing follows the last frame but a zero word.
struct scan_result {
    seq_t last_seq = 0; // first_seq - 1 when there is none
    std::size_t end = ring_header_bytes;
    segment_counts counts;
    bool intact = true;
};

bool same_boot(const std::optional<std::string>& then, std::string_view now) {
    return then && *then == now && !now.starts_with('\n');
}

scan_result scan(ring_segment& segment, std::span<const std::byte> bytes) {
    scan_result found;
    found.last_seq = segment.first_seq() - 1;
    frame one;
    while (true) {
        const auto state = segment.read(bytes, found.end, one);
        if (state != frame_state::whole || one.seq != found.last_seq + 1) {
            // A cut-off tail, or damage in the middle: frames behind it prove themselves.
            found.intact = found.intact && state == frame_state::absent;
            const auto later = segment.find(bytes, found.end + 8, found.last_seq + 1, ~seq_t{0});
            if (!later)
                return found;
            found.intact = false;
            one = *later;
        }
        found.last_seq = one.seq;
        found.end = one.end;
        found.counts.add(one);
    }
}

} // namespace

net::result<std::unique_ptr<ring>> ring::open(net::environment& env, ring_options options, seq_t seq_ceiling,
                                              ring_recovery& recovery) {
    std::unique_ptr<ring> opened(new ring(env, std::move(options)));
    recovery = {};
    if (const auto ec = opened->recover(seq_ceiling, recovery))
        return ec;
    return opened;
}

// What is there, oldest first. A file too short for a header holds nothing that could be proved.
net::error_code ring::list_segments(ring_recovery& recovery) {
    auto listed = env_.files().list(options_.dir);
    if (!listed)
        return listed.error();
    for (const auto& entry : *listed) {
        const auto first = parse_segment_name(entry.name);
        if (!first)
            continue;
        auto segment = std::make_shared<ring_segment>(env_.files(), options_.dir / entry.name, *first);
        if (entry.size < ring_header_bytes)
            drop_unreadable(*segment, "too short", recovery);
        else
            segments_.push_back(std::move(segment));
    }
    std::sort(segments_.begin(), segments_.end(),
              [](const segment_ptr& a, const segment_ptr& b) { return a->first_seq() < b->first_seq(); });
    return {};
}

void ring::drop_unreadable(ring_segment& segment, std::string_view why, ring_recovery& recovery) {
    note_damage(segment);
    if (const auto ec = set_aside(segment)) {
        spdlog::warn("ring: {} could not be kept aside ({})", segment.path().filename().string(),
                     ec.message());
        (void)remove_file(segment.path());
    }
    recovery.messages.push_back(segment.path().filename().string() + " is kept aside: " + std::string(why));
}

// Pins the newest segment that has a header; spares of an unfinished roll-over, and files without a header
// that holds, go. `intact` becomes false for the latter only.
net::error_code ring::pin_newest(bool same_boot, bool& intact, seq_t& next_at_least,
                                 ring_recovery& recovery) {
    while (!segments_.empty()) {
        const auto segment = segments_.back();
        auto mapped = segment->pin();
        if (!mapped)
            return mapped.error();
        if (segment->state() == header_state::whole) {
            head_pin_ = std::move(*mapped);
            head_bytes_ = head_pin_->bytes();
            return {};
        }
        mapped->reset();
        segments_.pop_back();
        if (segment->state() == header_state::blank) {
            if (const auto ec = finish_recycling(segment, same_boot, recovery))
                return ec;
            continue;
        }
        intact = false;
        next_at_least = std::max(next_at_least, segment->first_seq());
        drop_unreadable(*segment, "its header does not hold", recovery);
    }
    return {};
}

// A spare that did not become the newest segment goes. One that still has its own header was being recycled
// when the process was killed (room.cpp): unless the header behind it says that it is gone, it gets its
// own name back.
net::error_code ring::finish_recycling(const segment_ptr& renamed, bool same_boot, ring_recovery& recovery) {
    const auto first = renamed->renamed_from();
    if (!first || !same_boot)
        return env_.files().remove(renamed->path());
    const std::size_t behind = index_behind(*first);
    const bool there = behind > 0 && segments_[behind - 1]->first_seq() == *first;
    bool noted = false;
    if (behind < segments_.size()) {
        const auto& next = *segments_[whole_from(behind)];
        noted = next.state() == header_state::whole &&
                next.gaps().at(*first, next.first_seq()).reason == gap_reason::capacity;
    }
    if (there || noted)
        return env_.files().remove(renamed->path());
    const auto path = path_of(*first);
    if (const auto ec = env_.files().rename(renamed->path(), path))
        return ec;
    recovery.messages.push_back(path.filename().string() +
                                " was being recycled when the agent was killed: it is kept");
    segments_.insert(segments_.begin() + static_cast<std::ptrdiff_t>(behind),
                     std::make_shared<ring_segment>(env_.files(), path, *first));
    return {};
}

// Killed between blanking the oldest and giving it its new name, or a disk that let none be removed: the
// header of the first that counts tells what went.
net::error_code ring::remove_blank_oldest() {
    while (segments_.size() >= 2) {
        const auto oldest = segments_.front();
        const auto mapped = oldest->pin();
        if (!mapped || oldest->state() != header_state::blank)
            return {};
        segments_.erase(segments_.begin());
        if (const auto ec = env_.files().remove(oldest->path()))
            return ec;
    }
    return {};
}

net::error_code ring::recover(seq_t seq_ceiling, ring_recovery& recovery) {
    auto& files = env_.files();
    std::optional<seq_t> clean;
    std::optional<std::string> boot;
    const std::string boot_now = env_.boot_id() + "\n";
    bool intact = true;
    seq_t next_at_least = 1;
    if (!options_.dir.empty()) {
        if (const auto ec = files.create_directories(options_.dir, directory_mode))
            return ec;
        if (files.exists(options_.dir / clean_name))
            if (const auto text = files.read_all(options_.dir / clean_name, mark_bytes_max))
                clean = parse_clean(*text);
        if (files.exists(options_.dir / boot_name))
            if (auto text = files.read_all(options_.dir / boot_name, mark_bytes_max))
                boot = std::move(*text);
        if (const auto ec = list_segments(recovery))
            return ec;
        recovery.found = !segments_.empty() || clean || boot || damaged_count_ > 0;
        if (const auto ec = pin_newest(same_boot(boot, boot_now), intact, next_at_least, recovery))
            return ec;
        if (const auto ec = remove_blank_oldest())
            return ec;
    }
    recovery.found = recovery.found || seq_ceiling > 0;

    // What the newest segment holds.
    seq_t scanned_last = 0;
    bool empty = true;
    bool usable = false;
    if (!segments_.empty()) {
        auto& newest = *segments_.back();
        auto found = scan(newest, head_bytes_);
        scanned_last = found.last_seq;
        empty = found.last_seq < newest.first_seq();
        const auto sealed = newest.last_seq();
        const bool full_size = head_bytes_.size() == ring_segment_bytes;
        if (!found.intact || !full_size || (sealed && *sealed != found.last_seq)) {
            intact = false;
            recovery.messages.push_back(newest.path().filename().string() + " is not whole");
        }
        usable = intact && !sealed;
        newest.resume_at(found.end);
        head_end_ = found.end;
        newest.set_counts(std::move(found.counts));
        recovery.last_seq = empty ? last_before(newest.first_seq()) : found.last_seq;
    }

    if (clean && *clean < scanned_last)
        clean.reset(); // of an earlier stop: its removal did not reach the disk
    recovery.clean = clean.has_value();
    recovery.machine_crash =
        recovery.found && !clean && (segments_.empty() || !intact || !same_boot(boot, boot_now));

    after_machine_crash_ = recovery.machine_crash;

    // Where numbering goes on, and what is lost before it.
    next_seq_ = std::max(scanned_last + 1, next_at_least);
    const seq_t lost_from = scanned_last + 1;
    gap_reason lost = gap_reason::damage;
    if (clean)
        next_seq_ = std::max(next_seq_, *clean + 1);
    if (recovery.machine_crash) {
        next_seq_ = std::max(next_seq_, seq_ceiling + 1);
        lost = gap_reason::machine_crash;
    }
    if (!usable || next_seq_ != lost_from)
        if (const auto ec = start_head(empty, lost_from, lost))
            return ec;

    if (clean)
        for (const auto& segment : segments_)
            if (segment != segments_.back())
                segment->set_synced(true);
    recovery.damaged_segments = damaged_count_;
    if (options_.dir.empty())
        return {};
    if (boot != boot_now)
        if (const auto ec = files.replace(options_.dir / boot_name, boot_now, file_mode))
            return ec;
    // Also one that could not be seen above: it must not outlive what is published now.
    if (const auto ec = files.remove(options_.dir / clean_name);
        ec && files.exists(options_.dir / clean_name))
        return ec;
    return files.sync_directory(options_.dir);
}

// The newest envelope below a segment that holds none.
seq_t ring::last_before(seq_t first_seq) {
    if (segments_.size() >= 2) {
        (void)segments_[segments_.size() - 2]->pin();
        return last_of(segments_.size() - 2);
    }
    const auto ranges = segments_.back()->gaps().ranges();
    return (ranges.empty() ? first_seq : ranges.front().from_seq) - 1;
}

// A new head at next_seq_. The newest segment so far is sealed; one without envelopes goes, and the new one
// inherits what it knew.
net::error_code ring::start_head(bool newest_empty, seq_t lost_from, gap_reason lost) {
    ring_gaps gaps;
    if (!segments_.empty()) {
        auto& newest = *segments_.back();
        if (newest_empty) {
            gaps = newest.gaps();
            head_pin_.reset();
            if (const auto ec = env_.files().remove(newest.path()))
                return ec;
            segments_.pop_back();
        } else if (newest.last_seq() != lost_from - 1) {
            newest.seal(head_bytes_, {lost_from - 1, newest.counts()->producer_events(), head_end_});
        }
    }
    if (lost_from < next_seq_)
        gaps.append(lost_from, lost);
    auto created = new_spare();
    if (!created)
        return created.error();
    install_head(std::move(*created), next_seq_, gaps);
    return {};
}

// What is written while the disk is waited for takes the word back.
net::task<> ring::sync_ahead() {
    if (options_.dir.empty())
        co_return;
    const auto present = segments_;
    for (const auto& segment : present) {
        if (segment->synced() || segment->freed())
            continue;
        const auto mapped = segment->pin();
        if (!mapped)
            continue; // close_clean() tries again
        segment->set_synced(true);
        const auto work = [&mapped] { return (*mapped)->sync(); };
        const net::error_code failed = co_await net::on_helper(env_, work);
        if (!failed)
            continue;
        segment->set_synced(false);
        sync_failed_ = failed;
    }
}

net::error_code ring::close_clean() {
    closed_ = true;
    reserved_ = false;
    if (options_.dir.empty())
        return {};
    if (sync_failed_)
        return sync_failed_;
    for (const auto& segment : segments_) {
        if (segment->synced())
            continue;
        auto mapped = segment->pin();
        if (!mapped)
            return mapped.error();
        if (const auto ec = (*mapped)->sync())
            return ec;
        segment->set_synced(true);
    }
    return env_.files().replace(options_.dir / clean_name, clean_text(next_seq_ - 1, env_.boot_id()),
                                file_mode);
}

} // namespace agent
