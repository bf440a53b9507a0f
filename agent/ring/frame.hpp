#pragma once
// One envelope as it lies in a segment. All words in the machine's own order (little-endian; a state
// directory does not change machines of another kind), every frame 8-byte aligned:
//
//     0  u32 magic (first byte 0xFF)   u24 length of the payload, u8 flags   ← one word, stored last: it
//     makes visible 8  u64 seq
//    16  u32 session                   u32 CRC32C over generation, seq, length and flags, session, payload
//    24  payload, then up to 7 bytes of no meaning
//
// Behind the newest frame stands a zero word (stored before the frame becomes visible), or the segment ends.

#include "agent/ring/types.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace agent {

constexpr std::size_t frame_head_bytes = 24;
constexpr std::size_t frame_payload_bytes_max = envelope_bytes_max;

constexpr std::size_t frame_bytes(std::size_t payload) {
    return (frame_head_bytes + payload + 7) / 8 * 8;
}

struct frame {
    seq_t seq = 0;
    std::uint32_t session = 0;
    bool own = false;
    std::string_view payload;
    std::size_t begin = 0; // offsets in the segment
    std::size_t end = 0;
};

enum class frame_state {
    whole,
    absent, // a zero word, or no room for a frame: where the frames of an intact segment end
    broken,
};

// `trusted`: the CRC was already checked in this mapping, or this process wrote the frame.
frame_state read_frame(std::span<const std::byte> segment, std::size_t offset, std::uint64_t generation,
                       bool trusted, frame& out);

// The first whole frame at or behind `offset` with a seq in [first, last]: picks up the thread behind damage.
std::optional<frame> find_frame(std::span<const std::byte> segment, std::size_t offset,
                                std::uint64_t generation, seq_t first, seq_t last);

// Makes the payload, already in place at offset + frame_head_bytes, a frame. Returns the offset behind it.
std::size_t write_frame(std::span<std::byte> segment, std::size_t offset, std::uint64_t generation, seq_t seq,
                        std::uint32_t session, bool own, std::size_t payload_bytes);

} // namespace agent
