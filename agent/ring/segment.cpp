#include "agent/ring/segment.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace agent {
namespace {

constexpr std::size_t name_digits = 20;
constexpr std::string_view name_suffix = ".seg";

} // namespace

std::string segment_name(seq_t first_seq) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%020llu.seg", static_cast<unsigned long long>(first_seq));
    return text.data();
}

std::optional<seq_t> parse_segment_name(std::string_view name) {
    if (name.size() != name_digits + name_suffix.size() || !name.ends_with(name_suffix))
        return std::nullopt;
    seq_t seq = 0;
    const char* const end = name.data() + name_digits;
    const auto parsed = std::from_chars(name.data(), end, seq);
    if (parsed.ec != std::errc{} || parsed.ptr != end || seq == 0)
        return std::nullopt;
    return seq;
}

ring_segment::ring_segment(net::file_system& files, std::filesystem::path path, seq_t first_seq)
    : files_(files)
    , path_(std::move(path)) {
    identity_.first_seq = first_seq;
}

ring_segment::ring_segment(net::file_system& files, std::filesystem::path path, ring_pin mapping, bool dense)
    : files_(files)
    , path_(std::move(path))
    , mapping_(mapping)
    , dense_(dense) {
    if (path_.empty())
        kept_ = std::move(mapping);
}

net::result<ring_pin> ring_segment::pin() {
    if (auto mapped = mapping_.lock())
        return mapped;
    auto opened = files_.open_mapped(path_);
    if (!opened)
        return opened.error();
    ring_pin mapped = std::move(*opened);
    mapping_ = mapped;
    checked_ = ring_header_bytes;
    if (!known())
        read_header(mapped->bytes());
    return mapped;
}

bool ring_segment::let_go_mapping() {
    return !anonymous() && std::exchange(kept_, nullptr) != nullptr;
}

void ring_segment::read_header(std::span<const std::byte> bytes) {
    ring_identity found;
    auto state = read_identity(bytes, found);
    // A recycled file that has no new header yet, or whose new header never reached the disk: nothing in it
    // belongs to its name.
    if (state == header_state::whole && found.first_seq != identity_.first_seq) {
        if (found.first_seq < identity_.first_seq)
            renamed_from_ = found.first_seq;
        state = renamed_from_ ? header_state::blank : header_state::broken;
    }
    state_ = state;
    if (state != header_state::whole)
        return;
    identity_ = found;
    gaps_ = read_gaps(bytes, identity_);
    if (const auto seal = read_seal(bytes, identity_)) {
        last_seq_ = seal->last_seq;
        end_ = std::min<std::uint64_t>(seal->end, ring_segment_bytes);
    }
}

void ring_segment::begin(const ring_identity& identity, const ring_gaps& gaps) {
    identity_ = identity;
    gaps_ = gaps;
    state_ = header_state::whole;
    last_seq_.reset();
    end_ = ring_header_bytes;
    checked_ = ring_header_bytes;
    counts_.emplace();
    const auto mapped = mapping_.lock();
    write_header(mapped->bytes(), identity, gaps);
}

void ring_segment::seal(std::span<std::byte> bytes, const ring_seal& seal) {
    last_seq_ = seal.last_seq;
    end_ = seal.end;
    synced_ = false;
    write_seal(bytes, identity_, seal);
}

void ring_segment::set_gaps(std::span<std::byte> bytes, const ring_gaps& gaps) {
    gaps_ = gaps;
    if (state() != header_state::whole)
        return;
    synced_ = false;
    write_gaps(bytes, identity_, gaps);
}

void ring_segment::blank(std::span<std::byte> bytes) {
    blank_header(bytes);
    state_ = header_state::blank;
}

frame_state ring_segment::read(std::span<const std::byte> bytes, std::size_t offset, frame& out) {
    bytes = bytes.first(std::min<std::size_t>(bytes.size(), ring_segment_bytes));
    const auto state = read_frame(bytes, offset, identity_.generation, offset < checked_, out);
    if (state == frame_state::whole && offset == checked_)
        checked_ = out.end;
    return state;
}

std::optional<frame> ring_segment::find(std::span<const std::byte> bytes, std::size_t offset, seq_t first,
                                        seq_t last) const {
    bytes = bytes.first(std::min<std::size_t>(bytes.size(), ring_segment_bytes));
    return find_frame(bytes, offset, identity_.generation, first, last);
}

bool ring_segment::next(std::span<const std::byte> bytes, std::size_t offset, seq_t from, seq_t to,
                        frame& out) {
    while (true) {
        const bool whole = read(bytes, offset, out) == frame_state::whole;
        if (whole && out.seq >= from && out.seq <= to)
            return true;
        if (!whole || out.seq > to)
            break;
        offset = out.end;
    }
    // What is not whole, or not in order, is damage: frames behind it prove themselves.
    const auto found = find(bytes, offset + 8, from, to);
    if (found)
        out = *found;
    return found.has_value();
}

std::size_t ring_segment::write(std::span<std::byte> bytes, std::size_t offset, seq_t seq,
                                std::uint32_t session, bool own, std::size_t payload_bytes) {
    end_ = write_frame(bytes, offset, identity_.generation, seq, session, own, payload_bytes);
    checked_ = end_;
    synced_ = false;
    const auto payload = bytes.subspan(offset + frame_head_bytes, payload_bytes);
    counts_->add({seq,
                  session,
                  own,
                  {reinterpret_cast<const char*>(payload.data()), payload_bytes},
                  offset,
                  static_cast<std::size_t>(end_)});
    return end_;
}

} // namespace agent
