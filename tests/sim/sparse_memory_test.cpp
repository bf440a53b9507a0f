#include "tests/sim/disk_kit.hpp"

namespace sim::test {
namespace {

TEST(sparse_memory_test, only_what_is_not_zero_counts_as_touched) {
    sparse_memory memory(33 << 20);
    EXPECT_THAT(memory.touched(), ElementsAre());
    memory.at(0)[5] = std::byte{1};
    memory.at(5000)[0] = std::byte{1};
    memory.at(8447)[4095] = std::byte{1};
    unsigned sum = 0;
    for (std::size_t index = 0; index < 8448; ++index) // a read page is not a touched one
        sum += std::to_integer<unsigned>(memory.at(index)[7]);
    EXPECT_EQ(sum, 0U);
    EXPECT_THAT(memory.touched(), ElementsAre(0, 5000, 8447));
    memory.at(5000)[0] = std::byte{0};
    EXPECT_THAT(memory.touched(), ElementsAre(0, 8447));
    const auto copy = memory.copy(memory.size());
    EXPECT_THAT(copy->touched(), ElementsAre(0, 8447));
    EXPECT_EQ(copy->at(8447)[4095], std::byte{1});
}

} // namespace
} // namespace sim::test
