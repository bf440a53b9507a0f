// Who is in whose way when room is made.
#include "support/ring_kit.hpp"

namespace agent::test {
namespace {

constexpr std::size_t half = 1'000'000; // two to a segment

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

} // namespace
} // namespace agent::test
