#include "agent/crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
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

// The instruction takes three cycles and can begin in each: three lanes at once, whose results are put
// together by tables that say what a checksum becomes behind `lane_bytes` zeros.
constexpr std::size_t lane_bytes = 128;

constexpr auto make_lane_tables() {
    std::array<std::array<std::uint32_t, 256>, 4> behind{};
    for (std::size_t byte = 0; byte < 4; ++byte) {
        for (std::uint32_t bit = 1; bit < 256; bit <<= 1) {
            std::uint32_t crc = bit << (8 * byte);
            for (std::size_t zero = 0; zero < lane_bytes; ++zero)
                crc = (crc >> 8) ^ tables[0][crc & 0xff];
            for (std::uint32_t value = 0; value < bit; ++value)
                behind[byte][bit + value] = behind[byte][value] ^ crc;
        }
    }
    return behind;
}

constexpr auto behind_a_lane = make_lane_tables();

std::uint32_t shifted_by_a_lane(std::uint64_t crc) {
    return behind_a_lane[0][crc & 0xff] ^ behind_a_lane[1][(crc >> 8) & 0xff] ^
           behind_a_lane[2][(crc >> 16) & 0xff] ^ behind_a_lane[3][(crc >> 24) & 0xff];
}

__attribute__((target("sse4.2"))) std::uint32_t by_instruction(const std::byte* at, std::size_t size,
                                                               std::uint32_t crc) {
    std::uint64_t wide = crc;
    for (; size >= 3 * lane_bytes; at += 3 * lane_bytes, size -= 3 * lane_bytes) {
        std::uint64_t second = 0;
        std::uint64_t third = 0;
        for (std::size_t offset = 0; offset < lane_bytes; offset += 8) {
            std::uint64_t words[3];
            for (std::size_t lane = 0; lane < 3; ++lane)
                std::memcpy(&words[lane], at + lane * lane_bytes + offset, 8);
            wide = _mm_crc32_u64(wide, words[0]);
            second = _mm_crc32_u64(second, words[1]);
            third = _mm_crc32_u64(third, words[2]);
        }
        wide = shifted_by_a_lane(shifted_by_a_lane(wide) ^ second) ^ third;
    }
    for (; size >= 8; at += 8, size -= 8) {
        std::uint64_t word;
        std::memcpy(&word, at, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = static_cast<std::uint32_t>(wide);
    for (; size > 0; ++at, --size)
        crc = _mm_crc32_u8(crc, static_cast<std::uint8_t>(*at));
    return crc;
}

bool has_instruction() {
    return __builtin_cpu_supports("sse4.2");
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

} // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t before) {
    static const auto chosen = has_instruction() ? by_instruction : by_tables;
    return ~chosen(bytes.data(), bytes.size(), ~before);
}

std::uint32_t crc32c_by_tables(std::span<const std::byte> bytes, std::uint32_t before) {
    return ~by_tables(bytes.data(), bytes.size(), ~before);
}

} // namespace agent
