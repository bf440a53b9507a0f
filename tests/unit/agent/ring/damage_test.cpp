// Bytes that changed, pages that were lost, files that are gone: what is whole is yielded, the rest is a gap.
#include "tests/unit/agent/support/ring_kit.hpp"

#include <cstring>
#include <random>

namespace agent::test {
namespace {

constexpr std::size_t big = 100'000;

// Each byte of the last frames, flipped or zeroed: never a wrong envelope, never a lost earlier one.
TEST(ring_damage_test, torn_at_every_byte_of_the_last_frames) {
    memory_world world;
    std::size_t begin = 0;
    std::size_t end = 0;
    {
        auto ring = open_ring(world);
        publish_until(*ring, 4, 40);
        begin = ring_header_bytes + 2 * frame_bytes(40);
        end = ring_header_bytes + 4 * frame_bytes(40);
    }
    for (std::size_t at = begin; at < end + 8; ++at) {
        for (const bool zero : {true, false}) {
            const auto left = killed(world);
            auto bytes = left->disk.bytes(segment_path(1));
            const auto changed = zero ? std::byte{0} : bytes[at] ^ std::byte{0x20};
            if (changed == bytes[at])
                continue;
            bytes[at] = changed;
            auto ring = open_ring(*left, options_of(), 50);
            const auto found = read_all(*ring);
            ASSERT_TRUE(found.identical) << at;
            ASSERT_TRUE(ring.recovery.machine_crash) << at; // no kill leaves this
            ASSERT_EQ(ring->next_seq(), 51u);
            const bool third = at < begin + frame_bytes(40);
            const auto expected = at >= end ? std::vector<seq_t>{1, 2, 3, 4}
                                  : third   ? std::vector<seq_t>{1, 2, 4}
                                            : std::vector<seq_t>{1, 2, 3};
            ASSERT_EQ(found.seqs, expected) << at;
            ASSERT_TRUE(publish_next(*ring, 100));
            ASSERT_EQ(read_all(*ring, 51).seqs, seqs(51, 51));
        }
    }
}

TEST(ring_damage_test, random_pages_lost_with_the_machine) {
    memory_world world;
    {
        auto ring = open_ring(world);
        publish_until(*ring, 400, 9000);
    }
    std::mt19937 random(8);
    for (int round = 0; round < 40; ++round) {
        const auto left = killed(world);
        left->boot = "boot-2";
        for (auto& [name, one] : left->disk.all)
            for (std::size_t page = 4096; page + 4096 <= one->size; page += 4096)
                if (random() % 100 == 0)
                    std::memset(one->bytes().data() + page, 0, 4096);
        auto ring = open_ring(*left, options_of(), 1000);
        ASSERT_TRUE(ring.recovery.machine_crash);
        ASSERT_LE(ring.recovery.last_seq, 400u);
        const auto found = read_all(*ring);
        ASSERT_TRUE(found.identical);
        std::uint64_t missing = 0;
        for (const auto& gap : found.gaps)
            missing += gap.to_seq - gap.from_seq + 1;
        ASSERT_EQ(found.seqs.size() + missing, 1000u);
        ASSERT_GT(found.seqs.size(), 300u);
    }
}

TEST(ring_damage_test, damage_in_the_middle_yields_all_that_is_whole) {
    memory_world world;
    {
        auto ring = open_ring(world, options_of(16 * mib, 8 * mib));
        publish_until(*ring, 60, big);
    }
    const auto left = killed(world);
    const auto names = left->disk.names();
    auto bytes = left->disk.bytes("/ring/" + names[1]);
    const seq_t first = *parse_segment_name(names[1]);
    bytes[ring_header_bytes + 3 * frame_bytes(big) + 4] ^= std::byte{0xff}; // a length: the chain breaks
    bytes[ring_header_bytes + 7 * frame_bytes(big) + 99] ^= std::byte{1};
    auto ring = open_ring(*left, options_of(16 * mib, 8 * mib));
    EXPECT_FALSE(ring.recovery.machine_crash); // the newest is whole; older ones are checked as they are read
    for (int reader = 0; reader < 2; ++reader) {
        const auto found = read_all(*ring);
        EXPECT_TRUE(found.identical);
        EXPECT_EQ(found.gaps, (std::vector<ring_gap>{{first + 3, first + 3, gap_reason::damage},
                                                     {first + 7, first + 7, gap_reason::damage}}));
        EXPECT_EQ(found.seqs.size(), 58u);
    }
    EXPECT_EQ(ring->damaged_segments(), 1u);
    publish_until(*ring, 300, big); // freed, it is kept aside
    EXPECT_TRUE(left->disk.exists("/ring/" + names[1] + ".damaged"));
    EXPECT_TRUE(read_all(*ring, ring->first_seq()).gaps.empty());
    EXPECT_LE(ring->used_bytes(), ring->capacity_bytes());
}

TEST(ring_damage_test, a_header_that_does_not_hold_costs_its_segment_only) {
    memory_world world;
    {
        auto ring = open_ring(world, options_of(16 * mib, 8 * mib));
        publish_until(*ring, 60, big);
    }
    const auto names = world.disk.names();
    const seq_t second = *parse_segment_name(names[1]);
    const seq_t third = *parse_segment_name(names[2]);
    const auto left = killed(world);
    std::fill_n(left->disk.bytes("/ring/" + names[1]).begin(), 4096, std::byte{0x5a});
    auto ring = open_ring(*left, options_of(16 * mib, 8 * mib));
    const auto found = read_all(*ring);
    EXPECT_EQ(found.gaps, (std::vector<ring_gap>{{second, third - 1, gap_reason::damage}}));
    EXPECT_EQ(found.seqs.size() + third - second, 60u);
}

TEST(ring_damage_test, a_missing_and_a_short_file_in_the_middle) {
    memory_world world;
    {
        auto ring = open_ring(world, options_of(16 * mib, 8 * mib));
        publish_until(*ring, 70, big);
    }
    const auto names = world.disk.names();
    const seq_t second = *parse_segment_name(names[1]);
    const seq_t third = *parse_segment_name(names[2]);
    {
        const auto left = killed(world);
        left->disk.all.erase("/ring/" + names[1]);
        auto ring = open_ring(*left);
        EXPECT_EQ(read_all(*ring).gaps, (std::vector<ring_gap>{{second, third - 1, gap_reason::damage}}));
        publish_until(*ring, 300, big); // the hole is freed along with what lies around it
        EXPECT_TRUE(read_all(*ring, ring->first_seq()).gaps.empty());
    }
    {
        const auto left = killed(world);
        left->disk.all.at("/ring/" + names[1])->resize(mib);
        auto ring = open_ring(*left);
        const auto found = read_all(*ring);
        ASSERT_EQ(found.gaps.size(), 1u);
        EXPECT_EQ(found.gaps[0].from_seq, second + 10);
        EXPECT_EQ(found.gaps[0].to_seq, third - 1);
        EXPECT_TRUE(found.identical);
    }
    {
        const auto left = killed(world);
        left->disk.all.at("/ring/" + names[1])->resize(100);
        auto ring = open_ring(*left);
        EXPECT_EQ(ring.recovery.damaged_segments, 1u);
        EXPECT_EQ(ring.recovery.messages.size(), 1u);
        EXPECT_EQ(read_all(*ring).gaps, (std::vector<ring_gap>{{second, third - 1, gap_reason::damage}}));
    }
    {
        const auto left = killed(world); // gone while it runs
        auto ring = open_ring(*left);
        left->disk.all.erase("/ring/" + names[1]);
        EXPECT_EQ(read_all(*ring).gaps, (std::vector<ring_gap>{{second, third - 1, gap_reason::damage}}));
    }
}

TEST(ring_damage_test, a_newest_segment_without_a_header_is_kept_aside) {
    memory_world world;
    {
        auto ring = open_ring(world);
        publish_until(*ring, 30, big);
    }
    const auto left = killed(world);
    const auto newest = newest_segment(*left);
    std::fill_n(left->disk.bytes(newest).begin(), 4096, std::byte{0x5a});
    auto ring = open_ring(*left, options_of(), 500);
    EXPECT_TRUE(ring.recovery.machine_crash);
    EXPECT_EQ(ring.recovery.damaged_segments, 1u);
    EXPECT_TRUE(left->disk.exists(newest + ".damaged"));
    EXPECT_EQ(ring->next_seq(), 501u);
    const auto found = read_all(*ring);
    ASSERT_EQ(found.gaps.size(), 1u);
    EXPECT_EQ(found.gaps[0].reason, gap_reason::machine_crash);
    EXPECT_EQ(found.gaps[0].from_seq, ring.recovery.last_seq + 1);
}

TEST(ring_damage_test, a_shortage_of_mappings_is_no_damage) {
    memory_world world;
    {
        auto ring = open_ring(world, options_of(16 * mib, 8 * mib));
        publish_until(*ring, 60, big);
    }
    auto ring = open_ring(world, options_of(16 * mib, 8 * mib));
    ring_cursor cursor(*ring, 1);
    world.disk.mapping_fails = memory_files::error(EMFILE);
    EXPECT_TRUE(std::holds_alternative<ring_cursor::nothing>(cursor.next()));
    world.disk.mapping_fails = {};
    EXPECT_EQ(read_on(cursor).seqs, seqs(1, 60));
    EXPECT_EQ(ring->damaged_segments(), 0u);
}

TEST(ring_damage_test, a_clean_mark_tells_what_a_damaged_end_should_have_held) {
    memory_world world;
    {
        auto ring = open_ring(world);
        publish_until(*ring, 9, 40);
        ASSERT_FALSE(ring->close_clean());
    }
    {
        const auto left = killed(world);
        left->disk.bytes(segment_path(1))[ring_header_bytes + 8 * frame_bytes(40) + 30] ^= std::byte{1};
        auto ring = open_ring(*left, options_of(), 5000);
        EXPECT_TRUE(ring.recovery.clean);
        EXPECT_EQ(ring.recovery.last_seq, 8u);
        EXPECT_EQ(ring->next_seq(), 10u);
        EXPECT_EQ(read_all(*ring).gaps, (std::vector<ring_gap>{{9, 9, gap_reason::damage}}));
    }
    world.disk.all.erase(segment_path(1));
    auto ring = open_ring(world, options_of(), 5000);
    EXPECT_EQ(ring->next_seq(), 10u);
    EXPECT_EQ(read_all(*ring).gaps, (std::vector<ring_gap>{{1, 9, gap_reason::damage}}));
}

// The payload of each envelope holds the whole frame of the one before it, aligned as a frame is; then its
// own head is damaged, so that the search for the next frame runs over it.
TEST(ring_damage_test, an_envelope_that_holds_a_frame_fools_nobody) {
    memory_world world;
    std::vector<std::string> lines;
    {
        auto ring = open_ring(world);
        std::size_t at = ring_header_bytes;
        for (int count = 0; count < 5; ++count) {
            std::string line = "plain";
            if (count > 0) {
                const auto raw =
                    world.disk.bytes(segment_path(1)).subspan(at, frame_bytes(lines.back().size()));
                line.assign(reinterpret_cast<const char*>(raw.data()), raw.size());
                at += raw.size();
            }
            ASSERT_TRUE(publish(*ring, line));
            lines.push_back(line);
        }
    }
    std::size_t at = ring_header_bytes;
    for (seq_t damaged = 1; damaged <= 5; ++damaged) {
        const auto left = killed(world);
        left->disk.bytes(segment_path(1))[at + 4] ^= std::byte{1};
        at += frame_bytes(lines[damaged - 1].size());
        auto ring = open_ring(*left, options_of(), 100);
        ring_cursor cursor(*ring, 1);
        for (seq_t seq = 1; seq <= 5; ++seq) {
            const auto item = cursor.next();
            const auto* entry = std::get_if<ring_entry>(&item);
            if (seq == damaged) {
                ASSERT_TRUE(std::holds_alternative<ring_gap>(item));
                continue;
            }
            ASSERT_TRUE(entry != nullptr);
            ASSERT_EQ(entry->seq, seq);
            ASSERT_EQ(entry->line, lines[seq - 1]);
        }
    }
}

} // namespace
} // namespace agent::test
