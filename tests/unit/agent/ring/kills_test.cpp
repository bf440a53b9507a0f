// Killed at a call, and what the next life and the next machine make of it.
#include "tests/unit/agent/support/machine_crash.hpp"
#include "tests/unit/agent/support/ring_kit.hpp"

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

// What a life that was killed while it recycled a segment leaves to the next.
struct left_by_recycling {
    std::vector<seq_t> told;  // as dropped
    std::vector<seq_t> found; // in the next life
    bool same_in_the_life_after = false;
    bool killed = false;
};

// Killed at a call of the roll-over, behind its rename too, or while it tells what is dropped.
left_by_recycling recycle_killed(unsigned call, bool full_disk, std::optional<seq_t> in_telling) {
    class telling final : public ring_retention {
    public:
        bool owed(seq_t, seq_t) const override { return true; }

        void letting_go(std::uint64_t, seq_t first, seq_t last) override {
            if (first == at)
                throw killed_here();
            for (seq_t seq = first; seq <= last; ++seq)
                told.push_back(seq);
        }

        std::vector<seq_t> told;
        seq_t at = 0;
    };

    memory_world world;
    left_by_recycling left;
    {
        auto ring = open_ring(world, options_of(8 * mib, 0));
        telling retention;
        retention.at = in_telling.value_or(0);
        ring->set_retention(&retention);
        publish_until(*ring, full_disk ? 6 : 8, half);
        if (full_disk)
            world.disk.disk_bytes_max = world.disk.disk_bytes();
        left.killed = killed_in(world, call, [&] { publish_next(*ring, half); });
        left.told = retention.told;
    }
    world.disk.disk_bytes_max = ~std::uint64_t{0};
    for (int life = 0; life < 2; ++life) {
        auto ring = open_ring(world, options_of(8 * mib, 0));
        EXPECT_FALSE(ring.recovery.machine_crash);
        const auto all = read_all(*ring);
        EXPECT_TRUE(all.identical);
        for (const auto& gap : all.gaps)
            EXPECT_EQ(gap.reason, gap_reason::capacity);
        left.same_in_the_life_after = all.seqs == left.found;
        left.found = all.seqs;
        EXPECT_LE(world.disk.disk_bytes(), 8 * mib + 4096);
    }
    return left;
}

// What is not there any more was told as dropped, and what is still there was not.
TEST(ring_kills_test, a_segment_that_is_being_recycled_is_there_or_told) {
    for (const bool full_disk : {false, true}) {
        int there = 0;
        int gone = 0;
        bool killed = true;
        for (unsigned call = 0; killed; ++call) {
            const auto left = recycle_killed(call, full_disk, std::nullopt);
            killed = left.killed;
            const bool is_there = !left.found.empty() && left.found.front() == 1;
            ++(is_there ? there : gone);
            ASSERT_EQ(left.told, is_there ? seqs(1, 0) : seqs(1, 2)) << call;
            ASSERT_EQ(left.found.front(), is_there ? 1u : 3u) << call;
            ASSERT_TRUE(left.same_in_the_life_after) << call;
        }
        EXPECT_GT(there, 1);
        EXPECT_GT(gone, 1);
        // Told, and none of that stored: it is given back whole.
        EXPECT_EQ(recycle_killed(~0u, full_disk, 1).found, seqs(1, full_disk ? 6 : 8));
    }
}

