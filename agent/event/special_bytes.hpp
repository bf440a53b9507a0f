#pragma once
// Where the bytes of a JSON text are that a string can't hold as they are, or that need a closer look
// there: quotes, backslashes, control characters, and what is not ASCII. A bit for each byte, 64 at a time
// by SIMD: AVX2 where the CPU has it, else SSE2, which every x86-64 has, else one by one. AVX2 makes the
// parsing of an event of 371 bytes 8 ns shorter than SSE2 (182 of 190): the strings' ends wait for these
// bits.

#include <cstddef>
#include <cstdint>
#include <span>

namespace agent {

// Words for so many bytes, and one more, so that eight bytes can be read from each on.
constexpr std::size_t special_words(std::size_t bytes) {
    return (bytes + 63) / 64 + 1;
}

// A bit for each byte from `from` on, the lowest first, and zeros behind. `to` has special_words(bytes).
// Of the text, nothing in front of `begin` nor behind from + bytes is read.
using special_finder = void (*)(const char* begin, const char* from, std::size_t bytes, std::uint64_t* to);

// The fastest that this CPU can run, chosen once.
void find_special_bytes(const char* begin, const char* from, std::size_t bytes, std::uint64_t* to);

// All that it can run, the fastest first; for tests.
std::span<const special_finder> special_finders();

} // namespace agent
