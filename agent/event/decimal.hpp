#pragma once
// Numbers in decimal digits, eight digits at a time in one word: reading ts by std::from_chars and writing
// ts and seq by std::to_chars was a tenth of what publishing an event costs.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

namespace agent {

static_assert(std::endian::native == std::endian::little, "the first digit is the lowest byte of a word");

// --- words of eight bytes

constexpr std::uint64_t each_byte(std::uint8_t value) {
    return std::uint64_t{0x0101010101010101} * value;
}

inline std::uint64_t load_word(const char* from) {
    std::uint64_t word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

// How many digits the word begins with.
inline unsigned leading_digits(std::uint64_t word) {
    word ^= each_byte('0'); // digits become 0 to 9
    // The top bit of each byte that is no digit; carries only get into bytes behind the first of those.
    const std::uint64_t others = ((word + each_byte(0x80 - 10)) | word) & each_byte(0x80);
    return static_cast<unsigned>(std::countr_zero(others)) / 8;
}

// The number that eight digits are: pairs of neighbours are put together, three times.
inline std::uint64_t value_of_digits(std::uint64_t word) {
    word -= each_byte('0');
    word = (word * 10 + (word >> 8)) & 0x00FF00FF00FF00FF;
    word = (word * 100 + (word >> 16)) & 0x0000FFFF0000FFFF;
    return (word * 10'000 + (word >> 32)) & 0xFFFFFFFF;
}

// The reverse, for numbers of up to eight digits: as bytes 0 to 9.
inline std::uint64_t digits_of(std::uint32_t value) {
    std::uint64_t word = value / 10'000 | static_cast<std::uint64_t>(value % 10'000) << 32;
    const std::uint64_t hundreds = (word * 10'486 >> 20) & 0x0000007F0000007F; // each half / 100
    word = hundreds | (word - 100 * hundreds) << 16;
    const std::uint64_t tens = (word * 103 >> 10) & 0x000F000F000F000F; // each quarter / 10
    return tens | (word - 10 * tens) << 8;
}

// --- whole numbers

// Nothing but digits, up to the largest std::int64_t.
inline std::optional<std::int64_t> parse_decimal(std::string_view digits) {
    if (digits.empty() || digits.size() > 19)
        return std::nullopt;
    std::uint64_t value = 0; // 19 digits fit
    for (; digits.size() >= 8; digits.remove_prefix(8)) {
        const auto word = load_word(digits.data());
        if (leading_digits(word) != 8)
            return std::nullopt;
        value = value * 100'000'000 + value_of_digits(word);
    }
    for (const char digit : digits) {
        if (digit < '0' || digit > '9')
            return std::nullopt;
        value = value * 10 + static_cast<unsigned>(digit - '0');
    }
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return std::nullopt;
    return static_cast<std::int64_t>(value);
}

// What the text begins with, up to 19 digits of it; 0 for none.
inline std::uint64_t leading_decimal(std::string_view text) {
    constexpr std::array<std::uint64_t, 8> tens{1, 10, 100, 1000, 10'000, 100'000, 1'000'000, 10'000'000};
    std::uint64_t value = 0;
    std::size_t digits = 0;
    for (; text.size() >= 8 && digits < 16; digits += 8, text.remove_prefix(8)) {
        const auto word = load_word(text.data());
        const unsigned count = leading_digits(word);
        if (count == 0)
            return value;
        if (count < 8) { // moved to the end of a word that begins with zeros
            const unsigned shift = 8 * (8 - count);
            return value * tens[count] + value_of_digits(word << shift | each_byte('0') >> (8 * count));
        }
        value = value * 100'000'000 + value_of_digits(word);
    }
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9' && digits < 19; ++digits) {
        value = value * 10 + static_cast<unsigned>(text.front() - '0');
        text.remove_prefix(1);
    }
    return value;
}

constexpr std::size_t decimal_bytes_max = 24; // what write_decimal may write to: 20 digits, in whole words

// Gives the place behind the digits.
inline char* write_decimal(std::uint64_t value, char* to) {
    constexpr std::uint64_t word_limit = 100'000'000;
    const auto store = [&](std::uint64_t word) { std::memcpy(to, &word, sizeof word); };
    if (value >= word_limit) {
        to = write_decimal(value / word_limit, to);
        store(digits_of(static_cast<std::uint32_t>(value % word_limit)) | each_byte('0'));
        return to + 8;
    }
    const std::uint64_t digits = digits_of(static_cast<std::uint32_t>(value));
    const int zeros = std::countr_zero(digits | std::uint64_t{1} << 56) / 8; // 0 has one digit
    store((digits | each_byte('0')) >> (8 * zeros));
    return to + 8 - zeros;
}

} // namespace agent
