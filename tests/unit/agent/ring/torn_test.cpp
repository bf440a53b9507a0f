// The newest segment cut at every byte of its frames, and every byte of each part of a header garbled.
#include "tests/unit/agent/support/ring_kit.hpp"

#include <cstring>

namespace agent::test {
namespace {

constexpr std::size_t half = 1'000'000; // two to a segment
constexpr std::size_t small = 16;
constexpr seq_t ceiling = 90;

// Three small envelopes in a segment; behind each of their bytes lie zeros, an older life's frames of the
// same size and place, or nothing.
class torn_ring : public testing::Test {
protected:
    memory_world world_;
    std::string older_; // the segment as another life had it: the same seqs, another generation

    torn_ring() {
        memory_world other(7);
        publish_until(*open_ring(other), 3, small);
        const auto raw = other.disk.bytes(segment_path(1));
        older_.assign(reinterpret_cast<const char*>(raw.data()), raw.size());
        publish_until(*open_ring(world_), 3, small);
    }

    static constexpr std::size_t frames_end = ring_header_bytes + 3 * frame_bytes(small);

    // What is whole before `at` is there; what is not is lost with the machine.
    void must_be_cut(memory_world& left, std::size_t at) {
        left.boot = "boot-2";
        auto ring = open_ring(left, options_of(), ceiling);
        const seq_t whole = (at - ring_header_bytes) / frame_bytes(small);
        const auto found = read_all(*ring);
        ASSERT_TRUE(ring.recovery.machine_crash) << at;
        ASSERT_TRUE(found.identical) << at;
        ASSERT_EQ(found.seqs, seqs(1, whole)) << at;
        ASSERT_EQ(found.gaps, (std::vector<ring_gap>{{whole + 1, ceiling, gap_reason::machine_crash}})) << at;
        ASSERT_TRUE(publish_next(*ring, small));
        ASSERT_EQ(read_all(*ring, ceiling + 1).seqs, seqs(ceiling + 1, ceiling + 1));
    }
};

TEST_F(torn_ring, zeros_from_any_byte_on) {
    for (std::size_t at = ring_header_bytes; at <= frames_end; ++at) {
        const auto left = killed(world_);
        const auto bytes = left->disk.bytes(segment_path(1));
        std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(), std::byte{0});
        must_be_cut(*left, at);
    }
}

TEST_F(torn_ring, an_older_lifes_frames_from_any_byte_on) {
    for (std::size_t at = ring_header_bytes; at <= frames_end; ++at) {
        const auto left = killed(world_);
        std::memcpy(left->disk.bytes(segment_path(1)).data() + at, older_.data() + at, older_.size() - at);
        // Lines that tell their seq are the same in both lives, so a payload is cut nowhere: its frame counts
        // as soon as its head is whole.
        const std::size_t within = (at - ring_header_bytes) % frame_bytes(small);
        must_be_cut(*left, within < frame_head_bytes ? at : at - within + frame_bytes(small));
    }
}

TEST_F(torn_ring, the_file_ends_at_any_byte) {
    for (std::size_t at = ring_header_bytes; at <= frames_end; ++at) {
        const auto left = killed(world_);
        left->disk.all.at(segment_path(1))->resize(at);
        must_be_cut(*left, at);
    }
}

// Each part of a header is there twice, or can be done without: one byte costs no envelope.
TEST(ring_torn_test, any_byte_of_a_header) {
    memory_world world;
    {
        auto ring = open_ring(world, options_of(4 * mib, 0));
        publish_until(*ring, 7, half); // segments from 5 and 7, with a gap before them
        ASSERT_EQ(ring->first_seq(), 5u);
    }

    struct part {
        std::size_t begin;
        std::size_t bytes;
    };

    for (const seq_t segment : {5u, 7u}) {
        for (const auto [begin, bytes] : {part{0, 32}, {512, 32}, {1024, 152}, {1536, 152}, {3072, 32}}) {
            for (std::size_t at = begin; at < begin + bytes; ++at) {
                const auto left = killed(world);
                left->disk.bytes(segment_path(segment))[at] ^= std::byte{0x41};
                auto ring = open_ring(*left, options_of(4 * mib, 0), ceiling);
                const auto found = read_all(*ring);
                ASSERT_TRUE(found.identical) << segment << " " << at;
                ASSERT_EQ(found.seqs, seqs(5, 7)) << segment << " " << at;
                ASSERT_EQ(ring->next_seq(), 8u) << segment << " " << at;
                ASSERT_EQ(found.gaps.size(), 1u);
                ASSERT_EQ(found.gaps[0].to_seq, 4u);
            }
        }
    }
}

} // namespace
} // namespace agent::test
