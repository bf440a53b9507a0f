#include "s2/writer.hpp"

#include <gtest/gtest.h>

namespace s2 {
namespace {

using kind = writer_action::kind;
using pause = writer::pause;

// Judges by a script of the bodies that are ours, in order.
class scripted_judge final : public record_judge {
public:
    std::deque<std::string> ours;
    std::string foreign_session = "theirs";

    bool is_ours(const sequenced_record& record) override {
        if (ours.empty() || ours.front() != record.body)
            return false;
        ours.pop_front();
        return true;
    }

    bool shows_another_writer(const sequenced_record& record) override {
        return record.body == foreign_session;
    }
};

sequenced_record data(std::uint64_t seq, std::string body) {
    return {seq, 1, {}, std::move(body)};
}

sequenced_record fence(std::uint64_t seq, std::string token) {
    return {seq, 1, {{"", "fence"}}, std::move(token)};
}

error lost_connection() {
    return error::from_transport(boost::asio::error::connection_reset, true);
}

error seq_mismatch(std::uint64_t tail) {
    return error::from_response(412, R"({"seq_num_mismatch":)" + std::to_string(tail) + "}");
}

error token_mismatch(const std::string& token) {
    return error::from_response(412, R"({"fencing_token_mismatch":")" + token + "\"}");
}

error api(unsigned status, const std::string& code) {
    return error::from_response(status, R"({"code":")" + code + R"(","message":"m"})");
}

append_ack ack(std::uint64_t start, std::uint64_t end) {
    return {{start, 1}, {end, 1}, {end, 1}};
}

struct writer_test : testing::Test {
    scripted_judge judge;

    writer fresh(std::string token = "t1") { return {writer_memory{}, std::move(token), judge}; }

    // A stream that has been claimed before, durable up to `durable`.
    writer known(std::uint64_t durable, std::vector<std::string> tokens = {"t0"}, std::string token = "t1") {
        writer_memory memory;
        memory.claimed = true;
        memory.durable = durable;
        memory.tokens = std::move(tokens);
        return {memory, std::move(token), judge};
    }

    void expect(const writer& of, kind what) {
        EXPECT_EQ(static_cast<int>(of.next().what), static_cast<int>(what));
    }

    void expect_fence(const writer& of, std::uint64_t match, std::optional<std::string> condition) {
        expect(of, kind::fence);
        EXPECT_EQ(of.next().match, match);
        EXPECT_EQ(of.next().condition, condition);
        EXPECT_EQ(of.next().token, of.memory().tokens.back());
    }

    void expect_read(const writer& of, std::uint64_t from, std::uint64_t to) {
        expect(of, kind::read);
        EXPECT_EQ(of.next().from, from);
        EXPECT_EQ(of.next().to, to);
    }

    // A writer that appends from position 1 on (its fence stands at 0).
    writer appending() {
        writer one = fresh();
        one.on_tail(0);
        one.on_stored();
        one.on_fenced(0);
        one.on_stored();
        return one;
    }

