#include "agent/ring/crc32c.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

#include <arm_acle.h>
#endif

namespace agent {
namespace {

constexpr std::uint32_t polynomial = 0x82f63b78; // reflected

// Eight tables: eight bytes per step.
constexpr auto make_tables() {
    std::array<std::array<std::uint32_t, 256>, 8> tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit)
            value = (value >> 1) ^ ((value & 1) != 0 ? polynomial : 0);
        tables[0][byte] = value;
    }
    for (std::size_t table = 1; table < 8; ++table)
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    return tables;
}

constexpr auto tables = make_tables();

std::uint32_t by_tables(const std::byte* at, std::size_t size, std::uint32_t crc) {
    for (; size >= 8; at += 8, size -= 8) {
        std::uint32_t next = 0;
        for (int index = 0; index < 4; ++index) {
            const auto low = static_cast<std::uint8_t>(at[index]) ^ ((crc >> (8 * index)) & 0xff);
            next ^= tables[static_cast<std::size_t>(7 - index)][low];
            next ^= tables[static_cast<std::size_t>(3 - index)][static_cast<std::uint8_t>(at[index + 4])];
        }
        crc = next;
    }
    for (; size > 0; ++at, --size)
        crc = (crc >> 8) ^ tables[0][(crc ^ static_cast<std::uint8_t>(*at)) & 0xff];
    return crc;
}

#if defined(__x86_64__)

// The instruction takes three cycles and can begin in each: three lanes at once. Their lengths are a third
// of what is there, so that little is left over; a carry-less multiplication then puts the three results
// together.
constexpr std::size_t lane_words_min = 4; // fewer are not worth the putting together
constexpr std::size_t lane_words_max = 64;

// behind_words[n]: the factor that makes a checksum into what it is behind n words of zeros, once the
// instruction has reduced the product. (That itself shifts by 33 bits: 64 n - 33 are left; for one word
// x^31, which is 1 in reflected order.)
constexpr auto behind_words = [] {
    std::array<std::uint32_t, 2 * lane_words_max + 1> factors{};
    std::uint32_t factor = 1;
    for (std::size_t words = 1; words < factors.size(); ++words) {
        factors[words] = factor;
        for (int zero = 0; zero < 8; ++zero)
            factor = (factor >> 8) ^ tables[0][factor & 0xff];
    }
    return factors;
}();

__attribute__((target("sse4.2,pclmul"))) __m128i product(std::uint64_t crc, std::uint32_t factor) {
    return _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(crc)),
                                _mm_cvtsi32_si128(static_cast<int>(factor)), 0);
}

template <class T>
T load(const std::byte* from) {
    T word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

__attribute__((target("sse4.2,pclmul"))) std::uint32_t by_instruction(const std::byte* at, std::size_t size,
                                                                      std::uint32_t crc) {
    std::uint64_t wide = crc;
    for (;;) {
        const std::size_t words = std::min(size / 24, lane_words_max);
        if (words < lane_words_min)
            break;
        const std::size_t lane_bytes = 8 * words;
        std::uint64_t second = 0;
        std::uint64_t third = 0;
        for (const std::byte* const end = at + lane_bytes; at != end; at += 8) {
            wide = _mm_crc32_u64(wide, load<std::uint64_t>(at));
            second = _mm_crc32_u64(second, load<std::uint64_t>(at + lane_bytes));
            third = _mm_crc32_u64(third, load<std::uint64_t>(at + 2 * lane_bytes));
        }
        const __m128i both =
            _mm_xor_si128(product(wide, behind_words[2 * words]), product(second, behind_words[words]));
        wide = _mm_crc32_u64(0, static_cast<std::uint64_t>(_mm_cvtsi128_si64(both))) ^ third;
        at += 2 * lane_bytes;
        size -= 3 * lane_bytes;
    }
    for (; size >= 8; at += 8, size -= 8)
        wide = _mm_crc32_u64(wide, load<std::uint64_t>(at));
    crc = static_cast<std::uint32_t>(wide);
    if (size & 4) {
        crc = _mm_crc32_u32(crc, load<std::uint32_t>(at));
        at += 4;
    }
    if (size & 2) {
        crc = _mm_crc32_u16(crc, load<std::uint16_t>(at));
        at += 2;
    }
    return size & 1 ? _mm_crc32_u8(crc, static_cast<std::uint8_t>(*at)) : crc;
}

bool has_instruction() {
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

#elif defined(__aarch64__) && defined(__linux__)

__attribute__((target("+crc"))) std::uint32_t by_instruction(const std::byte* at, std::size_t size,
                                                             std::uint32_t crc) {
    for (; size >= 8; at += 8, size -= 8) {
        std::uint64_t word;
        std::memcpy(&word, at, 8);
        crc = __crc32cd(crc, word);
    }
    for (; size > 0; ++at, --size)
        crc = __crc32cb(crc, static_cast<std::uint8_t>(*at));
    return crc;
}

bool has_instruction() {
    return (getauxval(AT_HWCAP) & (1u << 7)) != 0;
} // HWCAP_CRC32

#else

std::uint32_t by_instruction(const std::byte* at, std::size_t size, std::uint32_t crc) {
    return by_tables(at, size, crc);
}

bool has_instruction() {
    return false;
}

#endif

const auto chosen = has_instruction() ? by_instruction : by_tables;

} // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) {
    return ~chosen(bytes.data(), bytes.size(), ~before);
}

std::uint32_t crc32c_by_tables(std::span<const std::byte> bytes, std::uint32_t before) {
    return ~by_tables(bytes.data(), bytes.size(), ~before);
}

} // namespace agent
