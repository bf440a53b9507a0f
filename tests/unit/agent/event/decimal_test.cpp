#include "agent/event/decimal.hpp"

#include <gtest/gtest.h>

#include <charconv>
#include <random>
#include <string>
#include <vector>

namespace {

using agent::parse_decimal;

std::string written(std::uint64_t value) {
    char text[agent::decimal_bytes_max];
    return {text, agent::write_decimal(value, text)};
}

// Around each power of ten, and of any length between.
std::vector<std::uint64_t> numbers() {
    std::vector<std::uint64_t> all{0, UINT64_MAX, UINT64_MAX - 1, INT64_MAX, std::uint64_t{INT64_MAX} + 1};
    for (std::uint64_t power = 1; power < UINT64_MAX / 10; power *= 10)
        for (std::uint64_t near : {power * 10 - 1, power * 10, power * 10 + 1, power * 3})
            all.push_back(near);
    std::mt19937_64 random(7);
    for (int i = 0; i < 20'000; ++i)
        all.push_back(random() >> (random() % 64));
    return all;
}

TEST(decimal, writes_as_the_standard_library_does) {
    for (const auto value : numbers())
        EXPECT_EQ(written(value), std::to_string(value));
}

TEST(decimal, reads_what_the_standard_library_reads) {
    for (const auto value : numbers()) {
        const bool fits = value <= std::uint64_t{INT64_MAX};
        EXPECT_EQ(parse_decimal(std::to_string(value)),
                  fits ? std::optional(static_cast<std::int64_t>(value)) : std::nullopt)
            << value;
    }
    EXPECT_EQ(parse_decimal("00000000000000000012"), std::nullopt); // more than 19
}

TEST(decimal, reads_digits_only) {
    for (std::size_t length : {1u, 7u, 8u, 9u, 16u, 18u})
        for (std::size_t at = 0; at < length; ++at)
            for (int byte = 0; byte < 256; ++byte) {
                std::string text(length, '7');
                text[at] = static_cast<char>(byte);
                EXPECT_EQ(parse_decimal(text).has_value(), byte >= '0' && byte <= '9')
                    << byte << " at " << at;
            }
    EXPECT_EQ(parse_decimal(""), std::nullopt);
}

TEST(decimal, reads_what_a_text_begins_with) {
    for (const auto value : numbers()) {
        const auto digits = std::to_string(value);
        if (digits.size() > 19)
            continue;
        for (const auto* behind : {"", ",", "}}", "/12345678", ":1234567890123456789", "x        "})
            EXPECT_EQ(agent::leading_decimal(digits + behind), value) << behind;
    }
    EXPECT_EQ(agent::leading_decimal(""), 0U);
    EXPECT_EQ(agent::leading_decimal("x1"), 0U);
    EXPECT_EQ(agent::leading_decimal("-1234567890"), 0U);
    EXPECT_EQ(agent::leading_decimal("0000000000000000012"), 12U);
}

TEST(decimal, counts_the_digits_that_a_word_begins_with) {
    for (unsigned digits = 0; digits <= 8; ++digits)
        for (int byte = 0; byte < 256; ++byte) {
            std::string text = std::string(digits, '9') + std::string(8, static_cast<char>(byte));
            if (byte < '0' || byte > '9') {
                EXPECT_EQ(agent::leading_digits(agent::load_word(text.data())), digits) << byte;
            }
        }
}

} // namespace
