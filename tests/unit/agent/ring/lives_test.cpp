// Many lives of one state directory, drawn at random.
#include "tests/unit/agent/support/ring_kit.hpp"

#include <algorithm>
#include <random>

namespace agent::test {
namespace {

// A life at random: publishing, holding, acknowledging, stops, kills and machine crashes (which lose nothing
// here but the process, so that what must be there is known). Whatever happens, every seq is there unchanged
// or in a gap; what is held is there; what was dropped while owed was told.
TEST(ring_lives_test, random_lives) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
        std::mt19937_64 random(seed);
        memory_world world(seed);
        owing_from retention(1);
        auto ring = open_ring(world);
        ring->set_retention(&retention);
        std::unique_ptr<ring_hold> hold;
        std::vector<seq_t> held; // what was there when the hold began
        seq_t ceiling = 10'000;
        int boot = 1;
        for (int step = 0; step < 300; ++step) {
            const auto dice = random() % 100;
            if (dice < 80) {
                for (std::uint64_t count = random() % 12; count > 0; --count)
                    ASSERT_TRUE(publish_next(*ring, 20 + random() % 200'000));
            } else if (dice < 88) {
                const seq_t first = ring->first_seq() + random() % 20;
                hold = nullptr;
                held.clear();
                if (first <= ring->last_seq()) {
                    hold = ring->hold(first, std::min(ring->last_seq(), first + random() % 20));
                    for (const seq_t seq : read_all(*ring, first).seqs)
                        if (seq <= hold->last())
                            held.push_back(seq);
                }
            } else if (dice < 94) {
                retention.first_owed +=
                    random() % (ring->next_seq() - std::min(ring->next_seq() - 1, retention.first_owed));
            } else {
                hold = nullptr;
                held.clear();
                if (dice == 94)
                    world.boot = "boot-" + std::to_string(++boot);
                else if (dice < 97) {
                    ASSERT_FALSE(ring->close_clean());
                }
                const seq_t next = ring->next_seq();
                ring.it.reset();
                ceiling = std::max(ceiling, next + 100);
                ring = open_ring(world, options_of(), ceiling);
                ring->set_retention(&retention);
                ASSERT_EQ(ring->next_seq(), dice == 94 ? ceiling + 1 : next);
                ceiling = ring->next_seq() + 10'000;
            }
            if (step % 10 != 0)
                continue;
            const auto found = read_all(*ring);
            ASSERT_TRUE(found.identical) << seed;
            std::uint64_t missing = 0;
            for (const auto& gap : found.gaps) {
                ASSERT_NE(gap.reason, gap_reason::damage) << seed << " " << gap;
                missing += gap.to_seq - gap.from_seq + 1;
            }
            ASSERT_EQ(found.seqs.size() + missing, ring->last_seq());
            for (const seq_t seq : held)
                ASSERT_TRUE(std::binary_search(found.seqs.begin(), found.seqs.end(), seq));
            for (const seq_t gone : retention.dropped)
                ASSERT_FALSE(std::binary_search(found.seqs.begin(), found.seqs.end(), gone));
            ASSERT_LE(ring->used_bytes(), ring->capacity_bytes() + 2 * ring_segment_bytes);
            ASSERT_LE(world.disk.mapped_now, 14u);
        }
    }
}

} // namespace
} // namespace agent::test
