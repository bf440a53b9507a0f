// Claiming a stream and reading back what an earlier incarnation sent.
#include "tests/unit/s2/writer_kit.hpp"

namespace s2::test {
namespace {

using writer_claim_test = writer_test;

TEST_F(writer_claim_test, claims_a_new_stream_with_a_fence_at_its_tail) {
    writer one = fresh();
    expect(one, kind::check_tail);
    one.on_tail(0);
    expect(one, kind::store_memory);
    EXPECT_EQ(one.memory().tokens, std::vector<std::string>{"t1"});
    EXPECT_EQ(one.memory().first_tail, 0u);
    one.on_stored();
    expect_fence(one, 0, std::nullopt);
    one.on_fenced(0);
    expect(one, kind::store_memory);
    EXPECT_TRUE(one.memory().claimed);
    EXPECT_EQ(one.memory().durable, 1u);
    EXPECT_FALSE(one.appending()) << "not before the claim is stored";
    one.on_stored();
    EXPECT_TRUE(one.appending());
    EXPECT_EQ(one.out().next_seq_num(), 1u);
}

TEST_F(writer_claim_test, creates_a_missing_stream_once_the_append_says_so) {
    writer one = fresh();
    EXPECT_EQ(one.on_failure(api(404, "stream_not_found")), pause::none);
    one.on_stored();
    expect_fence(one, 0, std::nullopt);
    EXPECT_EQ(one.on_failure(api(404, "stream_not_found")), pause::none);
    expect(one, kind::create_stream);
    EXPECT_EQ(one.on_failure(api(409, "resource_already_exists")), pause::none)
        << "somebody was quicker: as good";
    expect_fence(one, 0, std::nullopt);
}

TEST_F(writer_claim_test, an_existing_stream_is_inspected_below_the_fence) {
    writer one = fresh();
    one.on_tail(7);
    one.on_stored();
    one.on_fenced(7);
    expect_read(one, 0, 7);
    one.on_page({data(0, "a"), data(1, "b"), data(2, "c"), data(3, "d"), data(4, "e"), data(5, "f"),
                 fence(6, "other")});
    expect(one, kind::store_memory);
    EXPECT_EQ(one.memory().durable, 8u);
}

TEST_F(writer_claim_test, an_envelope_of_the_session_below_a_first_fence_is_another_writer) {
    writer one = fresh();
    one.on_tail(2);
    one.on_stored();
    one.on_fenced(2);
    one.on_page({data(0, "a"), data(1, "theirs")});
    expect(one, kind::lost);
}

TEST_F(writer_claim_test, inspection_steps_back_over_commands_and_stops_where_records_are_gone) {
    writer one = fresh();
    one.on_tail(150);
    one.on_stored();
    one.on_fenced(150);
    expect_read(one, 50, 150);
    std::vector<sequenced_record> fences;
    for (std::uint64_t seq = 50; seq < 150; ++seq)
        fences.push_back(fence(seq, "x"));
    one.on_page(fences);
    expect_read(one, 0, 50);
    one.on_page({}); // trimmed away
    expect(one, kind::store_memory);
    EXPECT_TRUE(one.memory().claimed);
}

TEST_F(writer_claim_test, a_known_stream_is_fenced_under_its_own_token) {
    writer one = known(5);
    one.on_tail(5);
    one.on_stored();
    expect_fence(one, 5, "t0");
    one.on_fenced(5);
    expect(one, kind::store_memory);
    EXPECT_EQ(one.memory().tokens, std::vector<std::string>{"t1"}) << "an acknowledged fence empties the set";
}

TEST_F(writer_claim_test, a_mismatch_that_names_a_member_of_the_set_is_answered_under_that_member) {
    writer one = known(5, {"t0", "ta", "tb"});
    one.on_tail(6);
    one.on_stored();
    EXPECT_EQ(one.on_failure(token_mismatch("tb")), pause::none);
    expect_fence(one, 6, "tb");
}

TEST_F(writer_claim_test, a_foreign_or_cleared_token_is_another_writer) {
    for (const std::string token : {"foreign", ""}) {
        writer one = known(5);
        one.on_tail(5);
        one.on_stored();
        one.on_failure(token_mismatch(token));
        expect(one, kind::read);
        EXPECT_EQ(one.next().from, 5u) << "what an earlier incarnation sent may have landed";
        judge.ours = {"a", "b"};
        one.on_page({data(5, "a"), fence(6, token)});
        expect(one, kind::lost);
        EXPECT_EQ(judge.ours.size(), 1u);
        judge.ours.clear();
    }
}

TEST_F(writer_claim_test, a_first_claim_that_meets_a_token_has_nothing_to_read_back) {
    writer one = fresh();
    one.on_tail(0);
    one.on_stored();
    one.on_failure(token_mismatch("foreign"));
    expect(one, kind::lost);
}

TEST_F(writer_claim_test, our_session_anywhere_in_what_is_looked_at_below_the_claim_is_another_writers) {
    for (const bool newest : {true, false}) {
        writer one({}, "t1", judge);
        one.on_tail(2);
        one.on_stored();
        one.on_fenced(2);
        expect_read(one, 0, 2);
        one.on_page(newest ? std::vector{data(0, "a third's"), data(1, "theirs")}
                           : std::vector{data(0, "theirs"), data(1, "a third's")});
        expect(one, kind::lost);
    }
}

TEST_F(writer_claim_test, inspection_steps_back_to_what_is_older_than_our_sessions) {
    for (const auto& [oldest, outcome] : {std::pair("theirs", kind::lost), {"older", kind::store_memory}}) {
        writer one = fresh();
        one.on_tail(250);
        one.on_stored();
        one.on_fenced(250);
        for (const std::uint64_t from : {150, 50}) {
            expect_read(one, from, from + 100);
            std::vector<sequenced_record> others;
            for (std::uint64_t seq = from; seq < from + 100; ++seq)
                others.push_back(data(seq, seq == 50 ? oldest : "another session's"));
            one.on_page(others);
        }
        expect(one, outcome);
    }
}

TEST_F(writer_claim_test, an_own_fence_does_not_tell_that_its_claim_had_looked_below) {
    for (const auto& [below, outcome] :
         {std::pair("theirs", kind::lost), {"another session's", kind::read}}) {
        writer_memory cut_off;
        cut_off.tokens = {"t0"};
        cut_off.first_tail = 1;
        writer one(cut_off, "t1", judge);
        one.on_tail(2);
        one.on_stored();
        one.on_fenced(2);
        expect_read(one, 0, 1);
        one.on_page({data(0, below)});
        EXPECT_FALSE(one.memory().claimed);
        expect(one, outcome);
        if (outcome == kind::lost)
            continue;
        expect_read(one, 1, 2);
        one.on_page({fence(1, "t0")});
        expect(one, kind::store_memory);
    }
}

TEST_F(writer_claim_test, a_stream_shorter_than_acknowledged_is_lost_by_tail_and_by_mismatch) {
    writer by_tail = known(5);
    by_tail.on_tail(4);
    expect(by_tail, kind::lost);

    writer by_mismatch = known(5);
    by_mismatch.on_tail(5);
    by_mismatch.on_stored();
    by_mismatch.on_failure(seq_mismatch(3));
    expect(by_mismatch, kind::lost);
}

TEST_F(writer_claim_test, a_known_stream_that_is_gone_is_lost_and_never_created) {
    for (const auto& failure : {api(404, "stream_not_found"), api(409, "stream_deletion_pending")}) {
        writer one = known(5);
        one.on_failure(failure);
        expect(one, kind::lost);
    }
}

TEST_F(writer_claim_test, a_batch_that_landed_late_moves_the_fence) {
    writer one = known(5);
    one.on_tail(5);
    one.on_stored();
    EXPECT_EQ(one.on_failure(seq_mismatch(8)), pause::none);
    expect_fence(one, 8, "t0");
    one.on_fenced(8);
    expect_read(one, 5, 8);
    judge.ours = {"a", "b", "c"};
    one.on_page({data(5, "a")});
    expect_read(one, 6, 8);
    one.on_page({data(6, "b"), data(7, "c"), fence(8, "t1")});
    expect(one, kind::store_memory);
    EXPECT_EQ(one.memory().durable, 9u);
    EXPECT_TRUE(judge.ours.empty());
}

TEST_F(writer_claim_test, an_ambiguous_fence_is_repeated_and_recognised_by_its_token) {
    writer one = known(5);
    one.on_tail(5);
    one.on_stored();
    EXPECT_EQ(one.on_failure(lost_connection()), pause::back_off);
    expect_fence(one, 5, "t0");
    EXPECT_EQ(one.on_failure(token_mismatch("t1")), pause::none);
    expect(one, kind::store_memory);
    EXPECT_EQ(one.memory().durable, 6u);
}

TEST_F(writer_claim_test, the_own_candidate_standing_without_an_ambiguous_try_is_a_copy_of_this_agent) {
    writer one = known(5);
    one.on_tail(5);
    one.on_stored();
    one.on_failure(token_mismatch("t1"));
    expect(one, kind::read);
    one.on_page({fence(5, "t1"), data(6, "the copy's")});
    expect(one, kind::lost);
}

TEST_F(writer_claim_test, an_ambiguous_first_fence_is_looked_for_where_it_was_sent) {
    const auto looking = [this] {
        writer one = fresh();
        one.on_tail(0);
        one.on_stored();
        one.on_failure(lost_connection());
        one.on_failure(seq_mismatch(1));
        expect_read(one, 0, 1);
        return one;
    };
    writer landed = looking();
    landed.on_page({fence(0, "t1")});
    expect(landed, kind::store_memory);
    EXPECT_EQ(landed.memory().durable, 1u);

    for (const auto& other : {data(0, "somebody's"), fence(0, "somebody's")}) {
        writer taken = looking();
        taken.on_page({other});
        expect_fence(taken, 1, std::nullopt);
    }
}

TEST_F(writer_claim_test, a_claim_never_recorded_is_recovered_from_its_own_earlier_fence) {
    writer_memory memory;
    memory.tokens = {"t0"};
    memory.first_tail = 2;
    writer one(memory, "t1", judge);
    one.on_tail(6);
    EXPECT_EQ(one.memory().first_tail, 2u) << "the first attempt's tail is kept";
    one.on_stored();
    one.on_fenced(6);
    expect_read(one, 0, 2);
    one.on_page({data(0, "another session's"), data(1, "older")});
    expect_read(one, 2, 6);
    judge.ours = {"a", "b"};
    one.on_page({data(2, "stranger's, before our fence"), fence(3, "t0"), data(4, "a"), data(5, "b")});
    expect(one, kind::store_memory);
    EXPECT_TRUE(judge.ours.empty());
}

TEST_F(writer_claim_test, killed_between_two_pages_the_next_one_goes_on_behind_what_was_judged) {
    writer one = known(5);
    one.on_tail(8);
    one.on_stored();
    one.on_fenced(8);
    judge.ours = {"a", "b", "c"};
    one.on_page({data(5, "a"), data(6, "b")});
    EXPECT_EQ(one.memory().durable, 7u);
    writer next(one.memory(), "t2", judge);
    next.on_tail(9);
    next.on_stored();
    next.on_fenced(9);
    expect_read(next, 7, 9);
    next.on_page({data(7, "c"), fence(8, "t1")});
    expect(next, kind::store_memory);
}

TEST_F(writer_claim_test, killed_between_two_pages_of_a_claim_never_recorded) {
    writer_memory memory;
    memory.tokens = {"t0"};
    memory.first_tail = 2;
    writer one(memory, "t1", judge);
    one.on_tail(6);
    one.on_stored();
    one.on_fenced(6);
    one.on_page({data(0, "another session's"), data(1, "older")});
    one.on_page({data(2, "stranger's, before our fence")});
    EXPECT_FALSE(one.memory().claimed);
    judge.ours = {"a", "b"};
    one.on_page({fence(3, "t0"), data(4, "a")});
    writer next(one.memory(), "t2", judge);
    next.on_tail(7);
    next.on_stored();
    expect_fence(next, 7, "t0");
    next.on_failure(token_mismatch("t1"));
    expect_fence(next, 7, "t1");
    next.on_fenced(7);
    expect_read(next, 5, 7);
    next.on_page({data(5, "b"), fence(6, "t1")});
    expect(next, kind::store_memory);
}

TEST_F(writer_claim_test, killed_between_two_pages_after_a_412) {
    writer one = with_two_out();
    one.on_failure(seq_mismatch(3));
    judge.ours = {"a", "b"};
    one.on_page({data(1, "a")});
    EXPECT_EQ(one.memory().durable, 2u);
    EXPECT_EQ(judge.take_resolved(), 0u) << "a batch is resolved as a whole";
    one.on_page({data(2, "b")});
    EXPECT_EQ(judge.take_resolved(), 1u);
}

TEST_F(writer_claim_test, records_gone_where_recovery_must_read_are_another_writers) {
    writer one = known(5);
    one.on_tail(8);
    one.on_stored();
    one.on_fenced(8);
    judge.ours = {"a", "b"};
    one.on_page({data(6, "a"), data(7, "b")});
    expect(one, kind::lost);
}

TEST_F(writer_claim_test, a_foreign_record_in_recovery_is_lost_after_what_is_ours) {
    writer one = known(5);
    one.on_tail(8);
    one.on_stored();
    one.on_fenced(8);
    judge.ours = {"a", "b"};
    one.on_page({data(5, "a"), data(6, "x"), data(7, "b")});
    expect(one, kind::lost);
    EXPECT_EQ(judge.ours.size(), 1u) << "what stood before the foreign record was judged";
}

TEST_F(writer_claim_test, a_continuation_is_claimed_with_match_0_and_an_empty_token) {
    writer_memory memory;
    memory.empty_claim = true;
    writer one(memory, "t1", judge);
    expect(one, kind::store_memory);
    one.on_stored();
    expect_fence(one, 0, "");
    one.on_fenced(0);
    expect(one, kind::store_memory);
    EXPECT_EQ(one.memory().durable, 1u);
}

TEST_F(writer_claim_test, permissions_and_tokens_park_and_heal_where_they_were) {
    writer one = fresh();
    EXPECT_EQ(one.on_failure(api(401, "authn")), pause::park_sink);
    expect(one, kind::check_tail);
    EXPECT_EQ(one.on_failure(api(404, "basin_not_found")), pause::park_sink);
    one.on_tail(0);
    one.on_stored();
    EXPECT_EQ(one.on_failure(api(403, "permission_denied")), pause::park_stream);
    expect_fence(one, 0, std::nullopt);
}

TEST_F(writer_claim_test, the_set_of_own_tokens_is_bounded_and_keeps_the_acknowledged_one) {
    std::vector<std::string> tokens;
    for (std::size_t i = 0; i < own_tokens_max; ++i)
        tokens.push_back("t" + std::to_string(i));
    writer one = known(5, tokens, "new");
    EXPECT_EQ(one.memory().tokens.size(), own_tokens_max);
    EXPECT_EQ(one.memory().tokens.front(), "t0");
    EXPECT_EQ(one.memory().tokens.back(), "new");
}

} // namespace
} // namespace s2::test
