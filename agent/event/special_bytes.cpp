#include "agent/event/special_bytes.hpp"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace agent {
namespace {

constexpr std::size_t block_bytes = 64;

// Each gives a bit for each of 64 bytes.
struct one_by_one {
    static std::uint64_t special(const char* block) {
        std::uint64_t special = 0;
        for (std::size_t i = 0; i < block_bytes; ++i) {
            const auto byte = static_cast<signed char>(block[i]); // negative: not ASCII
            special |= static_cast<std::uint64_t>(byte < ' ' || byte == '"' || byte == '\\') << i;
        }
        return special;
    }
};

#if defined(__x86_64__)

struct by_sse2 {
    static std::uint64_t special(const char* block) {
        std::uint64_t special = 0;
        for (int part = 0; part < 4; ++part) {
            const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 16 * part));
            const __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
            const __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
            const __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' ')); // signed, as above
            const __m128i marks = _mm_or_si128(_mm_or_si128(quote, backslash), low);
            special |= static_cast<std::uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(marks)))
                       << (16 * part);
        }
        return special;
    }
};

struct by_avx2 {
    __attribute__((target("avx2"))) static std::uint64_t special(const char* block) {
        std::uint64_t special = 0;
        for (int part = 0; part < 2; ++part) {
            const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 32 * part));
            const __m256i quote = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'));
            const __m256i backslash = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));
            const __m256i low = _mm256_cmpgt_epi8(_mm256_set1_epi8(' '), bytes);
            const __m256i marks = _mm256_or_si256(_mm256_or_si256(quote, backslash), low);
            special |= static_cast<std::uint64_t>(static_cast<unsigned>(_mm256_movemask_epi8(marks)))
                       << (32 * part);
        }
        return special;
    }
};

#endif

template <class How>
[[gnu::always_inline]] inline void find(const char* begin, const char* from, std::size_t bytes,
                                        std::uint64_t* to) {
    const char* const end = from + bytes;
    for (; bytes >= block_bytes; bytes -= block_bytes, from += block_bytes)
        *to++ = How::special(from);
    if (bytes != 0 && end - begin >= static_cast<std::ptrdiff_t>(block_bytes)) {
        // The last whole block, of which the first bytes were looked at already.
        *to++ = How::special(end - block_bytes) >> (block_bytes - bytes);
    } else if (bytes != 0) {
        char block[block_bytes];
        std::memset(block, 'x', sizeof block);
        std::memcpy(block, from, bytes);
        *to++ = How::special(block);
    }
    *to = 0;
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) void find_by_avx2(const char* begin, const char* from, std::size_t bytes,
                                                  std::uint64_t* to) {
    find<by_avx2>(begin, from, bytes, to);
}

constexpr special_finder finders[] = {find_by_avx2, find<by_sse2>, find<one_by_one>};
const std::span<const special_finder> usable =
    std::span(finders).subspan(__builtin_cpu_supports("avx2") ? 0 : 1);

#else

constexpr special_finder finders[] = {find<one_by_one>};
const std::span<const special_finder> usable = finders;

#endif

const special_finder fastest = usable.front();

} // namespace

void find_special_bytes(const char* begin, const char* from, std::size_t bytes, std::uint64_t* to) {
    fastest(begin, from, bytes, to);
}

std::span<const special_finder> special_finders() {
    return usable;
}

} // namespace agent
