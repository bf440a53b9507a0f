#include "agent/state/format.hpp"
#include "tests/unit/agent/support/memory_world.hpp"

#include <gmock/gmock.h>

namespace agent::test {
namespace {

using testing::HasSubstr;

std::string text_of(memory_world& world) {
    return *world.disk.read_all("/state/format", 100);
}

TEST(state_format, a_directory_says_it_from_its_first_start_on) {
    memory_world world;
    EXPECT_FALSE(claim_state_format(world, "/state"));
    const auto text = text_of(world);
    EXPECT_TRUE(text.starts_with(std::to_string(state_format) + " "));
    EXPECT_FALSE(claim_state_format(world, "/state"));
    EXPECT_EQ(text_of(world), text);
}

TEST(state_format, an_earlier_one_is_taken_over) {
    memory_world world;
    ASSERT_FALSE(world.disk.replace("/state/format", "1 0.0.9\n", 0600));
    EXPECT_FALSE(claim_state_format(world, "/state"));
    EXPECT_TRUE(text_of(world).starts_with(std::to_string(state_format)));
}

TEST(state_format, a_later_one_is_refused_with_its_version_and_left_alone) {
    memory_world world;
    const std::string later = std::to_string(state_format + 1) + " 7.8.9 and more\n";
    ASSERT_FALSE(world.disk.replace("/state/format", later, 0600));
    const auto refused = claim_state_format(world, "/state");
    ASSERT_TRUE(refused);
    EXPECT_THAT(*refused, HasSubstr("written by ringtail 7.8.9 and more (format 3)"));
    EXPECT_EQ(text_of(world), later);
}

TEST(state_format, what_is_none_is_refused) {
    for (const char* text : {"", "x", " 1", "99999999999999999999 1"}) {
        memory_world world;
        ASSERT_FALSE(world.disk.replace("/state/format", text, 0600));
        EXPECT_TRUE(claim_state_format(world, "/state")) << text;
        EXPECT_EQ(text_of(world), text);
    }
}

} // namespace
} // namespace agent::test
