// A frame at every byte: what does not hold must never count.
#include "agent/ring/frame.hpp"
#include "agent/ring/header.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace agent {
namespace {

constexpr std::uint64_t generation = 0x1122334455667788;

class frames : public testing::Test {
protected:
    std::vector<std::uint64_t> words = std::vector<std::uint64_t>(1024);

    std::span<std::byte> bytes() { return std::as_writable_bytes(std::span(words)); }

    std::size_t put(std::size_t at, seq_t seq, std::string_view text, bool own = false) {
        std::memcpy(bytes().data() + at + frame_head_bytes, text.data(), text.size());
        return write_frame(bytes(), at, generation, seq, 9, own, text.size());
    }

    frame_state state_at(std::size_t at, std::uint64_t of = generation) {
        frame out;
        return read_frame(bytes(), at, of, false, out);
    }
};

TEST_F(frames, read_back_as_written) {
    const auto end = put(8, 77, "payload", true);
    EXPECT_EQ(end, 8 + frame_bytes(7));
    frame out;
    ASSERT_EQ(read_frame(bytes(), 8, generation, false, out), frame_state::whole);
    EXPECT_EQ(out.seq, 77u);
    EXPECT_EQ(out.session, 9u);
    EXPECT_TRUE(out.own);
    EXPECT_EQ(out.payload, "payload");
    EXPECT_EQ(out.end, end);
    EXPECT_EQ(state_at(end), frame_state::absent);
    EXPECT_EQ(state_at(8, generation + 1), frame_state::broken);
}

TEST_F(frames, any_changed_bit_of_what_counts_breaks_it) {
    const auto end = put(0, 5, "a payload of thirty-two bytes..!");
    for (std::size_t at = 0; at < end; ++at)
        for (int bit = 0; bit < 8; ++bit) {
            bytes()[at] ^= static_cast<std::byte>(1 << bit);
            ASSERT_EQ(state_at(0), frame_state::broken) << at << "." << bit;
            bytes()[at] ^= static_cast<std::byte>(1 << bit);
        }
    EXPECT_EQ(state_at(0), frame_state::whole);
}

TEST_F(frames, a_length_beyond_the_segment_is_broken) {
    put(0, 5, "text");
    const std::uint32_t length = 900'000;
    std::memcpy(bytes().data() + 4, &length, 4);
    EXPECT_EQ(state_at(0), frame_state::broken);
}

TEST_F(frames, are_found_again_behind_damage_but_only_the_right_ones) {
    const auto second = put(0, 5, "first");
    const auto third = put(second, 6, "second");
    put(third, 7, "third");
    bytes()[second + frame_head_bytes] ^= std::byte{1};
    const auto found = find_frame(bytes(), 8, generation, 5, 10);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->seq, 7u);
    EXPECT_EQ(found->begin, third);
    EXPECT_FALSE(find_frame(bytes(), 8, generation, 8, 10));
    EXPECT_FALSE(find_frame(bytes(), 8, generation, 1, 6));
    EXPECT_FALSE(find_frame(bytes(), 8, generation + 1, 1, 10));
}

TEST_F(frames, a_payload_that_holds_a_frame_of_another_life_fools_nobody) {
    put(0, 6, "old");
    std::string copied(reinterpret_cast<const char*>(bytes().data()), frame_bytes(3));
    const auto end = write_frame(bytes(), 512, generation, 5, 1, false, 0);
    std::memcpy(bytes().data() + end + frame_head_bytes, copied.data(), copied.size());
    write_frame(bytes(), end, generation + 1, 6, 1, false,
                copied.size()); // a frame of another generation around it
    // Bytes with 0xFF are no UTF-8: intakes refuse them. Were they there, this generation's own copy would be
    // found only by resynchronising, and only while its seq fits.
    EXPECT_EQ(state_at(end), frame_state::broken);
    const auto found = find_frame(bytes(), end, generation, 7, 100);
    EXPECT_FALSE(found);
}

TEST_F(frames, nothing_is_visible_before_the_last_store) {
    put(0, 1, "one");
    const auto at = frame_bytes(3);
    const auto before = words;
    put(at, 2, "the second one");
    const auto after = words;
    std::mt19937 random(1);
    for (int round = 0; round < 2000; ++round) { // any part of the stores but the last one
        words = before;
        for (std::size_t word = at / 8 + 1; word < words.size(); ++word)
            if (random() % 2 != 0)
                words[word] = after[word];
        ASSERT_EQ(state_at(0), frame_state::whole);
        ASSERT_EQ(state_at(at), frame_state::absent);
    }
}

