#include "tests/unit/agent/delivery/stream_feed_kit.hpp"

namespace agent::test {
namespace {

using stream_feed_judge = stream_feed_test;

TEST_F(stream_feed_judge, judges_its_own_records_in_order_byte_for_byte) {
    const auto a = add_session(id_a, "one");
    const auto first = publish_event(a);
    const auto second = publish_event(a, 0, true);
    open_feed();
    EXPECT_FALSE(feed->is_ours(record(second))) << "not the next";
    EXPECT_FALSE(feed->is_ours(record(first + " ")));
    EXPECT_EQ(state.durable_seq, 0u);
    EXPECT_TRUE(feed->is_ours(record(first)));
    EXPECT_FALSE(feed->is_ours(record(first))) << "once";
    EXPECT_TRUE(feed->is_ours(record(second)));
    EXPECT_EQ(state.durable_seq, 2u);
}

TEST_F(stream_feed_judge, a_record_with_headers_is_never_ours) {
    const auto a = add_session(id_a, "one");
    auto read = record(publish_event(a));
    read.headers.push_back({"k", "v"});
    open_feed();
    EXPECT_FALSE(feed->is_ours(read));
}

TEST_F(stream_feed_judge, judges_what_it_made_itself) {
    const auto a = add_session(id_a, "one");
    const auto line = publish_event(a);
    state.own_records.push_back({1, 0, "continued"});
    open_feed();
    EXPECT_TRUE(feed->is_ours(record("continued")));
    EXPECT_TRUE(state.own_records.empty());
    EXPECT_TRUE(feed->is_ours(record(line)));
}

TEST_F(stream_feed_judge, after_a_machine_crash_what_only_s2_has_is_ours_and_the_gap_begins_behind_it) {
    const auto a = add_session(id_a, "one");
    publish_event(a);
    const auto lost = own_envelope(id_a, 2, 5000, "t", "1");
    const auto foreign = own_envelope(id_b, 3, 5000, "t", "1");
    journal.reset();
    env.boot = "boot-2"; // no clean mark: the machine died
    open_ring(100);
    ASSERT_TRUE(recovery.machine_crash);
    ASSERT_EQ(journal->next_seq(), 101u);
    const auto next = publish_event(a);
    state.durable_seq = 1;
    state.sent_seq = 3;
    open_feed();
    EXPECT_TRUE(feed->is_ours(record(lost)));
    EXPECT_FALSE(feed->is_ours(record(foreign)));
    EXPECT_EQ(state.durable_seq, 1u) << "nothing proves it before all is read";
    feed->start();
    EXPECT_EQ(state.durable_seq, 2u);
    const auto batch = take_all();
    ASSERT_EQ(batch.records.size(), 2u);
    const auto dropped = boost::json::parse(batch.records.at(0).body);
    EXPECT_EQ(dropped.at("event").at("data").at("reason"), "machine_crash");
    EXPECT_EQ(dropped.at("event").at("data").at("from_seq"), 3);
    EXPECT_EQ(dropped.at("seq"), 100);
    EXPECT_TRUE(dropped.at("event").at("data").at("count").is_null());
    EXPECT_EQ(batch.records.at(1).body, next);
}

TEST_F(stream_feed_judge, what_no_bytes_prove_is_a_copys_where_one_shows) {
    const auto a = add_session(id_a, "one");
    const auto first = publish_event(a);
    journal.reset();
    env.boot = "boot-2";
    open_ring(100);
    const auto next = publish_event(a);
    open_feed();
    const auto perhaps = own_envelope(id_a, 2, 5000, "t", "1");
    const auto copys = own_envelope(id_a, 101, 5000, "t", "2");
    EXPECT_TRUE(feed->is_ours(record(first)));
    EXPECT_TRUE(feed->is_ours(record(perhaps)));
    EXPECT_FALSE(feed->is_ours(record(perhaps))) << "its seq must rise";
    EXPECT_TRUE(feed->is_ours(record(perhaps)));
    EXPECT_FALSE(feed->is_ours(record(copys)));
    feed->accept_trusted();
    EXPECT_EQ(state.durable_seq, 1u);

    EXPECT_TRUE(feed->is_ours(record(perhaps)));
    EXPECT_TRUE(feed->is_ours(record(next)));
    EXPECT_FALSE(feed->is_ours(record(copys)));
    feed->accept_trusted();
    EXPECT_EQ(state.durable_seq, 101u) << "bytes that agree behind it prove it";
}

TEST_F(stream_feed_judge, a_copy_that_is_ahead_of_the_ring_has_written_nothing_of_ours) {
    const auto a = add_session(id_a, "one");
    publish_event(a);
    state.durable_seq = 1;
    open_feed();
    EXPECT_FALSE(feed->is_ours(record(own_envelope(id_a, 2, 5000, "t", "1"))));
    EXPECT_EQ(state.durable_seq, 1u) << "what is published next gets this seq, and must be sent";
}

TEST_F(stream_feed_judge, what_was_dropped_unsent_is_not_found_again_in_a_copys_envelopes) {
    const auto a = add_session(id_a, "one");
    while (journal->first_seq() == 1)
        publish_event(a, 900'000);
    const seq_t dropped = journal->first_seq() - 1;
    state.sent_seq = dropped - 1;
    state.durable_seq = dropped - 1;
    open_feed();
    const auto copys = record(own_envelope(id_a, dropped, 5000, "t", "1"));
    EXPECT_FALSE(feed->is_ours(copys));
    state.sent_seq = dropped;
    EXPECT_FALSE(feed->is_ours(copys)) << "what was sent told of the gap; of its envelopes none was";
}

TEST_F(stream_feed_judge, another_writer_shows_by_a_session_of_this_stream) {
    add_session(id_a, "one");
    add_session(id_b, "two", false);
    open_feed();
    EXPECT_TRUE(feed->shows_another_writer(record(own_envelope(id_a, 9, 1, "t", "1"))));
    EXPECT_FALSE(feed->shows_another_writer(record(own_envelope(id_b, 9, 1, "t", "1"))));
    EXPECT_FALSE(feed->shows_another_writer(record("anything else")));
}

TEST_F(stream_feed_judge, what_the_service_stamped_before_this_streams_sessions_began_predates_them) {
    for (const auto& [id, stream, created_at] :
         {std::tuple(id_a, "one", 5'000'000), {id_b, "two", 2'000'000}})
        sessions->update(add_session(id, stream, false),
                         [at = created_at](session_record& record) { record.created_at = at; });
    env.wall = 6'000'000;
    open_feed();
    auto stamped = record("anything");
    stamped.timestamp = 4'999;
    EXPECT_TRUE(feed->predates_ours(stamped));
    stamped.timestamp = 5'000;
    EXPECT_FALSE(feed->predates_ours(stamped));
}

// A session that began while our clock was ahead of the service's: what a copy has written meanwhile, with true
// stamps, is not older than ours.
TEST_F(stream_feed_judge, nothing_predates_a_session_that_began_later_than_it_is_now) {
    const auto a = add_session(id_a, "one");
    sessions->update(a, [](session_record& record) { record.created_at = 50'000'000; });
    env.wall = 10'000'000;
    open_feed();
    auto stamped = record("anything");
    stamped.timestamp = 9'000;
    EXPECT_FALSE(feed->predates_ours(stamped));
    env.wall = 50'000'000;
    EXPECT_TRUE(feed->predates_ours(stamped));
}

} // namespace
} // namespace agent::test