// The same with the machine: the rename is known to the disk, the new header is not. What the file held was told long
// before, and is not given back.
TEST(ring_kills_test, a_dead_machine_gives_back_nothing_that_was_recycled) {
    memory_world world;
    {
        auto ring = open_ring(world, options_of(8 * mib, 0));
        owing_from retention(1);
        ring->set_retention(&retention);
        publish_until(*ring, 8, half);
        const auto before = world.disk.bytes(segment_path(1));
        const std::vector<std::byte> old(before.begin(), before.end());
        ASSERT_TRUE(publish_next(*ring, half));
        const auto now = world.disk.bytes(segment_path(9));
        std::copy(old.begin(), old.end(), now.begin());
        ring_identity identity;
        ASSERT_EQ(read_identity(world.disk.bytes(segment_path(3)), identity), header_state::whole);
    }
    world.boot = "boot-2";
    auto ring = open_ring(world, options_of(8 * mib, 0), 50);
    EXPECT_TRUE(ring.recovery.machine_crash);
    const auto found = read_all(*ring);
    EXPECT_EQ(found.seqs, seqs(3, 8));
    EXPECT_EQ(found.gaps,
              (std::vector<ring_gap>{{1, 2, gap_reason::capacity}, {9, 50, gap_reason::machine_crash}}));
}

// Page by page: the seal of the segment before a machine crash is lost, and its last frame is damaged.
TEST(ring_kills_test, damage_before_a_machine_crash_ends_where_the_crash_begins) {
    memory_world world;
    {
        auto ring = open_ring(world, options_of(6 * mib, 0));
        publish_until(*ring, 2, half);
    }
    world.boot = "boot-2";
    {
        auto ring = open_ring(world, options_of(6 * mib, 0), 50);
        auto hold = ring->hold(1, 2);
        // As a roll-over killed before it blanks the first segment leaves it.
        ring_identity identity;
        const auto bytes = world.disk.bytes(segment_path(51));
        ASSERT_EQ(read_identity(bytes, identity), header_state::whole);
        ring_gaps gaps;
        gaps.append(1, gap_reason::capacity);
        gaps.append(3, gap_reason::machine_crash);
        write_gaps(bytes, identity, gaps);
    }
    auto first = world.disk.bytes(segment_path(1));
    std::fill_n(first.begin() + sector_bytes, sector_bytes, std::byte{0});
    first[ring_header_bytes + frame_bytes(half) + 100] ^= std::byte{1};
    auto ring = open_ring(world, options_of(6 * mib, 0), 50);
    EXPECT_EQ(read_all(*ring).gaps,
              (std::vector<ring_gap>{{2, 2, gap_reason::damage}, {3, 50, gap_reason::machine_crash}}));
}

// A segment whose header did not reach the disk, or another one's did, lies between the one that is freed and
// the next: its own loss is no capacity, and what lay before it keeps its reason, also for the next start.
TEST(ring_kills_test, a_segment_without_its_header_stays_damage_when_its_neighbour_goes) {
    for (const bool blank : {true, false}) {
        memory_world world;
        {
            auto ring = open_ring(world, options_of(16 * mib, 0));
            owing_from retention(1);
            ring->set_retention(&retention);
            publish_until(*ring, 4, half);
        }
        world.boot = "boot-2";
        open_ring(world, options_of(16 * mib, 0), 50);
        const auto bytes = world.disk.bytes(segment_path(3));
        if (blank)
            blank_header(bytes);
        else
            write_header(bytes, {1, 7}, {});
        const std::vector<ring_gap> expected{{3, 4, gap_reason::damage}, {5, 50, gap_reason::machine_crash}};
        {
            auto ring = open_ring(world, options_of(16 * mib, 0), 50);
            EXPECT_EQ(read_all(*ring).gaps, expected);
            auto hold = ring->hold(4, 4);
            publish_until(*ring, 53, half); // frees what lies before
        }
        for (int life = 0; life < 2; ++life) {
            auto ring = open_ring(world, options_of(16 * mib, 0), 50);
            const auto found = read_all(*ring);
            ASSERT_GE(found.gaps.size(), 3u);
            EXPECT_EQ(found.gaps[0], (ring_gap{1, 2, gap_reason::capacity}));
            EXPECT_EQ(found.gaps[1], expected[0]);
            EXPECT_EQ(found.gaps[2], expected[1]);
            publish_until(*ring, ring->last_seq() + 2, half);
        }
    }
}

} // namespace
} // namespace agent::test
