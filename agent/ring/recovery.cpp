#include "agent/ring/recovery.hpp"

#include "agent/ring/spare.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace agent {
namespace {

constexpr unsigned directory_mode = 0700;

// The newest segment, frame by frame. `intact`: nothing follows the last frame but a zero word.
struct scan_result {
    seq_t last_seq = 0; // first_seq - 1 when there is none
    std::size_t end = ring_header_bytes;
    segment_counts counts;
    bool intact = true;
};

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

// What the newest segment holds.
struct ring_recoverer::newest_found {
    seq_t last_seq = 0;
    seq_t next_at_least = 1; // behind the names of newer files, whose headers do not hold
    bool intact = true;      // it, and there were no such files
    bool empty = true;
    bool usable = false; // as head
};

ring_recoverer::ring_recoverer(net::environment& env, const ring_options& options, const parts& fill)
    : env_(env)
    , options_(options)
    , store_(fill.store)
    , chain_(fill.chain)
    , head_(fill.head)
    , marks_(fill.marks) {}

// What is there, oldest first. A file too short for a header holds nothing that could be proved.
net::error_code ring_recoverer::list_segments() {
    auto listed = store_.list();
    if (!listed)
        return listed.error();
    for (const auto& entry : *listed) {
        const auto first = parse_segment_name(entry.name);
        if (!first)
            continue;
        auto segment = std::make_shared<ring_segment>(env_.files(), options_.dir / entry.name, *first);
        if (entry.size < ring_header_bytes)
            drop_unreadable(*segment, "too short");
        else
            chain_.append(std::move(segment));
    }
    chain_.sort();
    return {};
}

void ring_recoverer::drop_unreadable(ring_segment& segment, std::string_view why) {
    chain_.note_damage(segment);
    if (const auto ec = store_.set_aside(segment)) {
        spdlog::warn("ring: {} could not be kept aside ({})", segment.path().filename().string(),
                     ec.message());
        store_.remove(segment.path());
    }
    recovery_->messages.push_back(segment.path().filename().string() + " is kept aside: " + std::string(why));
}

// Pins the newest segment that has a header; spares of an unfinished roll-over, and files without a header
// that holds, go. `intact` becomes false for the latter only.
net::error_code ring_recoverer::pin_newest(newest_found& found) {
    while (!chain_.empty()) {
        const auto segment = chain_.newest();
        auto mapped = segment->pin();
        if (!mapped)
            return mapped.error();
        if (segment->state() == header_state::whole) {
            head_.pin(std::move(*mapped));
            return {};
        }
        mapped->reset();
        chain_.erase(chain_.size() - 1);
        if (segment->state() == header_state::blank) {
            if (const auto ec = finish_recycling(segment))
                return ec;
            continue;
        }
        found.intact = false;
        found.next_at_least = std::max(found.next_at_least, segment->first_seq());
        drop_unreadable(*segment, "its header does not hold");
    }
    return {};
}

// A spare that did not become the newest segment goes. One that still has its own header was being recycled
// when the process was killed (room.hpp): unless the header behind it says that it is gone, it gets its
// own name back.
net::error_code ring_recoverer::finish_recycling(const ring_chain::segment_ptr& renamed) {
    const auto first = renamed->renamed_from();
    if (!first || !marked_.same_boot)
        return env_.files().remove(renamed->path());
    const std::size_t behind = chain_.index_behind(*first);
    const bool there = behind > 0 && chain_.at(behind - 1)->first_seq() == *first;
    bool noted = false;
    if (behind < chain_.size()) {
        const auto& next = *chain_.at(chain_.whole_from(behind));
        noted = next.state() == header_state::whole &&
                next.gaps().at(*first, next.first_seq()).reason == gap_reason::capacity;
    }
    if (there || noted)
        return env_.files().remove(renamed->path());
    const auto path = store_.path_of(*first);
    if (const auto ec = env_.files().rename(renamed->path(), path))
        return ec;
    recovery_->messages.push_back(path.filename().string() +
                                  " was being recycled when the agent was killed: it is kept");
    chain_.insert(behind, std::make_shared<ring_segment>(env_.files(), path, *first));
    return {};
}

// Killed between blanking the oldest and giving it its new name, or a disk that let none be removed: the
// header of the first that counts tells what went.
net::error_code ring_recoverer::remove_blank_oldest() {
    while (chain_.size() >= 2) {
        const auto oldest = chain_.at(0);
        const auto mapped = oldest->pin();
        if (!mapped || oldest->state() != header_state::blank)
            return {};
        chain_.erase(0);
        if (const auto ec = env_.files().remove(oldest->path()))
            return ec;
    }
    return {};
}

net::error_code ring_recoverer::find_segments(newest_found& found) {
    if (const auto ec = env_.files().create_directories(options_.dir, directory_mode))
        return ec;
    marked_ = marks_.read();
    if (const auto ec = list_segments())
        return ec;
    recovery_->found = !chain_.empty() || marked_.any || chain_.damaged_count() > 0;
    if (const auto ec = pin_newest(found))
        return ec;
    return remove_blank_oldest();
}

void ring_recoverer::scan_newest(newest_found& found) {
    auto& newest = *chain_.newest();
    auto scanned = scan(newest, head_.bytes());
    found.last_seq = scanned.last_seq;
    found.empty = scanned.last_seq < newest.first_seq();
    const auto sealed = newest.last_seq();
    const bool full_size = head_.bytes().size() == ring_segment_bytes;
    if (!scanned.intact || !full_size || (sealed && *sealed != scanned.last_seq)) {
        found.intact = false;
        recovery_->messages.push_back(newest.path().filename().string() + " is not whole");
    }
    found.usable = found.intact && !sealed;
    head_.resume_at(scanned.end);
    newest.set_counts(std::move(scanned.counts));
    recovery_->last_seq = found.empty ? last_before(newest.first_seq()) : scanned.last_seq;
}

net::error_code ring_recoverer::run(seq_t seq_ceiling, ring_recovery& recovery) {
    recovery_ = &recovery;
    newest_found newest;
    if (!store_.in_memory())
        if (const auto ec = find_segments(newest))
            return ec;
    recovery.found = recovery.found || seq_ceiling > 0;
    if (!chain_.empty())
        scan_newest(newest);

    auto clean_to = marked_.clean_to;
    if (clean_to && *clean_to < newest.last_seq)
        clean_to.reset(); // of an earlier stop: its removal did not reach the disk
    recovery.clean = clean_to.has_value();
    recovery.machine_crash =
        recovery.found && !clean_to && (chain_.empty() || !newest.intact || !marked_.same_boot);

    // Where numbering goes on, and what is lost before it.
    seq_t next_seq = std::max(newest.last_seq + 1, newest.next_at_least);
    const seq_t lost_from = newest.last_seq + 1;
    gap_reason lost = gap_reason::damage;
    if (clean_to)
        next_seq = std::max(next_seq, *clean_to + 1);
    if (recovery.machine_crash) {
        next_seq = std::max(next_seq, seq_ceiling + 1);
        lost = gap_reason::machine_crash;
    }
    chain_.go_on_at(next_seq);
    if (!newest.usable || next_seq != lost_from)
        if (const auto ec = start_head(newest.empty, lost_from, lost))
            return ec;

    if (clean_to)
        for (std::size_t index = 0; index + 1 < chain_.size(); ++index)
            chain_.at(index)->set_synced(true);
    recovery.damaged_segments = chain_.damaged_count();
    return store_.in_memory() ? net::error_code{} : replace_marks();
}

net::error_code ring_recoverer::replace_marks() {
    if (const auto ec = marks_.write_boot())
        return ec;
    if (const auto ec = marks_.remove_clean())
        return ec;
    return env_.files().sync_directory(options_.dir);
}

// The newest envelope below a segment that holds none.
seq_t ring_recoverer::last_before(seq_t first_seq) {
    if (chain_.size() >= 2) {
        (void)chain_.at(chain_.size() - 2)->pin();
        return chain_.last_of(chain_.size() - 2);
    }
    const auto ranges = chain_.newest()->gaps().ranges();
    return (ranges.empty() ? first_seq : ranges.front().from_seq) - 1;
}

// A new head at the next seq. The newest segment so far is sealed; one without envelopes goes, and the new
// one inherits what it knew.
net::error_code ring_recoverer::start_head(bool newest_empty, seq_t lost_from, gap_reason lost) {
    ring_gaps gaps;
    if (!chain_.empty()) {
        const auto newest = chain_.newest();
        if (newest_empty) {
            gaps = newest->gaps();
            head_.unpin();
            if (const auto ec = env_.files().remove(newest->path()))
                return ec;
            chain_.erase(chain_.size() - 1);
        } else if (newest->last_seq() != lost_from - 1) {
            head_.seal(lost_from - 1);
        }
    }
    if (lost_from < chain_.next_seq())
        gaps.append(lost_from, lost);
    auto created = store_.make(chain_.next_seq(), head_.rate());
    if (!created)
        return created.error();
    head_.install(std::move(*created), chain_.next_seq(), gaps);
    return {};
}

} // namespace agent
