// Readers of a live ring: overtaken, at every speed, going back.
#include "tests/unit/agent/support/ring_kit.hpp"

#include <random>

namespace agent::test {
namespace {

constexpr std::size_t big = 100'000;

TEST(ring_cursor_test, an_overtaken_cursor_meets_one_gap_and_goes_on) {
    memory_world world;
    auto ring = open_ring(world);
    publish_until(*ring, 10, big);
    ring_cursor slow(*ring, 1);
    for (int count = 0; count < 4; ++count)
        ASSERT_TRUE(std::holds_alternative<ring_entry>(slow.next()));
    publish_until(*ring, 500, big); // its segment was recycled meanwhile
    const auto item = slow.next();
    ASSERT_TRUE(std::holds_alternative<ring_gap>(item));
    EXPECT_EQ(std::get<ring_gap>(item), (ring_gap{5, ring->first_seq() - 1, gap_reason::capacity}));
    const auto found = read_on(slow);
    EXPECT_EQ(found.seqs, seqs(ring->first_seq(), 500));
    EXPECT_TRUE(found.gaps.empty());
    EXPECT_TRUE(found.identical);
}

TEST(ring_cursor_test, cursors_of_every_speed_account_for_every_envelope) {
    memory_world world;
    auto ring = open_ring(world);
    std::mt19937 random(11);

    struct reader {
        ring_cursor cursor;
        std::uint64_t pace;
        seq_t expected = 1;
    };

    std::vector<std::unique_ptr<reader>> readers;
    for (const std::uint64_t pace : {1, 3, 50, 700, 5000})
        readers.push_back(std::make_unique<reader>(reader{ring_cursor(*ring, 1), pace}));
    for (std::uint64_t count = 1; count <= 6000; ++count) {
        ASSERT_TRUE(publish_next(*ring, 20 + random() % 30'000));
        for (auto& one : readers) {
            if (count % one->pace != 0)
                continue;
            for (std::uint64_t step = 0; step < 1 + one->pace / 2; ++step) {
                const auto item = one->cursor.next();
                if (const auto* entry = std::get_if<ring_entry>(&item)) {
                    ASSERT_EQ(entry->seq, one->expected);
                    ASSERT_EQ(entry->line, line_of(entry->seq, entry->line.size()));
                    one->expected = entry->seq + 1;
                } else if (const auto* gap = std::get_if<ring_gap>(&item)) {
                    ASSERT_EQ(gap->from_seq, one->expected);
                    ASSERT_EQ(gap->reason, gap_reason::capacity);
                    one->expected = gap->to_seq + 1;
                } else {
                    break;
                }
            }
        }
    }
}

TEST(ring_cursor_test, seek_goes_both_ways) {
    memory_world world;
    auto ring = open_ring(world);
    publish_until(*ring, 60, big);
    ring_cursor cursor(*ring, ring->first_seq());
    for (const seq_t seq : {60u, 41u, 59u, 42u, 55u, 43u}) {
        cursor.seek(seq);
        EXPECT_EQ(cursor.position(), seq);
        const auto item = cursor.next();
        ASSERT_TRUE(std::holds_alternative<ring_entry>(item)) << seq;
        EXPECT_EQ(std::get<ring_entry>(item).line, line_of(seq, big));
    }
    cursor.seek(100);
    EXPECT_TRUE(std::holds_alternative<ring_cursor::nothing>(cursor.next()));
}

} // namespace
} // namespace agent::test
