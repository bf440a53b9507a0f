#pragma once
// One segment: a file (or anonymous memory), mapped while somebody has it pinned, and what is known of its
// content. An older segment's header is read when it is first pinned; until then its last seq is only bounded
// by its successor.

#include "agent/ring/counts.hpp"
#include "agent/ring/frame.hpp"
#include "agent/ring/header.hpp"
#include "net/environment.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace agent {

// The name of a segment file, "00000000000000000001.seg", and back.
std::string segment_name(seq_t first_seq);
std::optional<seq_t> parse_segment_name(std::string_view name);

using ring_pin = std::shared_ptr<net::mapped_file>;

class ring_segment {
public:
    // A file that is there already.
    ring_segment(net::file_system& files, std::filesystem::path path, seq_t first_seq);
    // A blank mapping that becomes a segment by begin(). Without a path: anonymous memory, kept mapped.
    ring_segment(net::file_system& files, std::filesystem::path path, ring_pin mapping, bool dense);

    // Maps where needed; reads the header the first time. An error is about mapping; a bad header is in
    // state().
    net::result<ring_pin> pin();

    bool anonymous() const { return path_.empty(); }

    void keep_mapping(ring_pin mapping) { kept_ = std::move(mapping); }

    bool let_go_mapping(); // false: it kept none

    bool dense() const { return dense_; } // its file was made for many events a second

    const std::filesystem::path& path() const { return path_; }

    bool known() const { return state_.has_value(); }

    header_state state() const { return state_.value_or(header_state::whole); }

    seq_t first_seq() const { return identity_.first_seq; }

    std::uint64_t generation() const { return identity_.generation; } // once known, of a whole one

    // Of a file that has a later segment's name, and still its own header: where it began.
    std::optional<seq_t> renamed_from() const { return renamed_from_; }

    std::optional<seq_t> last_seq() const { return last_seq_; } // once known and sealed

    const ring_gaps& gaps() const { return gaps_; }

    std::uint64_t written_bytes() const { return end_; } // the whole segment's while unknown

    void begin(const ring_identity& identity, const ring_gaps& gaps); // pinned by the caller
    void seal(std::span<std::byte> bytes, const ring_seal& seal);
    void set_gaps(std::span<std::byte> bytes, const ring_gaps& gaps);

    void resume_at(std::size_t end) { end_ = end; } // the end of its frames, as the scan at open found it

    void blank(std::span<std::byte> bytes);

    // Frames. `bytes` are those of a pin.
    frame_state read(std::span<const std::byte> bytes, std::size_t offset, frame& out);
    std::optional<frame> find(std::span<const std::byte> bytes, std::size_t offset, seq_t first,
                              seq_t last) const;
    // The frame of seq `from`, or the next whole one up to `to`, at `offset` or behind it. False: there is
    // none.
    bool next(std::span<const std::byte> bytes, std::size_t offset, seq_t from, seq_t to, frame& out);
    std::size_t write(std::span<std::byte> bytes, std::size_t offset, seq_t seq, std::uint32_t session,
                      bool own, std::size_t payload_bytes);

    // Empty until they are made: of a file that was there, when they are first needed.
    const std::optional<segment_counts>& counts() const { return counts_; }

    void set_counts(segment_counts counts) { counts_ = std::move(counts); }

    void forget_counts() { counts_.reset(); }

    bool damaged() const { return damaged_ || state() == header_state::broken; }

    bool mark_damaged() { return !std::exchange(damaged_, true); } // false: known already

    bool freed() const { return freed_; } // no longer the ring's: its bytes may already be another's

    void mark_freed() { freed_ = true; }

    bool synced() const { return synced_; }

    void set_synced(bool synced) { synced_ = synced; }

private:
    void read_header(std::span<const std::byte> bytes);

    net::file_system& files_;
    std::filesystem::path path_;
    std::weak_ptr<net::mapped_file> mapping_;
    ring_pin kept_; // by itself: anonymous memory would be lost
    ring_identity identity_;
    std::optional<header_state> state_;
    std::optional<seq_t> renamed_from_;
    std::optional<seq_t> last_seq_;
    ring_gaps gaps_;
    std::optional<segment_counts> counts_; // what is written is added
    std::uint64_t end_ = ring_segment_bytes;
    std::size_t checked_ =
        ring_header_bytes; // frames below were checked in this mapping, or written by this process
    bool dense_ = false;
    bool damaged_ = false;
    bool freed_ = false;
    bool synced_ = false;
};

} // namespace agent
