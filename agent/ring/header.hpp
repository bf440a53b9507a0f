#pragma once
// The first page of a segment. Three parts, each with its own CRC32C, each made to count by one word that is
// stored last:
//   identity  version, random generation, first seq; two copies. Blank (both words zero): the file is a spare
//   seal      last seq, number of producers' events, end of the frames: written when the segment is full
//   gaps      what is missing before first_seq, and why; two copies, the newer whole one counts
// Seal and gaps are checked against the generation, so that those of a recycled file's earlier life never
// count.

#include "agent/ring/gaps.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace agent {

constexpr std::size_t ring_header_bytes = 4096;

struct ring_identity {
    std::uint64_t generation = 0;
    seq_t first_seq = 0;
};

struct ring_seal {
    seq_t last_seq = 0;
    std::uint64_t producer_events = 0; // of the segment's envelopes, the agent's own left out
    std::uint64_t end = 0;
};

enum class header_state { whole, blank, broken };

header_state read_identity(std::span<const std::byte> segment, ring_identity& out);
std::optional<ring_seal> read_seal(std::span<const std::byte> segment, const ring_identity& of);
ring_gaps read_gaps(std::span<const std::byte> segment, const ring_identity& of);

// Makes a blank segment count, without frames and seal. The order of its stores: gaps, first frame's word,
// identity.
void write_header(std::span<std::byte> segment, const ring_identity& identity, const ring_gaps& gaps);
void write_seal(std::span<std::byte> segment, const ring_identity& of, const ring_seal& seal);
void write_gaps(std::span<std::byte> segment, const ring_identity& of, const ring_gaps& gaps);
// The opposite: the file is a spare from now on.
void blank_header(std::span<std::byte> segment);

} // namespace agent
