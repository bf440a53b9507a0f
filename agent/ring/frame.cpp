#include "agent/ring/frame.hpp"

#include "agent/ring/crc32c.hpp"
#include "agent/ring/words.hpp"
#include "net/assert.hpp"

namespace agent {
namespace {

constexpr std::uint32_t magic = 0x1e7b52ff; // in memory: FF 52 7B 1E
constexpr std::uint32_t length_mask = 0xffffff;
constexpr std::uint8_t flag_own = 1;
constexpr std::uint8_t flags_known = flag_own;
static_assert(frame_payload_bytes_max <= length_mask);

// Whole words, since the checksum reads them so at once: a word made of two stores would make it wait for
// both.
struct checked {
    checked(std::uint64_t of_generation, std::uint64_t of_seq, std::uint32_t length_and_flags,
            std::uint32_t session)
        : generation(of_generation)
        , seq(of_seq)
        , rest(length_and_flags | std::uint64_t{session} << 32) {}

    std::uint64_t generation;
    std::uint64_t seq;
    std::uint64_t rest;
};

static_assert(sizeof(checked) == 24);

std::uint32_t checksum(const checked& head, std::span<const std::byte> payload) {
    return crc32c(payload, crc32c(std::as_bytes(std::span(&head, 1))));
}

} // namespace

frame_state read_frame(std::span<const std::byte> segment, std::size_t offset, std::uint64_t generation,
                       bool trusted, frame& out) {
    if (offset + 8 > segment.size())
        return frame_state::absent;
    const auto word = load_at<std::uint64_t>(segment, offset);
    if (word == 0)
        return frame_state::absent;
    if (offset + frame_head_bytes > segment.size())
        return frame_state::broken;
    const auto length_and_flags = static_cast<std::uint32_t>(word >> 32);
    const std::size_t length = length_and_flags & length_mask;
    const auto flags = static_cast<std::uint8_t>(length_and_flags >> 24);
    if (static_cast<std::uint32_t>(word) != magic || (flags & ~flags_known) != 0 ||
        length > frame_payload_bytes_max || offset + frame_bytes(length) > segment.size())
        return frame_state::broken;

    const auto session = load_at<std::uint32_t>(segment, offset + 16);
    const checked head(generation, load_at<std::uint64_t>(segment, offset + 8), length_and_flags, session);
    const auto payload = segment.subspan(offset + frame_head_bytes, length);
    if (!trusted && checksum(head, payload) != load_at<std::uint32_t>(segment, offset + 20))
        return frame_state::broken;

    out.seq = head.seq;
    out.session = session;
    out.own = (flags & flag_own) != 0;
    out.payload = {reinterpret_cast<const char*>(payload.data()), payload.size()};
    out.begin = offset;
    out.end = offset + frame_bytes(length);
    return frame_state::whole;
}

std::optional<frame> find_frame(std::span<const std::byte> segment, std::size_t offset,
                                std::uint64_t generation, seq_t first, seq_t last) {
    frame found;
    for (; offset + frame_head_bytes <= segment.size(); offset += 8)
        if (load_at<std::uint32_t>(segment, offset) == magic &&
            read_frame(segment, offset, generation, false, found) == frame_state::whole &&
            found.seq >= first && found.seq <= last)
            return found;
    return std::nullopt;
}

std::size_t write_frame(std::span<std::byte> segment, std::size_t offset, std::uint64_t generation, seq_t seq,
                        std::uint32_t session, bool own, std::size_t payload_bytes) {
    NET_ASSERT(payload_bytes <= frame_payload_bytes_max, "a frame holds at most one largest envelope");
    const std::size_t end = offset + frame_bytes(payload_bytes);
    NET_ASSERT(offset % 8 == 0 && end <= segment.size(), "a frame lies aligned within its segment");

    const auto length_and_flags =
        static_cast<std::uint32_t>(payload_bytes) | (std::uint32_t{own ? flag_own : std::uint8_t{0}} << 24);
    const checked head(generation, seq, length_and_flags, session);
    const auto crc = checksum(head, segment.subspan(offset + frame_head_bytes, payload_bytes));
    store_at(segment, offset + 8, seq);
    store_at(segment, offset + 16, session);
    store_at(segment, offset + 20, crc);
    if (end + 8 <= segment.size())
        store_at(segment, end, std::uint64_t{0});
    store_last(segment, offset, std::uint64_t{magic} | (std::uint64_t{length_and_flags} << 32));
    return end;
}

} // namespace agent