    // Two batches out in an open session: [1,3) and [3,4).
    writer with_two_out() {
        writer one = appending();
        one.freeze(2, 100);
        one.freeze(1, 50);
        one.on_opened();
        one.on_sent();
        one.on_sent();
        return one;
    }
};

// --- claiming

TEST_F(writer_test, claims_a_new_stream_with_a_fence_at_its_tail) {
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
    EXPECT_EQ(one.next_seq_num(), 1u);
}

TEST_F(writer_test, creates_a_missing_stream_once_the_append_says_so) {
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

TEST_F(writer_test, an_existing_stream_is_inspected_below_the_fence) {
    writer one = fresh();
    one.on_tail(7);
    one.on_stored();
    one.on_fenced(7);
    expect_read(one, 0, 7);
    EXPECT_FALSE(one.on_page({data(0, "a"), data(1, "b"), data(2, "c"), data(3, "d"), data(4, "e"),
                              data(5, "f"), fence(6, "other")}));
    expect(one, kind::store_memory);
    EXPECT_EQ(one.memory().durable, 8u);
}

TEST_F(writer_test, an_envelope_of_the_session_below_a_first_fence_is_another_writer) {
    writer one = fresh();
    one.on_tail(2);
    one.on_stored();
    one.on_fenced(2);
    one.on_page({data(0, "a"), data(1, "theirs")});
    expect(one, kind::lost);
}

TEST_F(writer_test, inspection_steps_back_over_commands_and_stops_where_records_are_gone) {
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

TEST_F(writer_test, a_known_stream_is_fenced_under_its_own_token) {
    writer one = known(5);
    one.on_tail(5);
    one.on_stored();
    expect_fence(one, 5, "t0");
    one.on_fenced(5);
    expect(one, kind::store_memory);
    EXPECT_EQ(one.memory().tokens, std::vector<std::string>{"t1"}) << "an acknowledged fence empties the set";
}

TEST_F(writer_test, a_mismatch_that_names_a_member_of_the_set_is_answered_under_that_member) {
    writer one = known(5, {"t0", "ta", "tb"});
    one.on_tail(6);
    one.on_stored();
    EXPECT_EQ(one.on_failure(token_mismatch("tb")), pause::none);
    expect_fence(one, 6, "tb");
}

TEST_F(writer_test, a_foreign_or_cleared_token_is_another_writer) {
    for (const std::string token : {"foreign", ""}) {
        writer one = known(5);
        one.on_tail(5);
        one.on_stored();
        one.on_failure(token_mismatch(token));
        expect(one, kind::read);
        EXPECT_EQ(one.next().from, 5u) << "what an earlier incarnation sent may have landed";
        judge.ours = {"a", "b"};
        EXPECT_FALSE(one.on_page({data(5, "a"), fence(6, token)}));
        expect(one, kind::lost);
        EXPECT_EQ(judge.ours.size(), 1u);
        judge.ours.clear();
    }
}

TEST_F(writer_test, a_first_claim_that_meets_a_token_has_nothing_to_read_back) {
    writer one = fresh();
    one.on_tail(0);
    one.on_stored();
    one.on_failure(token_mismatch("foreign"));
    expect(one, kind::lost);
}

TEST_F(writer_test, our_session_anywhere_in_what_is_looked_at_below_the_claim_is_another_writers) {
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

TEST_F(writer_test, a_stream_shorter_than_acknowledged_is_lost_by_tail_and_by_mismatch) {
    writer by_tail = known(5);
    by_tail.on_tail(4);
    expect(by_tail, kind::lost);

    writer by_mismatch = known(5);
    by_mismatch.on_tail(5);
    by_mismatch.on_stored();
    by_mismatch.on_failure(seq_mismatch(3));
    expect(by_mismatch, kind::lost);
}

TEST_F(writer_test, a_known_stream_that_is_gone_is_lost_and_never_created) {
    for (const auto& failure : {api(404, "stream_not_found"), api(409, "stream_deletion_pending")}) {
        writer one = known(5);
        one.on_failure(failure);
        expect(one, kind::lost);
    }
}

TEST_F(writer_test, a_batch_that_landed_late_moves_the_fence) {
    writer one = known(5);
    one.on_tail(5);
    one.on_stored();
    EXPECT_EQ(one.on_failure(seq_mismatch(8)), pause::none);
    expect_fence(one, 8, "t0");
    one.on_fenced(8);
    expect_read(one, 5, 8);
    judge.ours = {"a", "b", "c"};
    EXPECT_TRUE(one.on_page({data(5, "a")}));
    expect_read(one, 6, 8);
    EXPECT_FALSE(one.on_page({data(6, "b"), data(7, "c"), fence(8, "t1")}));
    expect(one, kind::store_memory);
    EXPECT_EQ(one.memory().durable, 9u);
    EXPECT_TRUE(judge.ours.empty());
}

TEST_F(writer_test, an_ambiguous_fence_is_repeated_and_recognised_by_its_token) {
    writer one = known(5);
    one.on_tail(5);
    one.on_stored();
    EXPECT_EQ(one.on_failure(lost_connection()), pause::back_off);
    expect_fence(one, 5, "t0");
    EXPECT_EQ(one.on_failure(token_mismatch("t1")), pause::none);
    expect(one, kind::store_memory);
    EXPECT_EQ(one.memory().durable, 6u);
}

TEST_F(writer_test, the_own_candidate_standing_without_an_ambiguous_try_is_a_copy_of_this_agent) {
    writer one = known(5);
    one.on_tail(5);
    one.on_stored();
    one.on_failure(token_mismatch("t1"));
    expect(one, kind::read);
    EXPECT_FALSE(one.on_page({fence(5, "t1"), data(6, "the copy's")}));
    expect(one, kind::lost);
}

TEST_F(writer_test, an_ambiguous_first_fence_is_looked_for_where_it_was_sent) {
    writer one = fresh();
    one.on_tail(0);
    one.on_stored();
    one.on_failure(lost_connection());
    one.on_failure(seq_mismatch(1));
    expect_read(one, 0, 1);
    writer landed = one;
    landed.on_page({fence(0, "t1")});
    expect(landed, kind::store_memory);
    EXPECT_EQ(landed.memory().durable, 1u);

    one.on_page({data(0, "somebody's")});
    expect_fence(one, 1, std::nullopt);
}

TEST_F(writer_test, a_claim_never_recorded_is_recovered_from_its_own_earlier_fence) {
    writer_memory memory;
    memory.tokens = {"t0"};
    memory.first_tail = 2;
    writer one(memory, "t1", judge);
    one.on_tail(6);
    EXPECT_EQ(one.memory().first_tail, 2u) << "the first attempt's tail is kept";
    one.on_stored();
    one.on_fenced(6);
    expect_read(one, 2, 6);
    judge.ours = {"a", "b"};
    one.on_page({data(2, "stranger's, before our fence"), fence(3, "t0"), data(4, "a"), data(5, "b")});
    expect(one, kind::store_memory);
    EXPECT_TRUE(judge.ours.empty());
}

TEST_F(writer_test, killed_between_two_pages_the_next_one_goes_on_behind_what_was_judged) {
    writer one = known(5);
    one.on_tail(8);
    one.on_stored();
    one.on_fenced(8);
    judge.ours = {"a", "b", "c"};
    EXPECT_TRUE(one.on_page({data(5, "a"), data(6, "b")}));
    EXPECT_EQ(one.memory().durable, 7u);
    writer next(one.memory(), "t2", judge);
    next.on_tail(9);
    next.on_stored();
    next.on_fenced(9);
    expect_read(next, 7, 9);
    next.on_page({data(7, "c"), fence(8, "t1")});
    expect(next, kind::store_memory);
}

TEST_F(writer_test, killed_between_two_pages_of_a_claim_never_recorded) {
    writer_memory memory;
    memory.tokens = {"t0"};
    memory.first_tail = 2;
    writer one(memory, "t1", judge);
    one.on_tail(6);
    one.on_stored();
    one.on_fenced(6);
    EXPECT_TRUE(one.on_page({data(2, "stranger's, before our fence")}));
    EXPECT_FALSE(one.memory().claimed);
    judge.ours = {"a", "b"};
    EXPECT_TRUE(one.on_page({fence(3, "t0"), data(4, "a")}));
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

TEST_F(writer_test, killed_between_two_pages_after_a_412) {
    writer one = with_two_out();
    one.on_failure(seq_mismatch(3));
    judge.ours = {"a", "b"};
    EXPECT_TRUE(one.on_page({data(1, "a")}));
    EXPECT_EQ(one.memory().durable, 2u);
    EXPECT_EQ(one.take_resolved(), 0u) << "a batch is resolved as a whole";
    EXPECT_FALSE(one.on_page({data(2, "b")}));
    EXPECT_EQ(one.take_resolved(), 1u);
}

TEST_F(writer_test, records_gone_where_recovery_must_read_are_another_writers) {
    writer one = known(5);
    one.on_tail(8);
    one.on_stored();
    one.on_fenced(8);
    one.on_page({data(6, "a"), data(7, "b")});
    expect(one, kind::lost);
}

TEST_F(writer_test, a_foreign_record_in_recovery_is_lost_after_what_is_ours) {
    writer one = known(5);
    one.on_tail(8);
    one.on_stored();
    one.on_fenced(8);
    judge.ours = {"a", "b"};
    one.on_page({data(5, "a"), data(6, "x"), data(7, "b")});
    expect(one, kind::lost);
    EXPECT_EQ(judge.ours.size(), 1u) << "what stood before the foreign record was judged";
}

TEST_F(writer_test, a_continuation_is_claimed_with_match_0_and_an_empty_token) {
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

TEST_F(writer_test, permissions_and_tokens_park_and_heal_where_they_were) {
    writer one = fresh();
    EXPECT_EQ(one.on_failure(api(401, "authn")), pause::park_sink);
    expect(one, kind::check_tail);
    EXPECT_EQ(one.on_failure(api(404, "basin_not_found")), pause::park_sink);
    one.on_tail(0);
    one.on_stored();
    EXPECT_EQ(one.on_failure(api(403, "permission_denied")), pause::park_stream);
    expect_fence(one, 0, std::nullopt);
}

// --- appending

TEST_F(writer_test, batches_are_sent_in_order_with_frozen_positions) {
    writer one = appending();
    expect(one, kind::ready);
    one.freeze(2, 100);
    one.freeze(1, 50);
    expect(one, kind::open);
    one.on_opened();
    expect(one, kind::send);
    EXPECT_EQ(one.next().index, 0u);
    one.on_sent();
    EXPECT_EQ(one.next().index, 1u);
    one.on_sent();
    expect(one, kind::ready);
    EXPECT_EQ(one.in_flight_bytes(), 150u);
    EXPECT_TRUE(one.on_ack(ack(1, 3)));
    EXPECT_TRUE(one.on_ack(ack(3, 4)));
    EXPECT_EQ(one.take_resolved(), 2u);
    EXPECT_EQ(one.memory().durable, 4u);
    EXPECT_EQ(one.in_flight_bytes(), 0u);
}

TEST_F(writer_test, an_ack_that_fits_no_batch_is_refused) {
    writer one = with_two_out();
    EXPECT_FALSE(one.on_ack(ack(1, 4)));
    EXPECT_FALSE(one.on_ack(ack(2, 4)));
    writer idle = appending();
    EXPECT_FALSE(idle.on_ack(ack(1, 2))) << "an ack without a batch out";
    EXPECT_EQ(one.batches().size(), 2u);
}

TEST_F(writer_test, an_ambiguous_end_resends_the_same_batches) {
    writer one = with_two_out();
    EXPECT_EQ(one.on_failure(lost_connection()), pause::back_off);
    expect(one, kind::open);
    one.on_opened();
    expect(one, kind::send);
    EXPECT_EQ(one.next().index, 0u);
    EXPECT_EQ(one.batches()[0].match, 1u);
    EXPECT_EQ(one.batches()[1].match, 3u);
    EXPECT_EQ(one.batches()[0].records, 2u);
}

TEST_F(writer_test, a_clean_end_with_batches_out_is_ambiguous_and_without_is_nothing) {
    writer one = with_two_out();
    EXPECT_EQ(one.on_session_end(), pause::back_off);
    expect(one, kind::open);
    writer idle = appending();
    idle.freeze(1, 1);
    idle.on_opened();
    idle.on_sent();
    idle.on_ack(ack(1, 2));
    EXPECT_EQ(idle.on_session_end(), pause::none);
    expect(idle, kind::ready);
}

TEST_F(writer_test, a_412_is_believed_only_after_reading_back) {
    writer one = with_two_out();
    one.on_failure(lost_connection());
    one.on_opened();
    one.on_sent();
    EXPECT_EQ(one.on_failure(seq_mismatch(3)), pause::none);
    expect_read(one, 1, 3);
    EXPECT_EQ(one.take_resolved(), 0u);
    judge.ours = {"a", "b"};
    one.on_page({data(1, "a"), data(2, "b")});
    EXPECT_EQ(one.take_resolved(), 1u);
    expect(one, kind::open);
    one.on_opened();
    EXPECT_EQ(one.batches()[one.next().index].match, 3u);
}

TEST_F(writer_test, a_412_with_the_right_number_and_another_body_is_another_writer) {
    writer one = with_two_out();
    one.on_failure(seq_mismatch(3));
    judge.ours = {"a", "b"};
    one.on_page({data(1, "a"), data(2, "the clone's")});
    expect(one, kind::lost);
    EXPECT_EQ(one.take_resolved(), 0u);
}

TEST_F(writer_test, a_412_between_two_ends_is_another_writer_even_with_equal_bodies) {
    writer one = with_two_out();
    one.on_failure(seq_mismatch(2));
    judge.ours = {"a", "b", "c"};
    one.on_page({data(1, "a")});
    expect(one, kind::lost);
}

TEST_F(writer_test, a_412_below_the_oldest_batch_is_a_shorter_stream) {
    writer one = with_two_out();
    one.on_failure(seq_mismatch(0));
    expect(one, kind::lost);
}

TEST_F(writer_test, fenced_out_reads_what_landed_and_is_lost) {
    writer one = with_two_out();
    one.on_failure(token_mismatch("other"));
    expect(one, kind::read);
    EXPECT_EQ(one.next().from, 1u);
    judge.ours = {"a", "b", "c"};
    EXPECT_FALSE(one.on_page({data(1, "a"), data(2, "b"), fence(3, "other"), data(4, "c")}));
    expect(one, kind::lost);
    EXPECT_EQ(judge.ours.size(), 1u);
    EXPECT_NE(one.lost_reason().find("fenced"), std::string::npos);
}

TEST_F(writer_test, fenced_out_with_a_stream_that_ends_is_lost_too) {
    writer one = with_two_out();
    one.on_failure(token_mismatch("other"));
    EXPECT_EQ(one.on_failure(lost_connection()), pause::back_off) << "a read that fails is retried";
    EXPECT_EQ(one.on_failure(error::from_response(416, R"({"tail":{"seq_num":1,"timestamp":1}})")),
              pause::none);
    expect(one, kind::lost);
}

TEST_F(writer_test, an_advised_reconnect_finishes_what_is_out_and_opens_again) {
    writer one = with_two_out();
    one.on_reconnect_advised();
    expect(one, kind::half_close);
    one.on_half_closed();
    EXPECT_TRUE(one.session_open());
    EXPECT_FALSE(one.session_takes_batches()) << "who waits to close it would wait for nothing";
    expect(one, kind::ready);
    EXPECT_TRUE(one.on_ack(ack(1, 3)));
    EXPECT_TRUE(one.on_ack(ack(3, 4)));
    EXPECT_EQ(one.on_session_end(), pause::none);
    one.freeze(1, 1);
    expect(one, kind::open);
}

TEST_F(writer_test, the_stream_deleted_under_a_session_is_lost) {
    writer one = with_two_out();
    EXPECT_EQ(one.on_failure(api(503, "unavailable")), pause::back_off);
    one.on_opened();
    one.on_failure(api(404, "stream_not_found"));
    expect(one, kind::lost);
}

TEST_F(writer_test, every_failure_at_every_step_keeps_what_is_out) {
    const std::vector<error> failures = {lost_connection(),
                                         error::from_transport(net::error::timed_out, true),
                                         error::from_transport(net::error::going_away, false),
                                         error::from_transport(boost::asio::error::operation_aborted, true),
                                         api(500, "other"),
                                         api(503, "unavailable"),
                                         api(503, "server_draining"),
                                         api(504, "upstream_timeout"),
                                         api(429, "rate_limited"),
                                         api(401, "authn"),
                                         api(403, "permission_denied"),
                                         error::from_protocol("nonsense")};
    for (const auto& failure : failures) {
        writer one = with_two_out();
        one.on_failure(failure);
        EXPECT_EQ(one.batches().size(), 2u) << failure.text();
        EXPECT_EQ(one.take_resolved(), 0u);
        expect(one, kind::open);

        writer claiming = known(5);
        claiming.on_tail(5);
        claiming.on_stored();
        claiming.on_failure(failure);
        expect_fence(claiming, 5, "t0");

        writer reading = known(5);
        reading.on_tail(7);
        reading.on_stored();
        reading.on_fenced(7);
        reading.on_failure(failure);
        expect_read(reading, 5, 7);
    }
}

TEST_F(writer_test, the_set_of_own_tokens_is_bounded_and_keeps_the_acknowledged_one) {
    std::vector<std::string> tokens;
    for (std::size_t i = 0; i < own_tokens_max; ++i)
        tokens.push_back("t" + std::to_string(i));
    writer one = known(5, tokens, "new");
    EXPECT_EQ(one.memory().tokens.size(), own_tokens_max);
    EXPECT_EQ(one.memory().tokens.front(), "t0");
    EXPECT_EQ(one.memory().tokens.back(), "new");
}

} // namespace
} // namespace s2
