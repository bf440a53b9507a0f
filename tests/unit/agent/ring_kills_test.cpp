// Killed at a call, and what the next life and the next machine make of it.
#include "support/machine_crash.hpp"
#include "support/ring_kit.hpp"

namespace agent::test {
namespace {

constexpr std::size_t half = 1'000'000; // two to a segment

struct killed_here {};

void die_at(memory_world& world, unsigned call) {
    world.disk.before_call = [left = call]() mutable {
        if (left-- == 0)
            throw killed_here();
    };
}

// Whether it was killed before it was done.
template <class Act>
bool killed_in(memory_world& world, unsigned call, Act act) {
    bool killed = false;
    die_at(world, call);
    try {
        act();
    } catch (const killed_here&) {
        killed = true;
    }
    world.disk.before_call = nullptr;
    return killed;
}

std::unique_ptr<memory_world> stopped_world() {
    auto world = std::make_unique<memory_world>();
    world->disk.forget_names();
    auto ring = open_ring(*world);
    publish_until(*ring, 3, half);
    EXPECT_FALSE(ring->close_clean());
    return world;
}

// The machine was restarted in order; the first start after it is killed. Nothing was lost.
TEST(ring_kills_test, a_start_on_another_boot_that_is_killed_is_no_machine_crash) {
    bool killed = true;
    for (unsigned call = 0; killed; ++call) {
        const auto world = stopped_world();
        world->boot = "boot-2";
        killed = killed_in(*world, call, [&] { open_ring(*world, options_of(), 50); });
        auto ring = open_ring(*world, options_of(), 50);
        ASSERT_FALSE(ring.recovery.machine_crash) << call;
        ASSERT_EQ(ring->next_seq(), 4u) << call;
    }
}

// The start that removed the clean mark was killed before that was certain; the next one publishes, and the
// machine dies. The mark that comes back must not give the numbers out again.
TEST(ring_kills_test, a_clean_mark_that_a_killed_start_removed_stays_removed) {
    for (const auto* boot : {"boot-1", "boot-2"}) {
        bool killed = true;
        for (unsigned call = 0; killed; ++call) {
            const auto world = stopped_world();
            world->boot = boot;
            killed = killed_in(*world, call, [&] { open_ring(*world, options_of(), 50); });
            publish_until(*open_ring(*world, options_of(), 50), 5, half);
            machine_dies(world->disk, {0, 1});
            world->boot = "boot-3";
            auto ring = open_ring(*world, options_of(), 50);
            ASSERT_EQ(ring->next_seq(), 51u) << boot << " " << call;
        }
    }
}

// Several segments go in one roll-over; killed at any of its calls, what went keeps its reason. With an older
// one held, they lie in the middle.
TEST(ring_kills_test, what_a_killed_roll_over_freed_went_for_capacity) {
    for (const bool with_hold : {false, true}) {
        bool killed = true;
        for (unsigned call = 0; killed; ++call) {
            memory_world world;
            {
                auto ring = open_ring(world, options_of(16 * mib, 0));
                owing_from retention(1);
                ring->set_retention(&retention);
                publish_until(*ring, 12, half);
                auto hold = with_hold ? ring->hold(1, 1) : nullptr;
                retention.first_owed = ~seq_t{0}; // S2 is back
                killed = killed_in(world, call, [&] { publish_until(*ring, 13, half); });
            }
            for (int life = 0; life < 2; ++life) { // the second one after more roll-overs
                auto ring = open_ring(world, options_of(16 * mib, 0));
                auto found = read_all(*ring);
                ASSERT_TRUE(found.identical);
                for (const auto& gap : found.gaps)
                    ASSERT_EQ(gap.reason, gap_reason::capacity) << call << " " << gap;
                publish_until(*ring, ring->last_seq() + 3, half);
            }
        }
    }
}

} // namespace
} // namespace agent::test
