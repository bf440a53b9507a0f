// What a ring does where something runs short: only a full disk makes it give anything up, and of that one segment a
// roll-over; for want of anything else it refuses, and what is there stays as it is, byte for byte.
#include "tests/unit/agent/support/ring_kit.hpp"

#include <gmock/gmock.h>

namespace agent::test {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t half = 1'000'000; // two to a segment

struct short_of {
    const char* what;
    int code;
    std::function<void(memory_files&, net::error_code)> set;
    bool of_new_files = false; // only: at the capacity none is needed
};

// Of segments, by name and content.
std::map<std::string, std::string> content_of(const memory_world& world) {
    std::map<std::string, std::string> all;
    for (const auto& [name, one] : world.disk.all) {
        const auto raw = one->bytes();
        all[name].assign(reinterpret_cast<const char*>(raw.data()), raw.size());
    }
    return all;
}

void set_new(memory_files& disk, net::error_code how) {
    disk.create_fails = how;
}

void set_all(memory_files& disk, net::error_code how) {
    disk.create_fails = disk.mapping_fails = disk.names_fail = how;
}

const short_of shortages[] = {
    {"too many open files", EMFILE, set_all},
    {"too many for a new one", EMFILE, set_new, true},
    {"no memory to map a new one", ENOMEM, set_new, true},
    {"a new one may not be made", EROFS, set_new, true},
    {"a new one is too large", EFBIG, set_new, true},
    {"a new one breaks the disk", EIO, set_new, true},
    {"too many open files in the system", ENFILE, set_all},
    {"no memory to map", ENOMEM, set_all},
    {"a directory that may not be changed", EACCES, set_all},
    {"an immutable directory", EPERM, set_all},
    {"a read-only file system", EROFS, set_all},
    {"a broken disk", EIO, set_all},
    {"a limit on the size of files", EFBIG, set_all},
    {"names that can't be changed", EIO,
     [](memory_files& disk, net::error_code how) { disk.names_fail = disk.create_fails = how; }},
};

// Half full, with S2 away, and at the capacity; all of it owed, or what is oldest delivered and within the live history.
TEST(ring_shortage, costs_nothing_of_what_is_there) {
    for (const auto& shortage : shortages)
        for (const bool at_capacity : {false, true})
            for (const bool some_delivered : {false, true}) {
                if (at_capacity && shortage.of_new_files)
                    continue;
                SCOPED_TRACE(shortage.what);
                memory_world world;
                auto ring = open_ring(world, options_of(16 * mib, 8 * mib));
                owing_from retention(1);
                ring->set_retention(&retention);
                const seq_t last = at_capacity ? 16 : 8;
                publish_until(*ring, last, half);
                retention.first_owed = some_delivered ? 4 : 1;
                const auto before = content_of(world);
                shortage.set(world.disk, memory_files::error(shortage.code));
                for (int count = 0; count < 20; ++count) {
                    ASSERT_FALSE(publish_next(*ring, half));
                    ASSERT_THAT(ring->refusal(), HasSubstr(memory_files::error(shortage.code).message()));
                    ASSERT_EQ(ring->look_again_at(), world.now() + ring_look_again_after);
                    ASSERT_FALSE(ring->make_room(half));
                    // Who can wait for S2 at the capacity does not even try.
                    const bool for_s2 = at_capacity && !some_delivered;
                    ASSERT_EQ(ring->look_again_at() == net::never, for_s2);
                }
                ASSERT_EQ(content_of(world), before);
                ASSERT_TRUE(retention.dropped.empty());
                ASSERT_EQ(ring->disk_full_count(), 0u);
                ASSERT_TRUE(publish_next(*ring, 20)); // a smaller one still fits
                shortage.set(world.disk, {});
                ASSERT_EQ(read_all(*ring).seqs, seqs(1, last + 1));
                ASSERT_TRUE(publish_next(*ring, half));
                ASSERT_TRUE(ring->refusal().empty());
                // At the capacity the one place that is needed, and no more.
                ASSERT_EQ(ring->first_seq(), at_capacity ? 3u : 1u);
                ASSERT_EQ(retention.dropped, at_capacity && !some_delivered ? seqs(1, 2) : seqs(1, 0));
            }
}

TEST(ring_shortage, in_memory_too) {
    memory_world world;
    auto ring = open_ring(world, {{}, 16 * mib, 2 * mib});
    owing_from retention(1);
    ring->set_retention(&retention);
    publish_until(*ring, 8, half);
    world.disk.create_fails = memory_files::error(ENOMEM);
    EXPECT_FALSE(publish_next(*ring, half));
    EXPECT_EQ(read_all(*ring).seqs, seqs(1, 8));
    world.disk.create_fails = {};
    publish_until(*ring, 16, half);
    EXPECT_TRUE(retention.dropped.empty());
}

// Each by itself: the victim's mapping, its new name, the new file.
TEST(ring_shortage, a_victim_that_can_not_be_mapped_or_renamed_stays) {
    for (const bool mapping : {false, true})
        for (const bool delivered : {false, true}) {
            memory_world world;
            auto ring = open_ring(world, options_of(16 * mib, 2 * mib));
            owing_from retention(1);
            ring->set_retention(&retention);
            publish_until(*ring, 16, half);
            retention.first_owed = delivered ? ~seq_t{0} : 1;
            if (delivered)
                ring->owed_changed(); // lets the mappings go
            (mapping ? world.disk.mapping_fails : world.disk.rename_fails) = memory_files::error(ENOMEM);
            const auto before = content_of(world);
            ASSERT_FALSE(publish_next(*ring, half));
            ASSERT_EQ(content_of(world), before);
            ASSERT_TRUE(retention.dropped.empty());
            ASSERT_THAT(ring->refusal(), HasSubstr("cannot recycle a segment: Cannot allocate memory"));
            world.disk.mapping_fails = world.disk.rename_fails = {};
            ASSERT_EQ(read_all(*ring).seqs, seqs(1, 16));
            ASSERT_TRUE(publish_next(*ring, half));
        }
}

// What was settled and can't be removed takes its place, no more; publishing goes on.
TEST(ring_shortage, what_can_not_be_removed_only_takes_its_place) {
    memory_world world;
    auto ring = open_ring(world, options_of(32 * mib, 2 * mib));
    owing_from retention(1);
    ring->set_retention(&retention);
    publish_until(*ring, 20, half);
    retention.first_owed = 17;
    world.disk.remove_fails = memory_files::error(EROFS);
    publish_until(*ring, 60, half);
    EXPECT_LE(world.disk.disk_bytes(), 32 * mib + 4096);
    EXPECT_EQ(ring->used_bytes() + 4096 > world.disk.disk_bytes(), true);
    EXPECT_EQ(retention.dropped, seqs(17, ring->first_seq() - 1));
    const auto found = read_all(*ring, ring->first_seq());
    EXPECT_EQ(found.seqs, seqs(ring->first_seq(), 60));
    EXPECT_TRUE(found.identical);
    retention.first_owed = ~seq_t{0};
    world.disk.remove_fails = {};
    publish_until(*ring, 90, half);
    EXPECT_LE(ring->used_bytes(), 6 * mib);
}

// The oldest delivered one, though it be live history; then the oldest that is owed and not held; one each time.
TEST(ring_shortage, a_full_disk_recycles_one_segment_a_roll_over) {
    for (const int code : {ENOSPC, EDQUOT}) {
        memory_world world;
        auto ring = open_ring(world, options_of(64 * mib, 16 * mib));
        owing_from retention(1);
        ring->set_retention(&retention);
        publish_until(*ring, 12, half);
        auto hold = ring->hold(5, 6);
        retention.first_owed = 5; // 1..4 lie within the live history
        world.disk.create_fails = memory_files::error(code);
        const auto files = world.disk.names();
        const auto publish_two = [&] { publish_until(*ring, ring->last_seq() + 2, half); };
        const auto went = [&] {
            std::vector<seq_t> gone;
            for (const auto& gap : read_all(*ring).gaps)
                for (seq_t seq = gap.from_seq; seq <= gap.to_seq; ++seq)
                    gone.push_back(seq);
            return gone;
        };
        publish_two();
        ASSERT_EQ(went(), seqs(1, 2));
        publish_two();
        ASSERT_EQ(went(), seqs(1, 4));
        ASSERT_TRUE(retention.dropped.empty());
        ASSERT_FALSE(ring->make_room(half)); // who can wait, waits
        publish_two();
        ASSERT_EQ(retention.dropped, seqs(7, 8)); // the one before is held
        publish_two();
        ASSERT_EQ(retention.dropped, seqs(7, 10));
        ASSERT_EQ(ring->disk_full_count(), 5u); // each roll-over and look
        ASSERT_EQ(world.disk.names().size(), files.size());
        const auto kept = seqs(5, 6);
        const auto found = read_all(*ring).seqs;
        ASSERT_TRUE(std::includes(found.begin(), found.end(), kept.begin(), kept.end()));
        ASSERT_EQ(found.size() + retention.dropped.size() + 4, ring->last_seq());

        world.disk.create_fails = {}; // space again
        publish_until(*ring, ring->last_seq() + 20, half);
        ASSERT_EQ(retention.dropped, seqs(7, 10));
        hold.reset();
    }
}

TEST(ring_shortage, a_full_disk_with_all_of_it_held_refuses) {
    memory_world world;
    auto ring = open_ring(world);
    auto hold = ring->hold(1, ~seq_t{0});
    publish_until(*ring, 8, half);
    world.disk.disk_bytes_max = world.disk.disk_bytes();
    const auto before = content_of(world);
    ASSERT_FALSE(publish_next(*ring, half));
    EXPECT_EQ(content_of(world), before);
    EXPECT_THAT(ring->refusal(), HasSubstr("No space left on device"));
    hold->shrink_from(3);
    EXPECT_TRUE(publish_next(*ring, half));
    EXPECT_EQ(read_all(*ring).seqs, seqs(3, 9));
}

// At its capacity, all of it owed, and the oldest segment is damaged.
auto full_with_a_damaged_victim(memory_world& world, owing_from& retention) {
    auto ring = open_ring(world, options_of(8 * mib, 2 * mib));
    ring->set_retention(&retention);
    publish_until(*ring, 8, half);
    ring.it.reset();
    world.disk.bytes(segment_path(1))[ring_header_bytes + 100] ^= std::byte{1};
    ring = open_ring(world, options_of(8 * mib, 2 * mib));
    ring->set_retention(&retention);
    return ring;
}

// A damaged one is kept aside where the disk has the place; where it has none, recycled like any other; and where no
// other file can be had, it stays.
TEST(ring_shortage, a_damaged_victim) {
    for (const int code : {0, ENOSPC, EMFILE}) {
        memory_world world;
        owing_from retention(1);
        auto ring = full_with_a_damaged_victim(world, retention);
        if (code != 0)
            world.disk.create_fails = memory_files::error(code);
        retention.counted_in = &*ring;
        const bool had_room = publish_next(*ring, half);
        EXPECT_EQ(had_room, code != EMFILE);
        EXPECT_EQ(world.disk.exists(segment_path(1)), code == EMFILE);
        EXPECT_EQ(world.disk.exists(segment_path(1) + ".damaged"), code == 0);
        EXPECT_EQ(retention.dropped, code == EMFILE ? seqs(1, 0) : seqs(1, 2));
        EXPECT_EQ(retention.counts_gone.producer_events, code == EMFILE ? 0u : 1u); // of it, what is whole
        EXPECT_EQ(ring->damaged_segments(), 1u);
    }
}

// A file beside it that could not be removed must never cost what has its name by then.
TEST(ring_shortage, a_name_that_is_taken_costs_nothing) {
    memory_world world;
    owing_from retention(1);
    auto ring = full_with_a_damaged_victim(world, retention);
    world.disk.names_fail = memory_files::error(EIO); // the new file stays, and is of no use
    EXPECT_FALSE(publish_next(*ring, half));
    EXPECT_FALSE(publish_next(*ring, half));
    EXPECT_TRUE(retention.dropped.empty());
    EXPECT_LE(world.disk.disk_bytes(), 10 * mib + 4096);
    world.disk.names_fail = {};
    publish_until(*ring, 30, half);
    const auto found = read_all(*ring, ring->first_seq());
    EXPECT_EQ(found.seqs, seqs(ring->first_seq(), 30));
    EXPECT_LE(ring->used_bytes(), 8 * mib);
}

} // namespace
} // namespace agent::test
