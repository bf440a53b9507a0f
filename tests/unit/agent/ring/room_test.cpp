// Who is in whose way when room is made.
#include "tests/unit/agent/support/ring_kit.hpp"

namespace agent::test {
namespace {

constexpr std::size_t half = 1'000'000; // two to a segment

// With nothing owed, an intake that is told to wait for room waits for ever: nothing will change.
TEST(ring_room_test, nobody_waits_for_room_where_nothing_is_owed) {
    memory_world world;
    auto ring = open_ring(world, options_of(16 * mib, 8 * mib));
    owing_from retention(~seq_t{0});
    ring->set_retention(&retention);
    for (int count = 0; count < 100; ++count) { // segments that end half empty: all lie in the live history
        ASSERT_TRUE(ring->make_room(half)) << count;
        ASSERT_TRUE(publish_next(*ring, half));
        ASSERT_TRUE(publish_next(*ring, 93'100));
    }
    retention.first_owed = 1;
    for (int count = 0; count < 3 && ring->make_room(half); ++count)
        ASSERT_TRUE(publish_next(*ring, half));
    ASSERT_FALSE(ring->make_room(half));
    retention.first_owed = ring->next_seq() - 6; // the oldest still go before these
    ASSERT_TRUE(ring->make_room(half));
}

TEST(ring_room_test, nor_where_the_disk_was_full) {
    memory_world world;
    auto ring = open_ring(world, options_of(16 * mib, 8 * mib));
    owing_from retention(1);
    ring->set_retention(&retention);
    publish_until(*ring, 4, half);
    world.disk.disk_bytes_max = world.disk.disk_bytes();
    publish_until(*ring, 8, half);
    ASSERT_GT(ring->disk_full_count(), 0u);
    ASSERT_FALSE(ring->make_room(half));
    ASSERT_EQ(ring->look_again_at(), world.now() + ring_look_again_after);
    retention.first_owed = ring->next_seq();
    ASSERT_TRUE(ring->make_room(half));
}

// What is published into a hold's range stays mapped when the head moves on, though mappings run short.
TEST(ring_room_test, a_hold_ahead_of_its_envelopes_keeps_them_mapped) {
    memory_world world;
    auto ring = open_ring(world);
    publish_until(*ring, 1, half);
    auto hold = ring->hold(2, 2);
    publish_until(*ring, 2, half);
    world.disk.mapping_fails = memory_files::error(EMFILE);
    publish_until(*ring, 3, half);
    EXPECT_EQ(world.disk.mapped_now, 2u);
    EXPECT_TRUE(std::holds_alternative<ring_entry>(ring_cursor(*ring, 2).next()));
}

// A hold whose range is gone takes no part in a neighbour that another one holds.
TEST(ring_room_test, a_hold_over_a_hole_outlives_the_segment_before_it) {
    memory_world world;
    auto ring = open_ring(world, options_of(6 * mib, 0));
    publish_until(*ring, 2, half);
    auto neighbour = ring->hold(1, 2);
    publish_until(*ring, 8, half);
    auto over_hole = ring->hold(3, 20);
    EXPECT_EQ(world.disk.mapped_now, 4u - 1u);
    neighbour.reset();
    publish_until(*ring, 10, half);
    ASSERT_GT(ring->first_seq(), 2u);
    over_hole->shrink_from(4); // was: looked for the segment that is gone
    EXPECT_TRUE(read_all(*ring, ring->first_seq()).identical);
}

// Segments that are to be made so, of all that there are.
std::pair<int, int> dense_of_all(const memory_world& world) {
    std::pair<int, int> count;
    for (const auto& [name, content] : world.disk.all) {
        if (!name.ends_with(".seg"))
            continue;
        ++count.second;
        count.first += content->dense ? 1 : 0;
    }
    return count;
}

// A segment in large pages is written to the disk whole, however little of it has changed.
TEST(ring_room_test, segments_follow_the_rate_of_events) {
    memory_world world;
    auto ring = open_ring(world, options_of(64 * mib, 8 * mib));
    const auto publish_slowly = [&](seq_t last) {
        while (ring->last_seq() < last) {
            world.time += ring_filled_fast;
            ASSERT_TRUE(publish_next(*ring, half));
        }
    };
    publish_slowly(6);
    EXPECT_EQ(dense_of_all(world), std::pair(0, 3));
    publish_until(*ring, 9, half); // the third was begun long before it was full
    EXPECT_EQ(dense_of_all(world), std::pair(1, 5));
    publish_until(*ring, 40, half);
    const auto [dense, all] = dense_of_all(world);
    EXPECT_EQ(dense, all); // also those that took the place of others
    EXPECT_LE(all, 7);
    publish_slowly(80);
    EXPECT_EQ(dense_of_all(world).first, 0);
    EXPECT_EQ(read_all(*ring, 75).seqs, seqs(75, 80));
}

// The answer may be long in coming: a segment is not asked for again and again.
TEST(ring_room_test, a_roll_over_asks_at_most_twice_of_each_segment) {
    for (const seq_t first_owed : {1, 61, 200}) {
        memory_world world;
        auto ring = open_ring(world, options_of(256 * mib, 2 * mib));
        owing_from retention(1);
        ring->set_retention(&retention);
        publish_until(*ring, 120, half);
        retention.first_owed = first_owed;
        retention.asked = 0;
        publish_until(*ring, 121, half);
        EXPECT_LE(retention.asked, 2 * 60u);
        EXPECT_LE(retention.asked, first_owed == 1 ? 60u : 10u) << first_owed;
        retention.first_owed = 1;
        publish_until(*ring, 256, half); // at the capacity
        retention.asked = 0;
        publish_until(*ring, 257, half);
        EXPECT_LE(retention.asked, 130u);
    }
}

// One that does not fit the rate is still better than a gap.
TEST(ring_room_test, where_the_disk_is_full_any_segment_comes_back) {
    memory_world world;
    auto ring = open_ring(world, options_of(64 * mib, 8 * mib));
    world.time += ring_filled_fast;
    for (seq_t last = 2; last <= 14; last += 2) {
        publish_until(*ring, last, half);
        world.time += ring_filled_fast;
    }
    ASSERT_EQ(dense_of_all(world).first, 0);
    world.disk.disk_bytes_max = world.disk.disk_bytes();
    const seq_t first = ring->first_seq();
    publish_until(*ring, 20, half);
    EXPECT_EQ(dense_of_all(world).first, 0);
    EXPECT_EQ(ring->disk_full_count(), 0u);
    EXPECT_EQ(ring->first_seq(), first + 6);
}

} // namespace
} // namespace agent::test
