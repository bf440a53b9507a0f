// What a mismatch in the answer to a fence means.
#include "tests/unit/s2/writer_kit.hpp"

namespace s2::test {
namespace {

using answer = fence_claim::answer;

struct fence_claim_test : testing::Test {
    writer_memory memory;
    fence_claim claim{"t1"};

    fence_claim_test() {
        memory.tokens = {"t0", "t1"};
        memory.claimed = true;
        memory.durable = 5;
        claim.aim_at(7);
    }

    answer after(const error& failure) { return claim.on_mismatch(failure, memory); }
};

TEST_F(fence_claim_test, a_token_is_ours_another_writers_or_proof_that_it_stands) {
    EXPECT_EQ(after(token_mismatch("t0")), answer::again);
    EXPECT_EQ(claim.condition(), "t0");
    EXPECT_EQ(after(token_mismatch("other")), answer::foreign);
    EXPECT_EQ(after(token_mismatch("")), answer::foreign);
    EXPECT_EQ(after(token_mismatch("t1")), answer::foreign) << "it was never on its way: a copy's";
    claim.may_have_landed();
    EXPECT_EQ(after(token_mismatch("t1")), answer::stands);
    EXPECT_EQ(claim.condition(), "t0");
}

TEST_F(fence_claim_test, a_tail_is_where_it_is_sent_next_unless_a_copy_may_stand_below) {
    EXPECT_EQ(after(seq_mismatch(9)), answer::again);
    EXPECT_EQ(claim.match(), 9u);
    claim.may_have_landed();
    EXPECT_EQ(after(seq_mismatch(9)), answer::again) << "nothing stands there";
    EXPECT_EQ(after(seq_mismatch(10)), answer::look);
    EXPECT_EQ(claim.match(), 9u) << "there it may stand";
    claim.cannot_land();
    EXPECT_EQ(after(seq_mismatch(10)), answer::again);
}

TEST_F(fence_claim_test, a_stream_that_has_become_shorter) {
    EXPECT_EQ(after(seq_mismatch(5)), answer::again);
    EXPECT_EQ(after(seq_mismatch(4)), answer::shorter);
    memory.claimed = false;
    memory.first_tail = 4;
    EXPECT_EQ(after(seq_mismatch(4)), answer::again);
    EXPECT_EQ(after(seq_mismatch(3)), answer::store);
    EXPECT_EQ(memory.first_tail, 3u);
    EXPECT_EQ(claim.match(), 3u);
}

TEST_F(fence_claim_test, every_eighth_mismatch_in_a_row_backs_off) {
    for (int i = 1; i <= 16; ++i) {
        after(seq_mismatch(9));
        EXPECT_EQ(claim.backs_off(), i % 8 == 0) << i;
    }
}

} // namespace
} // namespace s2::test
