#include "agent/state/slot_file.hpp"
#include "tests/unit/agent/support/memory_world.hpp"

#include <gtest/gtest.h>

#include <set>

namespace agent::test {
namespace {

constexpr std::size_t slots = 4;
constexpr std::size_t value_bytes = 700; // two sectors per copy
constexpr std::size_t copy_bytes = 1024;
constexpr std::size_t header_bytes = 4096;
constexpr std::size_t slot_bytes = 3 * copy_bytes;
const std::string path = "/state/slots";

std::unique_ptr<slot_file> open_slots(memory_world& world) {
    auto opened = slot_file::open(world, path, slots, value_bytes);
    EXPECT_TRUE(opened);
    return std::move(*opened);
}

TEST(slot_file_test, keeps_values_over_reopening) {
    memory_world world;
    {
        auto file = open_slots(world);
        EXPECT_EQ(file->size(), slots);
        EXPECT_EQ(file->read(0), std::nullopt);
        EXPECT_FALSE(file->damaged(0));
        file->write(0, "zero");
        file->write(1, "");
        file->write(3, std::string(value_bytes, 'x'));
        for (int turn = 0; turn < 5; ++turn)
            file->write(2, "turn " + std::to_string(turn));
        file->write(1, "gone");
        file->erase(1);
    }
    auto file = open_slots(world);
    EXPECT_EQ(file->read(0), "zero");
    EXPECT_EQ(file->read(1), std::nullopt);
    EXPECT_FALSE(file->damaged(1));
    EXPECT_EQ(file->read(2), "turn 4");
    EXPECT_EQ(file->read(3), std::string(value_bytes, 'x'));
    file->write(1, "");
    EXPECT_EQ(file->read(1), "");
}

TEST(slot_file_test, reading_leaves_the_file_alone) {
    memory_world world;
    auto file = open_slots(world);
    file->write(0, "zero");
    file->write(3, "three");
    EXPECT_FALSE(file->sync());
    file->write(0, "newer"); // which the disk does not have
    const auto bytes = world.disk.all.at(path)->words;
    const auto synced = world.disk.all.at(path)->synced;
    auto copy = slot_file::open_to_read(world, path, slots, value_bytes);
    ASSERT_TRUE(copy);
    EXPECT_EQ((*copy)->read(0), "newer");
    EXPECT_EQ((*copy)->read(1), std::nullopt);
    EXPECT_EQ((*copy)->read(3), "three");
    (*copy)->write(3, "ours");
    (*copy)->write(1, "ours");
    EXPECT_FALSE((*copy)->sync());
    EXPECT_EQ((*copy)->read(3), "ours");
    EXPECT_EQ(world.disk.all.at(path)->words, bytes);
    EXPECT_EQ(world.disk.all.at(path)->synced, synced);
    EXPECT_EQ(file->read(3), "three");
    EXPECT_EQ(slot_file::open_to_read(world, path, slots + 1, value_bytes).error(),
              net::make_error_code(net::error::corrupt));
    EXPECT_FALSE(slot_file::open_to_read(world, "/state/none", slots, value_bytes));
    EXPECT_EQ(world.disk.all.size(), 1u);
}

// Where another process is about to make it, it has nothing yet, and is not made anew.
TEST(slot_file_test, a_file_that_is_not_finished_reads_as_empty) {
    memory_world world;
    const std::size_t whole = header_bytes + slots * slot_bytes;
    for (const std::size_t size : {std::size_t{0}, std::size_t{100}, header_bytes, whole - 1, whole}) {
        const auto made = std::make_shared<memory_files::content>();
        made->resize(size);
        world.disk.all[path] = made;
        const auto copy = slot_file::open_to_read(world, path, slots, value_bytes);
        ASSERT_TRUE(copy) << size;
        for (std::size_t slot = 0; slot < slots; ++slot) {
            EXPECT_EQ((*copy)->read(slot), std::nullopt);
            EXPECT_FALSE((*copy)->damaged(slot));
        }
        EXPECT_EQ(world.disk.all.at(path), made);
        EXPECT_EQ(made->size, size);
        EXPECT_EQ(made->words, std::vector<std::uint64_t>(made->words.size()));
    }
    world.disk.all.at(path)->resize(whole - 1);
    world.disk.bytes(path)[17] = std::byte{1};
    EXPECT_EQ(slot_file::open_to_read(world, path, slots, value_bytes).error(),
              net::make_error_code(net::error::corrupt));
}

// Both slots are written in one go, as far as a reader can tell.
TEST(slot_file_test, a_reader_sees_one_moment_whatever_is_written_meanwhile) {
    for (int quiet_calls = 0; quiet_calls <= 60; ++quiet_calls) {
        memory_world world;
        auto file = open_slots(world);
        int turn = 0;
        const auto text = [&] { return std::to_string(turn) + std::string(value_bytes - 10, 'x'); };
        const auto store = [&] {
            ++turn;
            file->write(0, text());
            file->write(1, text());
        };
        store();
        // Every copy anew, more than once, while a reader is on its way.
        world.disk.before_call = [&, quiet = quiet_calls, left = 12]() mutable {
            if (quiet-- <= 0 && left-- > 0)
                store();
        };
        const auto copy = slot_file::open_to_read(world, path, slots, value_bytes);
        world.disk.before_call = {};
        ASSERT_TRUE(copy);
        const auto first = (*copy)->read(0);
        ASSERT_TRUE(first) << quiet_calls;
        EXPECT_EQ(first->size(), std::to_string(std::stoi(*first)).size() + value_bytes - 10);
        EXPECT_TRUE(first == (*copy)->read(1)) << quiet_calls;
    }
}

TEST(slot_file_test, nothing_is_allocated_after_open) {
    memory_world world;
    auto file = open_slots(world);
    world.disk.disk_bytes_max = 0;
    const auto calls = world.disk.calls;
    for (int turn = 0; turn < 100; ++turn)
        file->write(static_cast<std::size_t>(turn) % slots, std::to_string(turn));
    EXPECT_EQ(world.disk.calls, calls);
    EXPECT_EQ(file->read(3), "99");
}

TEST(slot_file_test, another_geometry_is_refused) {
    memory_world world;
    open_slots(world);
    const auto corrupt = net::make_error_code(net::error::corrupt);
    EXPECT_EQ(slot_file::open(world, path, slots + 1, value_bytes).error(), corrupt);
    EXPECT_EQ(slot_file::open(world, path, slots, value_bytes * 2).error(), corrupt);
    EXPECT_EQ(slot_file::open(world, path, slots, value_bytes + 1).error(), corrupt); // the same size on disk
    world.disk.all.at(path)->resize(100);
    EXPECT_EQ(slot_file::open(world, path, slots, value_bytes).error(), corrupt);
}

TEST(slot_file_test, without_a_path_it_is_memory) {
    memory_world world;
    auto file = slot_file::open(world, {}, slots, value_bytes);
    ASSERT_TRUE(file);
    (*file)->write(0, "value");
    EXPECT_EQ((*file)->read(0), "value");
    EXPECT_TRUE(world.disk.all.empty());
}

// The store that counts is the copy's first word. A process killed before it has left any part of the rest.
TEST(slot_file_test, a_kill_at_any_store_leaves_the_previous_value) {
    memory_world world;
    auto file = open_slots(world);
    std::optional<std::string> previous;
    for (int turn = 0; turn < 4; ++turn) {
        const auto before = world.disk.copy();
        const std::string value =
            "value " + std::to_string(turn) + std::string(600, static_cast<char>('a' + turn));
        file->write(2, value);
        const auto after = world.disk.bytes(path);
        // Word by word, as much of the new bytes as a kill may have let through, the counting word missing.
        const std::size_t begin = header_bytes + 2 * slot_bytes;
        std::vector<std::size_t> changed;
        for (std::size_t at = begin; at < begin + slot_bytes; at += 8)
            if (std::memcmp(before.at(path)->bytes().data() + at, after.data() + at, 8) != 0)
                changed.push_back(at);
        ASSERT_FALSE(changed.empty());
        const std::size_t counting = changed.front();
        ASSERT_EQ((counting - begin) % copy_bytes, 0u);
        for (std::size_t through = 0; through < changed.size(); ++through) {
            memory_world killed;
            for (const auto& [name, one] : before)
                killed.disk.all[name] = std::make_shared<memory_files::content>(*one);
            const auto torn = killed.disk.bytes(path);
            std::memset(torn.data() + counting, 0, 8);
            for (std::size_t index = 1; index <= through; ++index)
                std::memcpy(torn.data() + changed[index], after.data() + changed[index], 8);
            auto reopened = open_slots(killed);
            ASSERT_EQ(reopened->read(2), previous) << turn << " " << through;
            ASSERT_FALSE(reopened->damaged(2));
            reopened->write(2, "next");
            ASSERT_EQ(reopened->read(2), "next");
        }
        previous = value;
    }
}

TEST(slot_file_test, a_kill_while_it_is_made_leaves_a_file_that_opens) {
    memory_world world;
    open_slots(world);
    const auto whole = world.disk.copy();
    for (std::size_t words = 0; words < 4; ++words) {
        memory_world killed;
        killed.disk.all[path] = std::make_shared<memory_files::content>();
        killed.disk.all[path]->resize(whole.at(path)->size);
        std::memcpy(killed.disk.bytes(path).data() + 8, whole.at(path)->bytes().data() + 8, words * 8);
        auto reopened = open_slots(killed);
        EXPECT_EQ(reopened->read(0), std::nullopt);
        EXPECT_FALSE(reopened->damaged(0));
    }
}

// Killed between creating the file and having its space: too short, and nothing in it.
TEST(slot_file_test, a_file_that_was_never_finished_is_made_anew) {
    for (const std::size_t bytes : {0u, 8u, 4096u, 5000u}) {
        memory_world world;
        world.disk.all[path] = std::make_shared<memory_files::content>();
        world.disk.all[path]->resize(bytes);
        auto file = open_slots(world);
        file->write(0, "value");
        EXPECT_EQ(open_slots(world)->read(0), "value");
    }
    memory_world world;
    open_slots(world);
    world.disk.all.at(path)->resize(5000); // cut off later: it had a head
    EXPECT_EQ(slot_file::open(world, path, slots, value_bytes).error(),
              net::make_error_code(net::error::corrupt));
}

// The machine dies over a slot's first write: the head of the copy is there, its value is not.
TEST(slot_file_test, a_torn_first_write_leaves_nothing) {
    memory_world world;
    auto file = open_slots(world);
    file->write(1, "first");
    world.disk.bytes(path)[header_bytes + slot_bytes + copy_bytes + 16] = std::byte{0};
    EXPECT_EQ(file->read(1), std::nullopt);
    EXPECT_FALSE(file->damaged(1));
    file->write(1, "next");
    EXPECT_EQ(open_slots(world)->read(1), "next");
}

TEST(slot_file_test, damage_leaves_the_other_copy_or_says_so) {
    memory_world world;
    auto file = open_slots(world);
    file->write(1, "older");
    file->write(1, "newer");
    file->write(0, "neighbour");
    const std::size_t begin = header_bytes + slot_bytes;
    for (std::size_t at = 0; at < 16 + 5; ++at) { // each byte of the newer copy: head and value
        auto bytes = world.disk.bytes(path);
        auto& one = bytes[begin + 2 * copy_bytes + at];
        one ^= std::byte{0x41};
        EXPECT_EQ(file->read(1), "older") << at;
        EXPECT_FALSE(file->damaged(1));
        one ^= std::byte{0x41};
    }
    ASSERT_FALSE(file->sync());
    file->write(1, "newest");
    auto bytes = world.disk.bytes(path);
    for (std::size_t copy = 0; copy < 3; ++copy)
        bytes[begin + copy * copy_bytes + 16] ^= std::byte{1};
    EXPECT_EQ(file->read(1), std::nullopt);
    EXPECT_TRUE(file->damaged(1));
    EXPECT_EQ(file->read(0), "neighbour");
    file->write(1, "again");
    EXPECT_EQ(file->read(1), "again");
    EXPECT_FALSE(file->damaged(1));
}

// A sync runs on another thread: what it did not cover must not count as synced.
TEST(slot_file_test, writes_beside_a_sync) {
    memory_world world;
    auto file = open_slots(world);
    file->write(1, "synced");
    ASSERT_FALSE(file->sync());
    file->write(1, "begun");
    world.disk.before_call = [&] {
        file->write(1, "beside, one");
        file->write(1, "beside, two");
    };
    ASSERT_FALSE(file->sync());
    world.disk.before_call = nullptr;
    file->write(1, "behind");
    const auto bytes = world.disk.bytes(path);
    int kept = 0; // all but the oldest synced one may be torn
    for (std::size_t copy = 0; copy < 3; ++copy) {
        const auto at =
            bytes.begin() + static_cast<std::ptrdiff_t>(header_bytes + slot_bytes + copy * copy_bytes);
        kept += std::memcmp(&*at + 16, "synced", 6) == 0 ? 1 : 0;
    }
    EXPECT_EQ(kept, 1);
}

TEST(slot_file_test, a_copy_found_in_another_slot_does_not_count) {
    memory_world world;
    auto file = open_slots(world);
    for (int turn = 0; turn < 3; ++turn) {
        file->write(1, "mine");
        ASSERT_FALSE(file->sync());
    }
    auto bytes = world.disk.bytes(path);
    std::memcpy(bytes.data() + header_bytes, bytes.data() + header_bytes + slot_bytes, slot_bytes);
    EXPECT_EQ(file->read(0), std::nullopt);
    EXPECT_TRUE(file->damaged(0));
}

// Thousands of slots cost nothing until they are used.
TEST(slot_file_test, open_reads_few_slots_behind_the_highest_in_use) {
    memory_world world;
    const auto open_eight = [&world] { return std::move(*slot_file::open(world, path, 8, value_bytes)); };
    open_eight()->write(0, "mine");
    auto bytes = world.disk.bytes(path);
    const std::size_t behind = header_bytes + 5 * slot_bytes; // four are looked at ahead
    std::memset(bytes.data() + behind, 0xee, bytes.size() - behind);
    auto file = open_eight();
    EXPECT_EQ(file->read(0), "mine");
    for (std::size_t slot = 1; slot < file->size(); ++slot) {
        EXPECT_FALSE(file->damaged(slot)) << slot;
        EXPECT_EQ(file->read(slot), std::nullopt) << slot;
    }
    std::memset(bytes.data() + 512, 0xee, 16); // the mark
    EXPECT_TRUE(open_eight()->damaged(6));
}

} // namespace
} // namespace agent::test
