// What is counted is what a cursor would read, whoever wrote the segments and whatever befell them.
#include "tests/unit/agent/support/ring_kit.hpp"

namespace agent::test {
namespace {

constexpr std::size_t half = 1'000'000; // two to a segment

// Of one session or (0) of all, envelope by envelope.
ring_count counted_by_reading(ring& from, std::uint32_t session, seq_t first, seq_t last) {
    ring_count read;
    ring_cursor cursor(from, first);
    while (cursor.position() <= last) {
        const auto item = cursor.next();
        if (std::holds_alternative<ring_cursor::nothing>(item))
            break;
        const auto* entry = std::get_if<ring_entry>(&item);
        if (entry && !entry->own && (session == 0 || entry->session == session))
            read += {1, entry->line.size(), false};
    }
    return read;
}

void expect_as_read(ring& of) {
    const seq_t step = of.last_seq() / 23 + 1;
    for (std::uint32_t session = 0; session < 5; ++session)
        for (seq_t first = of.first_seq(); first <= of.last_seq(); first += step)
            for (seq_t last = first; last <= of.last_seq() + step; last += step) {
                const auto counted = of.count(session, first, last);
                ASSERT_EQ(counted.partial, false);
                ASSERT_EQ(counted, counted_by_reading(of, session, first, last))
                    << session << ": " << first << ".." << last;
            }
}

// Three sessions one after another, the agent's own events between theirs, and stretches of many sizes.
void publish_sessions(ring& to) {
    std::mt19937_64 dice(7);
    for (std::uint32_t round = 0; round < 8; ++round)
        for (int count = 0; count < 150; ++count) {
            const std::size_t bytes = count % 37 == 0 ? 150'000 : 200 + dice() % 9'000;
            ASSERT_TRUE(publish(to, line_of(to.next_seq(), bytes), round % 3 + 1, count % 11 == 0));
        }
}

TEST(ring_count_test, of_any_range_and_session) {
    memory_world world;
    auto ring = open_ring(world, options_of(64 * mib, 64 * mib));
    EXPECT_EQ(ring->count(0, 1, ~seq_t{0}), ring_count{});
    publish_sessions(*ring);
    ASSERT_GE(ring->used_bytes(), 5 * ring_segment_bytes);
    expect_as_read(*ring);
    const auto all = ring->count(0, 1, ~seq_t{0});
    auto each = ring->count(1, 1, ~seq_t{0});
    each += ring->count(2, 1, ~seq_t{0});
    each += ring->count(3, 1, ~seq_t{0});
    EXPECT_EQ(all, each);
    EXPECT_EQ(ring->count(4, 1, ~seq_t{0}), ring_count{});
    EXPECT_EQ(ring->count(0, 5, 4), ring_count{});
}

TEST(ring_count_test, of_what_an_earlier_process_left) {
    memory_world world;
    {
        auto ring = open_ring(world, options_of(64 * mib, 64 * mib));
        publish_sessions(*ring);
    }
    auto ring = open_ring(world, options_of(64 * mib, 64 * mib));
    expect_as_read(*ring);
    publish_sessions(*ring); // the head goes on
    expect_as_read(*ring);
}

// At most one stretch of a segment is read, and that only at both ends of the range.
TEST(ring_count_test, needs_no_mapping_where_whole_segments_are_counted) {
    memory_world world;
    auto ring = open_ring(world, options_of(64 * mib, 64 * mib));
    publish_until(*ring, 40, half);
    ring->owed_changed(); // nothing is: the head alone stays mapped
    ASSERT_EQ(world.disk.mapped_now, 1u);
    world.disk.mapping_fails = memory_files::error(EMFILE);
    EXPECT_EQ(ring->count(0, 1, ~seq_t{0}), (ring_count{40, 40 * half, false}));
    EXPECT_EQ(ring->count(1, 3, 38), (ring_count{36, 36 * half, false}));
    EXPECT_EQ(ring->count(1, 4, 4), (ring_count{1, half, false}))
        << "a large envelope is a stretch of its own";
}

TEST(ring_count_test, what_cant_be_read_for_now_is_said_and_tried_again) {
    memory_world world;
    {
        auto ring = open_ring(world, options_of(64 * mib, 64 * mib));
        publish_until(*ring, 8, half);
    }
    auto ring = open_ring(world, options_of(64 * mib, 64 * mib));
    world.disk.mapping_fails = memory_files::error(EMFILE);
    EXPECT_EQ(ring->count(1, 1, 8), (ring_count{2, 2 * half, true})); // the head's
    EXPECT_TRUE(ring->count(1, 3, 4).partial);
    EXPECT_FALSE(ring->generation_of(3));
    world.disk.mapping_fails = {};
    EXPECT_EQ(ring->count(1, 1, 8), (ring_count{8, 8 * half, false}));
    world.disk.mapping_fails = memory_files::error(EMFILE);
    EXPECT_EQ(ring->count(1, 1, 8), (ring_count{8, 8 * half, false}));
}

TEST(ring_count_test, a_stretch_that_cant_be_read_for_now) {
    memory_world world;
    auto ring = open_ring(world, options_of(64 * mib, 64 * mib));
    publish_until(*ring, 4'000, 1'000);
    ring->owed_changed();
    world.disk.mapping_fails = memory_files::error(EMFILE);
    const auto some = ring->count(1, 100, ~seq_t{0});
    EXPECT_TRUE(some.partial);
    EXPECT_GT(some.producer_events, 3'900u - 64u);
    EXPECT_LT(some.producer_events, 3'901u);
    world.disk.mapping_fails = {};
    EXPECT_EQ(ring->count(1, 100, ~seq_t{0}), (ring_count{3'901, 3'901'000, false}));
}

TEST(ring_count_test, damage_counts_as_nothing_and_shows) {
    memory_world world;
    {
        auto ring = open_ring(world, options_of(64 * mib, 64 * mib));
        publish_until(*ring, 8, half);
    }
    world.disk.bytes(segment_path(3))[ring_header_bytes + 100] ^= std::byte{1};
    auto ring = open_ring(world, options_of(64 * mib, 64 * mib));
    EXPECT_EQ(ring->damaged_segments(), 0u);
    EXPECT_EQ(ring->count(1, 1, 8), (ring_count{7, 7 * half, false}));
    EXPECT_EQ(ring->damaged_segments(), 1u);
    EXPECT_EQ(ring->count(1, 3, 3), ring_count{});
}

// Each segment that goes is told once, owed or not, while it still is counted.
TEST(ring_count_test, what_goes_is_told_once_and_still_counted) {
    for (const seq_t first_owed : {seq_t{1}, seq_t{30}, ~seq_t{0}}) {
        memory_world world;
        auto ring = open_ring(world, options_of(16 * mib, 4 * mib));
        owing_from retention(first_owed);
        retention.counted_in = &*ring;
        ring->set_retention(&retention);
        publish_until(*ring, 60, half);
        auto generations = retention.generations_gone;
        ASSERT_GE(generations.size(), 10u);
        std::sort(generations.begin(), generations.end());
        EXPECT_EQ(std::unique(generations.begin(), generations.end()), generations.end());
        auto all = retention.counts_gone;
        all += ring->count(0, 1, ~seq_t{0});
        EXPECT_EQ(all, (ring_count{60, 60 * half, false}));
    }
}

// What was told is gone, though its file can't be removed: nothing is counted twice, now or at the next start.
TEST(ring_count_test, a_file_that_stays_is_nobodys) {
    memory_world world;
    owing_from retention(1);
    {
        auto ring = open_ring(world, options_of(32 * mib, 2 * mib));
        ring->set_retention(&retention);
        publish_until(*ring, 20, half);
        retention.counted_in = &*ring;
        retention.first_owed = ~seq_t{0};
        world.disk.remove_fails = memory_files::error(EIO);
        publish_until(*ring, 22, half);
        ASSERT_GE(retention.generations_gone.size(), 2u);
        auto all = retention.counts_gone;
        all += ring->count(0, 1, ~seq_t{0});
        EXPECT_EQ(all, (ring_count{22, 22 * half, false}));
        EXPECT_EQ(ring->used_bytes(), 11 * ring_segment_bytes) << "it still takes its place";
    }
    world.disk.remove_fails = {};
    auto ring = open_ring(world, options_of(32 * mib, 2 * mib));
    auto all = retention.counts_gone;
    all += ring->count(0, 1, ~seq_t{0});
    EXPECT_EQ(all, (ring_count{22, 22 * half, false}));
}

// Killed after it was told, and before that is noted: it is found again, of the same generation.
TEST(ring_count_test, a_segment_that_was_only_told_is_found_again) {
    class dying final : public ring_retention {
    public:
        bool owed(seq_t, seq_t) const override { return true; }

        void letting_go(std::uint64_t generation, seq_t first, seq_t) override {
            told = {generation, first};
            throw std::runtime_error("killed");
        }

        std::pair<std::uint64_t, seq_t> told;
    };

    memory_world world;
    dying retention;
    {
        auto ring = open_ring(world, options_of(8 * mib, 0));
        ring->set_retention(&retention);
        publish_until(*ring, 8, half);
        EXPECT_THROW(publish_next(*ring, half), std::runtime_error);
    }
    auto ring = open_ring(world, options_of(8 * mib, 0));
    EXPECT_EQ(retention.told.second, 1u);
    EXPECT_EQ(ring->generation_of(1).value(), retention.told.first);
    EXPECT_EQ(ring->generation_of(2).value(), 0u) << "no segment begins there";
    EXPECT_EQ(ring->count(0, 1, ~seq_t{0}), (ring_count{8, 8 * half, false}));
    ring->set_retention(nullptr);
    ASSERT_TRUE(publish_next(*ring, half));
    EXPECT_EQ(ring->generation_of(1).value(), 0u);
}

} // namespace
} // namespace agent::test
