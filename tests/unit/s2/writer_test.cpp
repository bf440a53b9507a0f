// Appending: batches, acks, and every way a session can end.
#include "tests/unit/s2/writer_kit.hpp"

namespace s2::test {
namespace {

TEST_F(writer_test, batches_are_sent_in_order_with_frozen_positions) {
    writer one = appending();
    expect(one, kind::ready);
    one.freeze(batch_of(2, 100));
    one.freeze(batch_of(1, 50));
    expect(one, kind::open);
    one.out().on_opened();
    expect(one, kind::send);
    EXPECT_EQ(one.out().on_sending().match, 1u);
    expect(one, kind::send);
    EXPECT_EQ(one.out().on_sending().match, 3u);
    expect(one, kind::ready);
    EXPECT_EQ(one.out().metered_bytes(), 150u);
    EXPECT_EQ(one.on_ack(ack(1, 3), 0), std::nullopt);
    EXPECT_EQ(one.on_ack(ack(3, 4), 0), std::nullopt);
    EXPECT_EQ(judge.take_resolved(), 2u);
    EXPECT_EQ(one.memory().durable, 4u);
    EXPECT_EQ(one.out().metered_bytes(), 0u);
}

TEST_F(writer_test, an_ack_that_fits_no_batch_is_refused) {
    writer one = with_two_out();
    EXPECT_TRUE(one.on_ack(ack(1, 4), 0));
    EXPECT_TRUE(one.on_ack(ack(2, 4), 0));
    writer idle = appending();
    EXPECT_TRUE(idle.on_ack(ack(1, 2), 0)) << "an ack without a batch out";
    EXPECT_EQ(one.out().batches().size(), 2u);
}

TEST_F(writer_test, every_ack_that_breaks_the_rules_says_how_and_moves_nothing) {
    const std::pair<append_ack, std::string> broken[] = {
        {ack(1, 2), "an ack of 1 records for a batch of 2"},
        {ack(1, 4), "an ack of 3 records for a batch of 2"},
        {ack(2, 4), "an ack at 2 for a batch that must be at 1"},
        {ack(3, 4), "an ack of 1 records for a batch of 2"}, // the other batch's
        {ack(0, 2), "an ack at 0 for a batch that must be at 1"},
    };
    for (const auto& [each, why] : broken) {
        writer one = with_two_out();
        EXPECT_EQ(one.on_ack(each, 0), why);
        EXPECT_EQ(judge.take_resolved(), 0u);
        EXPECT_EQ(one.memory().durable, 1u);
        EXPECT_EQ(one.on_ack(ack(1, 3), 0), std::nullopt);
        EXPECT_EQ(judge.durable, std::vector{proof::acknowledged});
        EXPECT_EQ(one.memory().durable, 3u);
        judge.durable.clear();
    }
}

TEST_F(writer_test, an_ack_of_a_batch_that_was_not_sent_whole_breaks_the_rules) {
    writer one = appending();
    one.freeze(batch_of(2, 100));
    one.out().on_opened();
    EXPECT_EQ(one.on_ack(ack(1, 3), 0), "an ack without a batch") << "it has not been sent at all";
    one.out().on_sending().whole_at = 100;
    EXPECT_EQ(one.on_ack(ack(1, 3), 99), "an ack for a batch that has not been sent whole");
    EXPECT_EQ(one.on_ack(ack(1, 3), 100), std::nullopt);
    EXPECT_EQ(one.on_ack(ack(3, 3), 100), "an ack without a batch");
}

TEST_F(writer_test, an_ambiguous_end_resends_the_same_batches) {
    writer one = with_two_out();
    EXPECT_EQ(one.on_failure(lost_connection()), pause::back_off);
    expect(one, kind::open);
    EXPECT_EQ(one.on_ack(ack(1, 3), 0), "an ack without a batch") << "the next session has sent none yet";
    one.out().on_opened();
    expect(one, kind::send);
    EXPECT_EQ(&one.out().on_sending(), &one.out().batches()[0]);
    EXPECT_EQ(one.out().batches()[0].match, 1u);
    EXPECT_EQ(one.out().batches()[1].match, 3u);
    EXPECT_EQ(one.out().batches()[0].records, 2u);
}

TEST_F(writer_test, a_clean_end_with_batches_out_is_ambiguous_and_without_is_nothing) {
    writer one = with_two_out();
    EXPECT_EQ(one.on_session_end(), pause::back_off);
    expect(one, kind::open);
    writer idle = appending();
    idle.freeze(batch_of(1, 1));
    idle.out().on_opened();
    idle.out().on_sending();
    idle.on_ack(ack(1, 2), 0);
    EXPECT_EQ(idle.on_session_end(), pause::none);
    expect(idle, kind::ready);
}

TEST_F(writer_test, a_412_is_believed_only_after_reading_back) {
    writer one = with_two_out();
    one.on_failure(lost_connection());
    one.out().on_opened();
    one.out().on_sending();
    EXPECT_EQ(one.on_failure(seq_mismatch(3)), pause::none);
    expect_read(one, 1, 3);
    EXPECT_EQ(judge.take_resolved(), 0u);
    judge.ours = {"a", "b"};
    one.on_page({data(1, "a"), data(2, "b")});
    EXPECT_EQ(judge.take_resolved(), 1u);
    expect(one, kind::open);
    one.out().on_opened();
    EXPECT_EQ(one.out().on_sending().match, 3u);
}

TEST_F(writer_test, a_412_with_the_right_number_and_another_body_is_another_writer) {
    writer one = with_two_out();
    one.on_failure(seq_mismatch(3));
    judge.ours = {"a", "b"};
    one.on_page({data(1, "a"), data(2, "the clone's")});
    expect(one, kind::lost);
    EXPECT_EQ(judge.take_resolved(), 0u);
}

TEST_F(writer_test, a_command_where_a_batch_should_stand_is_another_writers_whatever_its_token) {
    // Two copies of one agent claim under one token: the other's fence has the place of a batch of one record.
    for (const auto& command :
         {fence(1, "t1"), sequenced_record{1, 1, {{"", "trim"}}, std::string(8, '\0')}}) {
        writer one = appending();
        one.freeze(batch_of(1, 50));
        one.out().on_opened();
        one.out().on_sending();
        one.on_failure(seq_mismatch(2));
        expect_read(one, 1, 2);
        one.on_page({command});
        expect(one, kind::lost);
        EXPECT_EQ(judge.take_resolved(), 0u);
    }
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
    EXPECT_NE(one.lost_reason().find("shorter"), std::string::npos) << one.lost_reason();
}

TEST_F(writer_test, fenced_out_reads_what_landed_and_is_lost) {
    writer one = with_two_out();
    one.on_failure(token_mismatch("other"));
    expect(one, kind::read);
    EXPECT_EQ(one.next().from, 1u);
    judge.ours = {"a", "b", "c"};
    one.on_page({data(1, "a"), data(2, "b"), fence(3, "other"), data(4, "c")});
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
    one.out().close_session();
    expect(one, kind::half_close);
    one.out().on_half_closed();
    EXPECT_TRUE(one.out().session_open());
    EXPECT_FALSE(one.out().session_takes_batches()) << "who waits to close it would wait for nothing";
    expect(one, kind::ready);
    EXPECT_EQ(one.on_ack(ack(1, 3), 0), std::nullopt);
    EXPECT_EQ(one.on_ack(ack(3, 4), 0), std::nullopt);
    EXPECT_EQ(one.on_session_end(), pause::none);
    one.freeze(batch_of(1, 1));
    expect(one, kind::open);
}

TEST_F(writer_test, the_stream_deleted_under_a_session_is_lost) {
    writer one = with_two_out();
    EXPECT_EQ(one.on_failure(api(503, "unavailable")), pause::back_off);
    one.out().on_opened();
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
        EXPECT_EQ(one.out().batches().size(), 2u) << failure.text();
        EXPECT_EQ(judge.take_resolved(), 0u);
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

} // namespace
} // namespace s2::test
