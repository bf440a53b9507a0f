// The ring while it lives: order and identity, room, gaps, what stays mapped.
#include "tests/unit/agent/support/ring_kit.hpp"

#include <gmock/gmock.h>

#include <random>

namespace agent::test {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t big = 100'000; // about 20 to a segment

TEST(ring_test, yields_what_was_published_in_order_with_its_marks) {
    memory_world world;
    auto ring = open_ring(world);
    EXPECT_FALSE(ring.recovery.found);
    EXPECT_EQ(ring->first_seq(), 1u);
    EXPECT_EQ(ring->last_seq(), 0u);
    ring_cursor cursor(*ring, 1);
    EXPECT_TRUE(std::holds_alternative<ring_cursor::nothing>(cursor.next()));
    ASSERT_TRUE(publish(*ring, "first", 7, true));
    ASSERT_TRUE(publish(*ring, "", 4'000'000'000, false));
    const auto first = std::get<ring_entry>(cursor.next());
    EXPECT_EQ(first.seq, 1u);
    EXPECT_EQ(first.session, 7u);
    EXPECT_TRUE(first.own);
    EXPECT_EQ(first.line, "first");
    const auto second = std::get<ring_entry>(cursor.next());
    EXPECT_EQ(second.seq, 2u);
    EXPECT_EQ(second.session, 4'000'000'000u);
    EXPECT_FALSE(second.own);
    EXPECT_EQ(second.line, "");
    EXPECT_TRUE(std::holds_alternative<ring_cursor::nothing>(cursor.next()));
    EXPECT_EQ(cursor.position(), 3u);
}

TEST(ring_test, a_commit_shrinks_its_reserve_and_an_abandoned_one_leaves_nothing) {
    memory_world world;
    auto ring = open_ring(world);
    auto room = ring->reserve(1'500'000);
    ASSERT_EQ(room.size(), 1'500'000u);
    std::fill(room.begin(), room.end(), '\xff');
    room = ring->reserve(100);
    const auto text = line_of(1, 50);
    std::copy(text.begin(), text.end(), room.begin());
    const auto entry = ring->commit(50, 1, false);
    EXPECT_EQ(entry.line, text);
    publish_until(*ring, 3, 60);
    const auto found = read_all(*ring);
    EXPECT_EQ(found.seqs, seqs(1, 3));
    EXPECT_TRUE(found.identical);
    EXPECT_TRUE(ring->reserve(3 * mib).empty());
    EXPECT_EQ(ring->reserve(envelope_bytes_max).size(), envelope_bytes_max);
}

TEST(ring_test, wraps_around_many_times_and_stays_within_its_capacity) {
    memory_world world;
    auto ring = open_ring(world);
    std::mt19937 random(3);
    ring_cursor quick(*ring, 1);
    seq_t seen = 0;
    for (int count = 0; count < 4000; ++count) {
        ASSERT_TRUE(publish_next(*ring, 30 + random() % 60'000));
        ASSERT_LE(ring->used_bytes(), ring->capacity_bytes());
        ASSERT_LE(world.disk.disk_bytes(), ring->capacity_bytes() + 100);
        if (count % 7 == 0) {
            const auto found = read_on(quick);
            ASSERT_TRUE(found.identical);
            ASSERT_TRUE(found.gaps.empty());
            seen += found.seqs.size();
        }
    }
    EXPECT_EQ(seen + read_on(quick).seqs.size(), 4000u);
    EXPECT_LE(world.disk.mapped_now, ring_mapped_segments_max + 1);
    ring->owed_changed(); // nothing is
    EXPECT_LE(world.disk.mapped_now, 2u);
    const auto found = read_all(*ring);
    ASSERT_EQ(found.gaps.size(), 1u);
    EXPECT_EQ(found.gaps[0], (ring_gap{1, ring->first_seq() - 1, gap_reason::capacity}));
    EXPECT_EQ(found.seqs, seqs(ring->first_seq(), 4000));
    EXPECT_TRUE(found.identical);
}

TEST(ring_test, publishing_makes_no_call_but_at_a_segments_end) {
    memory_world world;
    auto ring = open_ring(world);
    const auto calls = world.disk.calls;
    publish_until(*ring, 4000, 400);
    EXPECT_EQ(world.disk.calls, calls);
}

TEST(ring_test, nothing_owed_keeps_only_the_live_history) {
    memory_world world;
    auto ring = open_ring(world, options_of(64 * mib, 4 * mib));
    publish_until(*ring, 1000, big);
    EXPECT_GE(ring->used_bytes(), 4 * mib);
    EXPECT_LE(ring->used_bytes(), 10 * mib);
    EXPECT_GE((ring->last_seq() - ring->live_history_seq() + 1) * big, 4 * mib);
    EXPECT_GE(ring->live_history_seq(), ring->first_seq());
}

TEST(ring_test, what_is_owed_fills_the_capacity_then_the_oldest_go_and_are_told) {
    memory_world world;
    auto ring = open_ring(world);
    owing_from retention(1);
    ring->set_retention(&retention);
    while (ring->used_bytes() < ring->capacity_bytes())
        ASSERT_TRUE(publish_next(*ring, big));
    EXPECT_TRUE(retention.dropped.empty());
    EXPECT_EQ(ring->first_seq(), 1u);
    while (ring->first_seq() == 1)
        ASSERT_TRUE(publish_next(*ring, big));
    EXPECT_EQ(retention.dropped, seqs(1, ring->first_seq() - 1));
    publish_until(*ring, 1000, big);
    EXPECT_EQ(retention.dropped, seqs(1, ring->first_seq() - 1));
    EXPECT_EQ(ring->used_bytes(), ring->capacity_bytes());
    const auto found = read_all(*ring);
    EXPECT_EQ(found.gaps, (std::vector<ring_gap>{{1, ring->first_seq() - 1, gap_reason::capacity}}));
    EXPECT_EQ(found.seqs, seqs(ring->first_seq(), 1000));
}

TEST(ring_test, after_an_outage_the_space_is_given_back) {
    memory_world world;
    auto ring = open_ring(world, options_of(64 * mib));
    owing_from retention(1);
    ring->set_retention(&retention);
    publish_until(*ring, 600, big);
    EXPECT_EQ(ring->used_bytes(), 60 * mib);
    retention.first_owed = ~seq_t{0};
    publish_until(*ring, 1000, big);
    EXPECT_LE(ring->used_bytes(), 8 * mib);
    EXPECT_TRUE(retention.dropped.empty());
}

TEST(ring_test, what_is_within_the_live_history_stays_though_delivered) {
    memory_world world;
    auto ring = open_ring(world, options_of(32 * mib, 8 * mib));
    owing_from retention(~seq_t{0});
    ring->set_retention(&retention);
    publish_until(*ring, 500, big);
    EXPECT_GE((500 - ring->first_seq() + 1) * big, 8 * mib);
    EXPECT_TRUE(retention.dropped.empty());
}

TEST(ring_test, who_can_wait_drops_nothing) {
    memory_world world;
    auto ring = open_ring(world);
    owing_from retention(1);
    ring->set_retention(&retention);
    std::mt19937 random(5);
    int waited = 0;
    for (int count = 0; count < 3000; ++count) {
        const std::size_t bytes = 10 + random() % 90'000;
        if (!ring->make_room(bytes)) {
            ++waited;
            ASSERT_GE(ring->used_bytes(), ring->capacity_bytes());
            ASSERT_EQ(ring->refusal(), "all of it waits for S2");
            ASSERT_EQ(ring->look_again_at(), net::never);
            retention.first_owed = ring->next_seq(); // S2 comes back
            ASSERT_TRUE(ring->make_room(bytes));
        }
        ASSERT_TRUE(publish_next(*ring, bytes));
    }
    EXPECT_GT(waited, 5);
    EXPECT_TRUE(retention.dropped.empty());
    EXPECT_TRUE(open_ring(world)->make_room(1000));
}

TEST(ring_test, owed_is_asked_at_a_segments_end_only) {
    memory_world world;
    auto ring = open_ring(world);
    owing_from retention(1);
    ring->set_retention(&retention);
    publish_until(*ring, 3000, 500);
    EXPECT_EQ(ring->used_bytes(), ring_segment_bytes);
    EXPECT_TRUE(ring->make_room(1000));
    EXPECT_EQ(retention.asked, 0u);
}

// While S2 is served, a segment comes back as the head without being mapped anew; while it is not, only the newest
// few stay mapped.
TEST(ring_test, a_busy_ring_stays_mapped_within_bounds) {
    memory_world world;
    auto ring = open_ring(world, options_of(64 * mib, 8 * mib));
    owing_from retention(1);
    ring->set_retention(&retention);
    const auto publish_and_deliver = [&](seq_t last) {
        while (ring->last_seq() < last) {
            ASSERT_TRUE(publish_next(*ring, big));
            retention.first_owed = ring->last_seq(); // the newest alone
            ring->owed_changed();
        }
    };
    publish_and_deliver(400);
    world.disk.mapping_fails = memory_files::error(EMFILE);
    publish_and_deliver(800);
    world.disk.mapping_fails = {};
    retention.first_owed = ring->last_seq();
    publish_until(*ring, 1000, big);
    EXPECT_GT(ring->used_bytes(), 16 * mib);
    EXPECT_EQ(world.disk.mapped_now, ring_mapped_segments_max + 1);
}

TEST(ring_test, says_how_far_it_is_ahead_of_delivery) {
    memory_world world;
    auto ring = open_ring(world, options_of(64 * mib, 2 * mib));
    owing_from retention(1);
    ring->set_retention(&retention);
    while (ring->far_ahead_of(big) == 0)
        ASSERT_TRUE(publish_next(*ring, big));
    EXPECT_EQ(ring->used_bytes(), ring_segments_ahead_max * ring_segment_bytes);
    EXPECT_EQ(ring->far_ahead_of(big), 1u);
    EXPECT_EQ(ring->far_ahead_of(10), 0u); // there is room
    retention.first_owed = ring->last_seq();
    EXPECT_EQ(ring->far_ahead_of(big), 0u);
}

TEST(ring_test, without_a_directory_it_lives_in_memory) {
    memory_world world;
    auto ring = open_ring(world, {{}, 16 * mib, 2 * mib});
    publish_until(*ring, 1000, big);
    EXPECT_TRUE(world.disk.all.empty());
    EXPECT_LE(world.disk.mapped_now, 8u);
    const auto found = read_all(*ring);
    EXPECT_EQ(found.seqs, seqs(ring->first_seq(), 1000));
    EXPECT_TRUE(found.identical);
    EXPECT_FALSE(ring->close_clean());
}

TEST(ring_test, a_full_disk_is_capacity_reached_early) {
    memory_world world;
    auto ring = open_ring(world);
    owing_from retention(1);
    ring->set_retention(&retention);
    publish_until(*ring, 50, big);
    world.disk.disk_bytes_max = world.disk.disk_bytes();
    while (retention.dropped.empty())
        ASSERT_TRUE(publish_next(*ring, big));
    EXPECT_EQ(ring->disk_full_count(), 1u);
    EXPECT_LT(ring->used_bytes(), ring->capacity_bytes());
    EXPECT_EQ(retention.dropped, seqs(1, ring->first_seq() - 1));
    publish_until(*ring, 200, big);
    EXPECT_GT(ring->disk_full_count(), 1u);
    EXPECT_EQ(read_all(*ring).seqs.size() + retention.dropped.size(), 200u);
    world.disk.disk_bytes_max = ~std::uint64_t{0};
    const auto dropped = retention.dropped.size();
    publish_until(*ring, 260, big);
    EXPECT_EQ(retention.dropped.size(), dropped);
}

TEST(ring_test, a_full_disk_with_nothing_to_free_gives_no_room) {
    memory_world world;
    auto ring = open_ring(world);
    owing_from retention(1);
    ring->set_retention(&retention);
    auto hold = ring->hold(1, ~seq_t{0});
    publish_until(*ring, 10, big);
    world.disk.disk_bytes_max = world.disk.disk_bytes();
    while (publish_next(*ring, big)) {
    }
    EXPECT_GT(ring->disk_full_count(), 0u);
    EXPECT_FALSE(ring->make_room(big)); // free capacity that can't be had does not count
    EXPECT_THAT(ring->refusal(), HasSubstr("cannot make another segment: No space left"));
    const seq_t last = ring->last_seq();
    EXPECT_EQ(read_all(*ring).seqs, seqs(1, last));
    world.disk.disk_bytes_max = ~std::uint64_t{0};
    EXPECT_TRUE(publish_next(*ring, big));
    EXPECT_EQ(read_all(*ring).seqs, seqs(1, last + 1));
}

} // namespace
} // namespace agent::test
