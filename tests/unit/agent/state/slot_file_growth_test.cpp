// A table of an earlier format is taken over whole, whenever the process or the machine dies on the way.
#include "agent/state/slot_file_growth.hpp"
#include "tests/unit/agent/support/machine_crash.hpp"
#include "tests/unit/agent/support/memory_world.hpp"

#include <gtest/gtest.h>

namespace agent::test {
namespace {

constexpr std::size_t before = 4;
constexpr std::size_t after = 8;
constexpr std::size_t value_bytes = 700;
const std::string path = "/state/streams";

struct killed {};

void make_old(memory_world& world) {
    auto file = slot_file::open(world, path, before, value_bytes);
    ASSERT_TRUE(file);
    (*file)->write(0, "zero");
    (*file)->write(1, "gone");
    (*file)->erase(1);
    for (int turn = 0; turn < 5; ++turn)
        (*file)->write(3, "turn " + std::to_string(turn));
}

net::error_code grow(memory_world& world) {
    return grow_slot_file(world, path, before, after, value_bytes);
}

void expect_grown(memory_world& world) {
    auto file = slot_file::open(world, path, after, value_bytes);
    ASSERT_TRUE(file);
    EXPECT_EQ((*file)->read(0), "zero");
    EXPECT_EQ((*file)->read(1), std::nullopt);
    EXPECT_EQ((*file)->read(3), "turn 4");
    for (std::size_t slot = before; slot < after; ++slot) {
        EXPECT_EQ((*file)->read(slot), std::nullopt);
        EXPECT_FALSE((*file)->damaged(slot));
    }
    EXPECT_EQ(world.disk.all.size(), 1u) << "nothing is left beside it";
}

TEST(slot_file_growth, keeps_what_the_smaller_one_held) {
    memory_world world;
    make_old(world);
    ASSERT_FALSE(grow(world));
    expect_grown(world);
    ASSERT_FALSE(grow(world)) << "only once";
    expect_grown(world);
}

TEST(slot_file_growth, what_is_not_there_or_has_another_size_is_left_alone) {
    memory_world world;
    ASSERT_FALSE(grow(world));
    EXPECT_TRUE(world.disk.all.empty());
    ASSERT_TRUE(slot_file::open(world, path, before + 1, value_bytes));
    const auto bytes = world.disk.all.at(path)->words;
    ASSERT_FALSE(grow(world));
    EXPECT_EQ(world.disk.all.at(path)->words, bytes);
}

// At the call of that number; false where it takes fewer.
bool dies_while_growing(memory_world& world, int step) {
    world.disk.before_call = [left = step]() mutable {
        if (left-- == 0)
            throw killed();
    };
    bool died = false;
    try {
        EXPECT_FALSE(grow(world));
    } catch (const killed&) {
        died = true;
    }
    world.disk.before_call = {};
    return died;
}

TEST(slot_file_growth, a_kill_at_any_step_loses_nothing) {
    int steps = 0;
    for (bool died = true; died; ++steps) {
        memory_world world;
        make_old(world);
        died = dies_while_growing(world, steps);
        ASSERT_FALSE(grow(world)) << steps;
        expect_grown(world);
    }
    EXPECT_GT(steps, 5);
}

TEST(slot_file_growth, a_machine_that_dies_at_any_step_loses_nothing_that_was_synced) {
    bool died = true;
    for (int steps = 0; died; ++steps) {
        memory_world world;
        make_old(world);
        ASSERT_FALSE((*slot_file::open(world, path, before, value_bytes))->sync());
        world.disk.forget_names();
        died = dies_while_growing(world, steps);
        machine_dies(world.disk, {static_cast<unsigned>(steps % 9), static_cast<std::uint64_t>(steps)});
        ASSERT_FALSE(grow(world)) << steps;
        expect_grown(world);
    }
}

TEST(slot_file_growth, a_disk_without_room_leaves_the_smaller_one) {
    memory_world world;
    make_old(world);
    world.disk.disk_bytes_max = 0;
    EXPECT_TRUE(grow(world));
    world.disk.disk_bytes_max = std::numeric_limits<std::uint64_t>::max();
    ASSERT_FALSE(grow(world));
    expect_grown(world);
}

TEST(slot_file_growth, a_slot_that_can_not_be_read_is_not_forgotten) {
    memory_world world;
    make_old(world);
    auto old = slot_file::open(world, path, before, value_bytes);
    for (int turn = 0; turn < 3; ++turn) { // into each copy
        (*old)->write(3, "value");
        ASSERT_FALSE((*old)->sync());
    }
    old->reset();
    constexpr std::size_t copy = 1024;
    constexpr std::size_t slot_3 = 4096 + 3 * 3 * copy;
    for (std::size_t at = slot_3; at < slot_3 + 3 * copy; at += copy)
        world.disk.bytes(path)[at + 16] ^= std::byte{1};
    EXPECT_EQ(grow(world), net::make_error_code(net::error::corrupt));
    EXPECT_EQ(world.disk.all.at(path)->size, slot_file::bytes_of(before, value_bytes));
}

} // namespace
} // namespace agent::test