TEST(ring_header_test, a_kill_at_any_store_of_a_part_leaves_what_was_before) {
    std::vector<std::uint64_t> words(ring_header_bytes / 8 + 8);
    const auto bytes = std::as_writable_bytes(std::span(words));
    const ring_identity identity{generation, 100};
    ring_identity found;
    EXPECT_EQ(read_identity(bytes, found), header_state::blank);
    write_header(bytes, identity, {});
    ASSERT_EQ(read_identity(bytes, found), header_state::whole);
    EXPECT_EQ(found.first_seq, 100u);
    EXPECT_EQ(found.generation, generation);
    EXPECT_FALSE(read_seal(bytes, identity));
    EXPECT_TRUE(read_gaps(bytes, identity).empty());

    ring_gaps gaps;
    seq_t from = 0;
    for (int turn = 1; turn < 6; ++turn) {
        const auto before = words;
        const auto gap_before = read_gaps(bytes, identity).at(5, 100);
        gaps = {};
        gaps.append(from = static_cast<seq_t>(turn),
                    turn % 2 != 0 ? gap_reason::capacity : gap_reason::machine_crash);
        write_gaps(bytes, identity, gaps);
        const auto after = words;
        std::vector<std::size_t> changed;
        for (std::size_t index = 0; index < words.size(); ++index)
            if (before[index] != after[index])
                changed.push_back(index);
        words = before;
        for (std::size_t through = 0; through + 1 < changed.size(); ++through) {
            words[changed[through]] = after[changed[through]];
            const auto gap = read_gaps(bytes, identity).at(5, 100);
            ASSERT_EQ(gap.reason, gap_before.reason);
        }
        words = after;
    }
    EXPECT_EQ(read_gaps(bytes, identity).ranges().front().from_seq, from);

    write_seal(bytes, identity, {250, 140, 4711});
    const auto seal = read_seal(bytes, identity);
    ASSERT_TRUE(seal);
    EXPECT_EQ(seal->last_seq, 250u);
    EXPECT_EQ(seal->producer_events, 140u);
    EXPECT_EQ(seal->end, 4711u);
    EXPECT_FALSE(read_seal(bytes, {generation + 1, 100})); // of the file's earlier life
    EXPECT_TRUE(read_gaps(bytes, {generation + 1, 100}).empty());

    for (std::size_t at = 0; at < 32; ++at) { // the other copy of the identity answers
        bytes[at] ^= std::byte{0x10};
        ASSERT_EQ(read_identity(bytes, found), header_state::whole);
        bytes[at] ^= std::byte{0x10};
    }
    bytes[9] ^= std::byte{1};
    bytes[3072 + 9] ^= std::byte{1};
    EXPECT_EQ(read_identity(bytes, found), header_state::broken);
    blank_header(bytes);
    EXPECT_EQ(read_identity(bytes, found), header_state::blank);
}

TEST(ring_gaps_test, ranges_merge_by_reason_and_are_bounded) {
    ring_gaps gaps;
    gaps.append(10, gap_reason::capacity);
    gaps.append(20, gap_reason::capacity);
    gaps.append(30, gap_reason::machine_crash);
    EXPECT_EQ(gaps.ranges().size(), 2u);
    EXPECT_EQ(gaps.at(1, 50).reason, gap_reason::damage); // covered by nothing
    EXPECT_EQ(gaps.at(1, 50).to_seq, 9u);
    EXPECT_EQ(gaps.at(15, 50).to_seq, 29u);
    EXPECT_EQ(gaps.at(15, 50).reason, gap_reason::capacity);
    EXPECT_EQ(gaps.at(30, 50).to_seq, 49u);
    EXPECT_EQ(gaps.at(49, 50).reason, gap_reason::machine_crash);
    for (seq_t from = 60; from < 90; ++from)
        gaps.append(from, from % 2 == 0 ? gap_reason::capacity : gap_reason::damage);
    EXPECT_EQ(gaps.ranges().size(), ring_gaps_max);
    EXPECT_EQ(gaps.ranges().front().from_seq, 10u);
    EXPECT_EQ(gaps.ranges().back().from_seq, 89u);
}

} // namespace
} // namespace agent
