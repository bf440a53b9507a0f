#include "agent/ring/crc32c.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <string_view>
#include <vector>

namespace agent {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

std::uint32_t both(std::span<const std::byte> bytes) {
    EXPECT_EQ(crc32c(bytes), crc32c_by_tables(bytes));
    return crc32c(bytes);
}

TEST(crc32c_test, the_published_values) { // RFC 3720, B.4
    EXPECT_EQ(both(bytes_of("123456789")), 0xe3069283u);
    std::vector<std::byte> data(32);
    EXPECT_EQ(both(data), 0x8a9136aau);
    std::fill(data.begin(), data.end(), std::byte{0xff});
    EXPECT_EQ(both(data), 0x62a8ab43u);
    for (std::size_t index = 0; index < data.size(); ++index)
        data[index] = static_cast<std::byte>(index);
    EXPECT_EQ(both(data), 0x46dd794eu);
    EXPECT_EQ(both({}), 0u);
}

TEST(crc32c_test, instruction_and_tables_agree_at_every_length_and_alignment) {
    std::mt19937 random(7);
    std::vector<std::byte> data(5000);
    for (auto& one : data)
        one = static_cast<std::byte>(random());
    for (std::size_t begin = 0; begin < 9; ++begin)
        for (std::size_t size = 0; size + begin <= data.size(); size += 1 + size / 30)
            both(std::span(data).subspan(begin, size));
}

TEST(crc32c_test, goes_on_where_an_earlier_part_ended) {
    const auto text = bytes_of("a frame's head and then its payload");
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        EXPECT_EQ(crc32c(text.subspan(cut), crc32c(text.first(cut))), crc32c(text));
        EXPECT_EQ(crc32c_by_tables(text.subspan(cut), crc32c_by_tables(text.first(cut))), crc32c(text));
    }
}

} // namespace
} // namespace agent
