#pragma once
// The files of the segments, and the blank mappings that become segments: made, renamed, kept aside, removed.
// Nothing is known here of what they hold. Without a directory all of it is anonymous memory.
//
// 1. A damaged segment's file is kept aside under another name when it goes. At most ring_kept_aside_max are
//    kept, beside the capacity; the oldest go.
// 2. A file that the disk does not let be removed counts as used, and is tried again at the next segment's
//    end.

#include "agent/ring/segment.hpp"
#include "agent/ring/spare.hpp"
#include "net/environment.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent {

// Of the disk or of a quota: the ring can't grow.
bool is_disk_full(const net::error_code& ec);

// For many events a second a segment lies in large pages. A trickle must not have them, since the kernel
// writes a large page to the disk as a whole.
enum class segment_rate { trickle, dense };

class segment_store {
public:
    segment_store(net::environment& env, std::filesystem::path dir);

    bool in_memory() const { return dir_.empty(); }

    net::result<std::vector<net::file_entry>> list() const { return env_.files().list(dir_); }

    std::filesystem::path path_of(seq_t first_seq) const;

    // A blank one under the name of the segment that it will be.
    net::result<ring_spare> make(seq_t first_seq, segment_rate rate);
    // The file of a segment that goes gets the name of the one that it becomes; nothing in it changes.
    net::result<std::filesystem::path> rename_to(const ring_segment& going, seq_t first_seq);
    net::error_code set_aside(const ring_segment& segment);
    void remove(const std::filesystem::path& path); // now, or at retry_removals()
    void retry_removals();

    std::size_t unremoved() const { return unremoved_.size(); }

    // A roll-over met a full disk: said once until a file can be made again.
    void note_disk_full(std::string_view problem);

    std::uint64_t disk_full_count() const { return disk_full_count_; }

private:
    net::environment& env_;
    std::filesystem::path dir_;
    std::vector<std::filesystem::path> unremoved_; // of no use, but the disk let them not be removed
    std::uint64_t disk_full_count_ = 0;
    bool disk_full_ = false; // at the last attempt, and said
};

} // namespace agent
