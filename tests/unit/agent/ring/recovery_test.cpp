// Opening what an earlier agent left: stopped in order, killed, or dead with its machine.
#include "tests/unit/agent/support/ring_kit.hpp"

#include <random>

namespace agent::test {
namespace {

constexpr std::size_t big = 100'000;

std::size_t unsynced_files(memory_world& world) {
    std::size_t found = 0;
    for (const auto& [name, one] : world.disk.all) {
        const auto bytes = one->bytes();
        if (one->synced != std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()))
            ++found;
    }
    return found;
}

TEST(ring_recovery_test, goes_on_after_a_clean_stop_also_on_another_boot) {
    memory_world world;
    {
        auto ring = open_ring(world);
        publish_until(*ring, 30, big);
        ASSERT_FALSE(ring->close_clean());
        EXPECT_TRUE(ring->reserve(10).empty());
    }
    EXPECT_TRUE(world.disk.exists("/ring/clean"));
    EXPECT_EQ(unsynced_files(world), 0U);
    world.boot = "boot-2";
    auto ring = open_ring(world, options_of(), 5000);
    EXPECT_TRUE(ring.recovery.found);
    EXPECT_TRUE(ring.recovery.clean);
    EXPECT_FALSE(ring.recovery.machine_crash);
    EXPECT_EQ(ring.recovery.last_seq, 30u);
    EXPECT_EQ(ring->next_seq(), 31u);
    EXPECT_FALSE(world.disk.exists("/ring/clean"));
    publish_until(*ring, 60, big);
    const auto found = read_all(*ring);
    EXPECT_EQ(found.seqs, seqs(1, 60));
    EXPECT_TRUE(found.gaps.empty());
}

TEST(ring_recovery_test, synced_ahead_the_close_writes_only_what_came_since) {
    memory_world world;
    auto ring = open_ring(world);
    publish_until(*ring, 50, big);
    world.run(ring->sync_ahead());
    EXPECT_EQ(unsynced_files(world), 0U);
    publish_until(*ring, 51, big);
    EXPECT_EQ(unsynced_files(world), 1U);
    const auto before = world.disk.calls;
    ASSERT_FALSE(ring->close_clean());
    EXPECT_EQ(unsynced_files(world), 0U);
    EXPECT_EQ(world.disk.calls - before, 2U) << "the head, the mark";
}

TEST(ring_recovery_test, what_is_written_while_it_syncs_ahead_is_synced_at_the_close) {
    memory_world world;
    auto ring = open_ring(world);
    publish_until(*ring, 5, big);
    world.after_helper = [&] { publish_until(*ring, 6, big); };
    world.run(ring->sync_ahead());
    EXPECT_EQ(unsynced_files(world), 1U);
    ASSERT_FALSE(ring->close_clean());
    EXPECT_EQ(unsynced_files(world), 0U);
}

TEST(ring_recovery_test, a_disk_that_failed_ahead_of_the_close_leaves_no_clean_mark) {
    memory_world world;
    auto ring = open_ring(world);
    publish_until(*ring, 5, big);
    world.disk.sync_fails = memory_files::error(EIO);
    world.run(ring->sync_ahead());
    EXPECT_EQ(ring->close_clean(), memory_files::error(EIO));
    EXPECT_FALSE(world.disk.exists("/ring/clean"));
}

TEST(ring_recovery_test, an_empty_ring_reopens_empty) {
    memory_world world;
    {
        auto ring = open_ring(world);
    }
    {
        auto ring = open_ring(world);
        EXPECT_TRUE(ring.recovery.found);
        EXPECT_FALSE(ring.recovery.machine_crash);
        EXPECT_EQ(ring->next_seq(), 1u);
        EXPECT_EQ(ring.recovery.last_seq, 0u);
        ASSERT_FALSE(ring->close_clean());
    }
    auto ring = open_ring(world);
    EXPECT_TRUE(ring.recovery.clean);
    EXPECT_EQ(ring->next_seq(), 1u);
}

TEST(ring_recovery_test, a_killed_process_loses_nothing_it_accepted) {
    memory_world world;
    auto ring = open_ring(world);
    std::mt19937 random(4);
    for (int count = 1; count <= 60; ++count) {
        ASSERT_TRUE(publish_next(*ring, 20 + random() % 200'000));
        // Between reserve and commit, with a part of the next one's bytes in place.
        const auto room = ring->reserve(50'000);
        std::fill(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(random() % room.size()), 'x');
        const auto left = killed(world);
        auto next = open_ring(*left, options_of(), 100'000);
        ASSERT_FALSE(next.recovery.machine_crash);
        ASSERT_FALSE(next.recovery.clean);
        ASSERT_EQ(next.recovery.last_seq, ring->last_seq());
        ASSERT_EQ(next->next_seq(), ring->next_seq());
        ASSERT_TRUE(publish_next(*next, 100));
        const auto found = read_all(*next, next->first_seq());
        ASSERT_EQ(found.seqs, seqs(next->first_seq(), ring->last_seq() + 1));
        ASSERT_TRUE(found.identical);
    }
}

TEST(ring_recovery_test, a_kill_anywhere_in_a_roll_over_that_recycles) {
    memory_world world;
    auto ring = open_ring(world);
    owing_from retention(1);
    ring->set_retention(&retention);
    publish_until(*ring, 300, big);
    const seq_t first_before = ring->first_seq();
    seq_t last = ring->last_seq();
    while (ring->first_seq() == first_before) {
        last = ring->next_seq();
        ASSERT_TRUE(publish_next(*ring, big));
    }
    const seq_t next_first = ring->first_seq();

    // Between blanking the freed segment and renaming it: the name is still the old one, the header blank.
    memory_world blanked;
    blanked.disk.all = killed(world)->disk.all;
    const auto head = segment_path(last);
    ASSERT_TRUE(blanked.disk.exists(head));
    auto content = blanked.disk.all.at(head);
    blank_header(content->bytes());
    blanked.disk.all.erase(head);
    blanked.disk.all[segment_path(first_before)] = content;
    auto opened = open_ring(blanked);
    EXPECT_FALSE(opened.recovery.machine_crash);
    EXPECT_EQ(opened->next_seq(), last);
    auto found = read_all(*opened, first_before);
    EXPECT_EQ(found.gaps, (std::vector<ring_gap>{{first_before, next_first - 1, gap_reason::capacity}}));
    EXPECT_EQ(found.seqs, seqs(next_first, last - 1));
    publish_until(*opened, last + 100, big); // the spare is used up without harm
    EXPECT_TRUE(read_all(*opened, opened->first_seq()).gaps.empty());

    // Renamed, its new header not yet written.
    memory_world renamed;
    renamed.disk.all = killed(world)->disk.all;
    blank_header(renamed.disk.bytes(head));
    auto again = open_ring(renamed);
    EXPECT_FALSE(again.recovery.machine_crash);
    EXPECT_EQ(again->next_seq(), last);
    EXPECT_TRUE(publish_next(*again, big));
    found = read_all(*again, next_first);
    EXPECT_EQ(found.seqs, seqs(next_first, last));
    EXPECT_TRUE(found.gaps.empty());
    EXPECT_TRUE(found.identical);
}

TEST(ring_recovery_test, a_recycled_segment_shows_none_of_its_old_frames) {
    memory_world world;
    auto ring = open_ring(world);
    publish_until(*ring, 30'000, 1000); // many turns: the head has old frames behind its end
    const auto left = killed(world);
    auto next = open_ring(*left);
    EXPECT_FALSE(next.recovery.machine_crash);
    EXPECT_EQ(next.recovery.last_seq, 30'000u);
    const auto found = read_all(*next, next->first_seq());
    EXPECT_EQ(found.seqs, seqs(next->first_seq(), 30'000));
    EXPECT_TRUE(found.identical);

    // A dead machine kept the old header under the new name: all of it is another life's.
    memory_world dead;
    dead.boot = "boot-2";
    dead.disk.all = world.disk.copy();
    const auto newest = newest_segment(dead);
    ring_identity identity;
    ASSERT_EQ(read_identity(dead.disk.bytes(newest), identity), header_state::whole);
    write_header(dead.disk.bytes(newest), {identity.generation ^ 5, identity.first_seq - 500}, {});
    auto opened = open_ring(dead, options_of(), 40'000);
    EXPECT_TRUE(opened.recovery.machine_crash);
    EXPECT_EQ(opened.recovery.last_seq, identity.first_seq - 1);
    EXPECT_EQ(opened->next_seq(), 40'001u);
}

TEST(ring_recovery_test, numbering_goes_on_at_the_ceiling_after_a_machine_crash) {
    memory_world world;
    {
        auto ring = open_ring(world);
        publish_until(*ring, 30, big);
    }
    world.boot = "boot-2";
    for (int start = 0; start < 3; ++start) { // later starts find the same gap
        auto ring = open_ring(world, options_of(), 1000);
        EXPECT_EQ(ring.recovery.machine_crash, start == 0);
        EXPECT_EQ(ring.recovery.last_seq, 30u);
        EXPECT_EQ(ring->next_seq(), 1001u);
        const auto found = read_all(*ring);
        EXPECT_EQ(found.seqs, seqs(1, 30));
        EXPECT_EQ(found.gaps, (std::vector<ring_gap>{{31, 1000, gap_reason::machine_crash}}));
    }
    {
        auto ring = open_ring(world, options_of(), 2000);
        publish_until(*ring, 1010, big);
    }
    world.boot = "boot-3";
    auto ring = open_ring(world, options_of(), 2000);
    auto found = read_all(*ring);
    EXPECT_EQ(found.gaps, (std::vector<ring_gap>{{31, 1000, gap_reason::machine_crash},
                                                 {1011, 2000, gap_reason::machine_crash}}));
    publish_until(*ring, 2400, big);
    found = read_all(*ring, 31); // reasons stay apart when the segments around them have gone
    ASSERT_EQ(found.gaps.size(), 4u);
    EXPECT_EQ(found.gaps[0], (ring_gap{31, 1000, gap_reason::machine_crash}));
    EXPECT_EQ(found.gaps[1], (ring_gap{1001, 1010, gap_reason::capacity}));
    EXPECT_EQ(found.gaps[2], (ring_gap{1011, 2000, gap_reason::machine_crash}));
    EXPECT_EQ(found.gaps[3], (ring_gap{2001, ring->first_seq() - 1, gap_reason::capacity}));
}

TEST(ring_recovery_test, machine_crashes_in_a_row_keep_one_gap) {
    memory_world world;
    {
        auto ring = open_ring(world);
        publish_until(*ring, 5, 100);
    }
    for (int crash = 2; crash < 5; ++crash) {
        world.boot = "boot-" + std::to_string(crash);
        auto ring = open_ring(world, options_of(), static_cast<seq_t>(crash) * 1000);
        EXPECT_TRUE(ring.recovery.machine_crash);
        EXPECT_EQ(ring.recovery.last_seq, 5u);
        EXPECT_EQ(read_all(*ring).gaps,
                  (std::vector<ring_gap>{{6, static_cast<seq_t>(crash) * 1000, gap_reason::machine_crash}}));
        EXPECT_LE(ring->used_bytes(), 2 * ring_segment_bytes);
    }
}

TEST(ring_recovery_test, a_lost_ring_does_not_reuse_numbers) {
    memory_world world;
    auto ring = open_ring(world, options_of(), 700);
    EXPECT_TRUE(ring.recovery.machine_crash);
    EXPECT_EQ(ring->next_seq(), 701u);
    EXPECT_EQ(read_all(*ring).gaps, (std::vector<ring_gap>{{1, 700, gap_reason::machine_crash}}));
}

TEST(ring_recovery_test, a_clean_mark_behind_the_ring_is_of_an_earlier_stop) {
    memory_world world;
    {
        auto ring = open_ring(world);
        publish_until(*ring, 10, 100);
        ASSERT_FALSE(ring->close_clean());
    }
    const auto mark = world.disk.all.at("/ring/clean");
    {
        auto ring = open_ring(world);
        publish_until(*ring, 20, 100);
    }
    world.disk.all["/ring/clean"] = mark; // its removal was lost with the machine
    world.boot = "boot-2";
    auto ring = open_ring(world, options_of(), 100);
    EXPECT_FALSE(ring.recovery.clean);
    EXPECT_TRUE(ring.recovery.machine_crash);
    EXPECT_EQ(ring->next_seq(), 101u);
}

TEST(ring_recovery_test, foreign_files_are_left_alone) {
    memory_world world;
    for (const auto* name : {"/ring/README", "/ring/1.seg", "/ring/0000000000000000000x.seg", "/ring/lock",
                             "/ring/00000000000000000000.seg", "/ring/99999999999999999999.seg"})
        ASSERT_FALSE(world.disk.replace(name, "not ours", 0600));
    auto ring = open_ring(world);
    EXPECT_FALSE(ring.recovery.found);
    publish_until(*ring, 100, big);
    EXPECT_EQ(world.disk.read_all("/ring/1.seg", 100).value(), "not ours");
    EXPECT_EQ(world.disk.read_all("/ring/99999999999999999999.seg", 100).value(), "not ours");
}

// It does not grow, loses no more than one segment a roll-over, and shrinks to its capacity as S2 takes what is owed.
TEST(ring_recovery_test, a_smaller_capacity_costs_one_segment_a_roll_over) {
    memory_world world;
    owing_from retention(1);
    {
        auto ring = open_ring(world, options_of(64 * mib));
        ring->set_retention(&retention);
        publish_until(*ring, 500, big);
    }
    auto ring = open_ring(world, options_of(16 * mib));
    ring->set_retention(&retention);
    const auto used = ring->used_bytes();
    EXPECT_GT(used, 40 * mib);
    std::size_t dropped = 0;
    while (ring->last_seq() < 560) {
        const bool waits = !ring->make_room(big);
        ASSERT_TRUE(publish_next(*ring, big));
        ASSERT_EQ(waits, retention.dropped.size() > dropped);
        ASSERT_LE(retention.dropped.size(), dropped + 20); // of a segment
        dropped = retention.dropped.size();
    }
    EXPECT_EQ(ring->used_bytes(), used);
    EXPECT_EQ(retention.dropped, seqs(1, ring->first_seq() - 1));
    retention.first_owed = ~seq_t{0};
    publish_until(*ring, 700, big);
    EXPECT_LE(ring->used_bytes(), 16 * mib);
    EXPECT_EQ(retention.dropped.size(), dropped);
}

TEST(ring_recovery_test, a_hold_over_what_an_earlier_process_left) {
    memory_world world;
    {
        auto ring = open_ring(world, options_of(16 * mib, 8 * mib));
        publish_until(*ring, 60, big);
    }
    auto ring = open_ring(world);
    auto hold = ring->hold(3, 4);
    publish_until(*ring, 500, big);
    const auto found = read_all(*ring);
    EXPECT_EQ(found.seqs[2], 3u);
    ASSERT_EQ(found.gaps.size(), 1u);
    EXPECT_EQ(found.gaps[0].reason, gap_reason::capacity);
    hold.reset();
    ring.it.reset();
    auto again = open_ring(world); // the hole's reason is in the header
    EXPECT_EQ(read_all(*again).gaps, found.gaps);
}

} // namespace
} // namespace agent::test
