// What a hold keeps, and what it gives back.
#include "tests/unit/agent/support/ring_kit.hpp"

namespace agent::test {
namespace {

constexpr std::size_t big = 100'000;

TEST(ring_hold_test, a_held_range_stays_and_dropping_starts_behind_it) {
    memory_world world;
    auto ring = open_ring(world);
    owing_from retention(1);
    ring->set_retention(&retention);
    publish_until(*ring, 30, big);
    auto hold = ring->hold(5, 6);
    const std::string held_line(std::get<ring_entry>(ring_cursor(*ring, 5).next()).line);
    const auto view = std::get<ring_entry>(ring_cursor(*ring, 5).next()).line;
    publish_until(*ring, 500, big);
    EXPECT_EQ(view, held_line); // in place and mapped
    EXPECT_EQ(ring->first_seq(), 1u);
    auto found = read_all(*ring);
    ASSERT_EQ(found.gaps.size(), 1u);
    EXPECT_GT(found.gaps[0].from_seq, 6u);
    EXPECT_EQ(found.gaps[0].reason, gap_reason::capacity);
    EXPECT_EQ(retention.dropped, seqs(found.gaps[0].from_seq, found.gaps[0].to_seq));
    EXPECT_EQ(found.seqs.size() + retention.dropped.size(), 500u);
    EXPECT_TRUE(found.identical);

    hold->shrink_from(7); // an empty range holds nothing
    publish_until(*ring, 1000, big);
    EXPECT_GT(ring->first_seq(), 6u);
    hold.reset();
    found = read_all(*ring);
    EXPECT_EQ(found.gaps, (std::vector<ring_gap>{{1, ring->first_seq() - 1, gap_reason::capacity}}));
}

TEST(ring_hold_test, neighbouring_holds_and_the_holes_between_them) {
    memory_world world;
    auto ring = open_ring(world);
    owing_from retention(1);
    ring->set_retention(&retention);
    publish_until(*ring, 10, big);
    auto low = ring->hold(1, 3);
    publish_until(*ring, 70, big);
    auto middle = ring->hold(62, 62);
    auto same_segment = ring->hold(63, 64);
    publish_until(*ring, 400, big);
    auto found = read_all(*ring);
    EXPECT_EQ(found.gaps.size(), 2u);
    EXPECT_TRUE(found.identical);
    middle.reset();
    publish_until(*ring, 600, big);
    EXPECT_TRUE(std::holds_alternative<ring_entry>(ring_cursor(*ring, 63).next()));
    low->extend_to(64);
    same_segment.reset();
    publish_until(*ring, 800, big);
    EXPECT_TRUE(std::holds_alternative<ring_entry>(ring_cursor(*ring, 63).next()));
    low.reset();
    publish_until(*ring, 1000, big);
    found = read_all(*ring);
    EXPECT_EQ(found.gaps, (std::vector<ring_gap>{{1, ring->first_seq() - 1, gap_reason::capacity}}));
    EXPECT_EQ(retention.dropped.size() + found.seqs.size(), 1000u);
}

TEST(ring_hold_test, all_held_means_no_room_and_nothing_is_overwritten) {
    memory_world world;
    auto ring = open_ring(world);
    auto hold = ring->hold(1, ~seq_t{0});
    while (publish_next(*ring, big)) {
    }
    const seq_t last = ring->last_seq();
    EXPECT_EQ(ring->used_bytes(), ring->capacity_bytes());
    EXPECT_EQ(read_all(*ring).seqs, seqs(1, last));
    EXPECT_TRUE(publish_next(*ring, 20)); // a smaller one still fits
    EXPECT_FALSE(publish_next(*ring, big));
    hold->shrink_from(40);
    EXPECT_TRUE(publish_next(*ring, big));
    EXPECT_EQ(ring->next_seq(), last + 3);
    EXPECT_TRUE(read_all(*ring, 40).gaps.empty());
}

TEST(ring_hold_test, a_hold_keeps_its_range_mapped_and_gives_it_back) {
    memory_world world;
    auto ring = open_ring(world);
    owing_from retention(1);
    ring->set_retention(&retention);
    auto hold = ring->hold(1, 1);
    publish_until(*ring, 100, big);
    retention.first_owed = ~seq_t{0};
    ring->owed_changed();
    EXPECT_EQ(world.disk.mapped_now, 2u); // the head, and the held one that was the head
    hold->extend_to(100);
    EXPECT_EQ(world.disk.mapped_now, ring->used_bytes() / ring_segment_bytes);
    hold->shrink_from(99);
    EXPECT_LE(world.disk.mapped_now, 2u);
    hold.reset();
    EXPECT_EQ(world.disk.mapped_now, 1u);
}

} // namespace
} // namespace agent::test
