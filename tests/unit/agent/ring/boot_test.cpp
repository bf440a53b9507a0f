// Opening a ring where the boot has no identity, or the clean mark can't be seen.
#include "tests/unit/agent/support/ring_kit.hpp"

namespace agent::test {
namespace {

constexpr std::size_t big = 100'000;

// A sandbox hides the identity of the boot, during the one life, the other, or both: nothing then shows that
// the machine lived on.
struct hidden_boot {
    std::string before;
    std::string now;
};

std::ostream& operator<<(std::ostream& out, const hidden_boot& how) {
    return out << '"' << how.before << "\" then \"" << how.now << '"';
}

class ring_boot_hidden : public testing::TestWithParam<hidden_boot> {};

TEST_P(ring_boot_hidden, counts_as_a_machine_crash) {
    memory_world world;
    world.boot = GetParam().before;
    {
        auto ring = open_ring(world);
        publish_until(*ring, 30, big);
    }
    world.boot = GetParam().now;
    {
        auto ring = open_ring(world, options_of(), 1000);
        EXPECT_FALSE(ring.recovery.clean);
        EXPECT_TRUE(ring.recovery.machine_crash);
        EXPECT_TRUE(ring->after_machine_crash());
        EXPECT_EQ(ring.recovery.last_seq, 30u);
        EXPECT_EQ(ring->next_seq(), 1001u);
        const auto found = read_all(*ring);
        EXPECT_EQ(found.seqs, seqs(1, 30));
        EXPECT_EQ(found.gaps, (std::vector<ring_gap>{{31, 1000, gap_reason::machine_crash}}));
        publish_until(*ring, 1005, big);
    }
    // Where it is told now, a later life on this boot can count on it; where it is not, none ever can.
    auto ring = open_ring(world, options_of(), 3000);
    EXPECT_EQ(ring.recovery.machine_crash, world.boot.empty());
    EXPECT_EQ(ring->next_seq(), world.boot.empty() ? 3001u : 1006u);
}

TEST_P(ring_boot_hidden, goes_on_after_a_clean_stop) {
    memory_world world;
    world.boot = GetParam().before;
    {
        auto ring = open_ring(world);
        publish_until(*ring, 30, big);
        ASSERT_FALSE(ring->close_clean());
    }
    world.boot = GetParam().now;
    auto ring = open_ring(world, options_of(), 1000);
    EXPECT_TRUE(ring.recovery.clean);
    EXPECT_FALSE(ring.recovery.machine_crash);
    EXPECT_EQ(ring->next_seq(), 31u);
    EXPECT_TRUE(read_all(*ring).gaps.empty());
}

INSTANTIATE_TEST_SUITE_P(before_after_both, ring_boot_hidden,
                         testing::Values(hidden_boot{"", "boot-1"}, hidden_boot{"boot-1", ""},
                                         hidden_boot{"", ""}));

TEST(ring_boot_test, a_ring_that_was_never_written_is_no_machine_crash_without_a_boot_id) {
    memory_world world;
    world.boot.clear();
    auto ring = open_ring(world, options_of(), 0);
    EXPECT_FALSE(ring.recovery.found);
    EXPECT_FALSE(ring.recovery.machine_crash);
    EXPECT_EQ(ring->next_seq(), 1u);
}

// What a look at it fails on, a removal may not: left there, it would speak for a life that it knows nothing
// of.
TEST(ring_boot_test, a_clean_mark_that_can_not_be_seen_goes_too) {
    memory_world world;
    {
        auto ring = open_ring(world);
        publish_until(*ring, 10, 100);
        ASSERT_FALSE(ring->close_clean());
    }
    world.disk.unseen.insert("/ring/clean");
    auto ring = open_ring(world);
    EXPECT_FALSE(ring.recovery.machine_crash);
    EXPECT_EQ(ring->next_seq(), 11u);
    EXPECT_FALSE(world.disk.all.contains("/ring/clean"));
}

} // namespace
} // namespace agent::test
