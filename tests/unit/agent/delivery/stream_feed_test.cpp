#include "tests/unit/agent/delivery/stream_feed_kit.hpp"

#include <numeric>

namespace agent::test {
namespace {

TEST_F(stream_feed_test, gathers_the_streams_envelopes_in_order_and_no_others) {
    const auto a = add_session(id_a, "one");
    const auto first = publish_event(a);
    end_session(a);
    const auto b = add_session(id_b, "two");
    publish_event(b);
    end_session(b);
    open_feed().start();
    EXPECT_EQ(bodies(take_all()), std::vector{first});
    EXPECT_TRUE(feed->idle());
}

TEST_F(stream_feed_test, records_carry_the_events_time_in_milliseconds) {
    const auto a = add_session(id_a, "one");
    publish_event(a);
    open_feed().start();
    EXPECT_EQ(take_all().records.at(0).timestamp, 5u);
    const std::string own =
        R"({"capture_session_id":")" + std::string(id_a) + R"(","event":{"ts":1999,"type":"t"}})";
    EXPECT_EQ(record_timestamp(own), 1u);
}

TEST_F(stream_feed_test, two_sessions_of_one_stream_go_in_ring_order) {
    const auto a = add_session(id_a, "one");
    const auto first = publish_event(a);
    end_session(a);
    const auto b = add_session(id_b, "one");
    const auto second = publish_event(b);
    open_feed().start();
    EXPECT_EQ(bodies(take_all()), (std::vector{first, second}));
}

TEST_F(stream_feed_test, a_batch_ends_at_the_protocols_limit_and_the_next_goes_on) {
    const auto a = add_session(id_a, "one");
    for (int i = 0; i < 5; ++i)
        publish_event(a, 300'000);
    open_feed().start();
    const auto first = take_all();
    EXPECT_EQ(first.records.size(), 3u);
    EXPECT_LE(first.metered_bytes, s2::batch_metered_bytes_max);
    EXPECT_EQ(state.sent_seq, 3u);
    const auto second = take_all();
    EXPECT_EQ(second.records.size(), 2u);
    EXPECT_EQ(second.last_seq, 5u);
}

TEST_F(stream_feed_test, durable_moves_with_resolved_batches_and_what_is_out_is_held) {
    const auto a = add_session(id_a, "one");
    const auto first = publish_event(a, 1000);
    open_feed().start();
    const auto batch = take_all();
    retention.all_owed = false; // nothing but the hold keeps it
    for (int i = 0; i < 400; ++i)
        publish_event(a, 100'000);
    EXPECT_LE(journal->first_seq(), 1u) << "what was sent is not freed";
    EXPECT_EQ(bodies(batch), std::vector{first}) << "its views are intact";
    resolve(batch);
    EXPECT_EQ(state.durable_seq, 1u);
}

TEST_F(stream_feed_test, a_gap_is_told_at_its_place_once) {
    const auto a = add_session(id_a, "one");
    for (int i = 0; i < 400; ++i)
        publish_event(a, 100'000); // 40 MB through a ring of 16 MiB
    open_feed().start();
    const seq_t first_left = journal->first_seq();
    ASSERT_GT(first_left, 1u);
    const auto batch = take_all();
    const auto dropped = boost::json::parse(batch.records.at(0).body);
    EXPECT_EQ(dropped.at("event").at("type"), "events_dropped");
    EXPECT_EQ(dropped.at("seq"), first_left - 1);
    EXPECT_EQ(dropped.at("event").at("data").at("from_seq"), 1);
    EXPECT_EQ(dropped.at("event").at("data").at("count"), first_left - 1);
    EXPECT_EQ(state.own_records.size(), 1u) << "in the state before it is sent";
    resolve(batch);
    EXPECT_TRUE(state.own_records.empty());
    EXPECT_EQ(state.durable_seq, batch.last_seq);
}

TEST_F(stream_feed_test, a_gap_that_finds_no_room_in_a_batch_goes_into_the_next) {
    const auto other = add_session(id_b, "two");
    for (int i = 0; i < 10; ++i)
        publish_event(other,
                      100'000); // with the batch they fill the segment: none of what follows stays with it
    end_session(other);
    const auto a = add_session(id_a, "one");
    const auto around = publish_event(a).size();
    open_feed().start();
    feed->gather(now);
    while (feed->waiting().metered_bytes + 400'000 < s2::batch_metered_bytes_max) {
        publish_event(a, 300'000);
        feed->gather(now);
    }
    publish_event(a, s2::batch_metered_bytes_max - feed->waiting().metered_bytes - around - 50);
    feed->gather(now);
    const auto gathered_to = journal->last_seq();
    for (int i = 0; i < 400; ++i)
        publish_event(a, 100'000);
    const auto first = take_all();
    EXPECT_EQ(first.last_seq, gathered_to);
    EXPECT_GT(first.metered_bytes, s2::batch_metered_bytes_max - 100) << "no dropped record fits behind it";
    EXPECT_LE(first.metered_bytes, s2::batch_metered_bytes_max);
    const auto dropped = boost::json::parse(take_all().records.at(0).body);
    EXPECT_EQ(dropped.at("event").at("type"), "events_dropped");
    EXPECT_EQ(dropped.at("event").at("data").at("from_seq"), gathered_to + 1);
}

TEST_F(stream_feed_test, a_gap_over_many_sessions_is_told_as_the_state_has_room_for_it) {
    constexpr std::size_t count = own_records_max * 2 + 1;
    for (std::size_t i = 0; i < count; ++i) {
        const auto number =
            add_session(("aaaaaaaa-0000-4000-8000-0000000000" + std::to_string(10 + i)).c_str(), "one");
        publish_event(number);
        end_session(number);
    }
    const auto other = add_session(id_b, "two");
    for (int i = 0; i < 400; ++i)
        publish_event(other, 100'000);
    open_feed().start();
    std::vector<std::int64_t> told;
    while (told.size() < count) {
        const auto batch = take_all();
        ASSERT_FALSE(batch.records.empty()) << told.size() << " told";
        EXPECT_LE(state.own_records.size(), own_records_max);
        for (const auto& record : batch.records)
            told.push_back(boost::json::parse(record.body).at("seq").as_int64());
        resolve(batch);
    }
    std::vector<std::int64_t> each(count);
    std::iota(each.begin(), each.end(), 1);
    EXPECT_EQ(told, each);
}

// Each stream tells of its own seqs: behind the boundary `replay` would look for them in the other.
TEST_F(stream_feed_test, a_gap_over_a_part_boundary_is_told_by_both_streams) {
    const auto a = add_session(id_a, "one");
    for (int i = 0; i < 400; ++i)
        publish_event(a, 100'000);
    const seq_t lost_to = journal->first_seq() - 1;
    ASSERT_GT(lost_to, 4u);
    sessions->update(a, [](session_record& record) { record.parts.push_back({here, "two", 4}); });
    const auto told = [&](const std::string& stream) {
        state = {};
        open_feed(stream).start();
        std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
        for (const auto& body : bodies(take_all()))
            if (const auto event = boost::json::parse(body).at("event"); event.at("type") == "events_dropped")
                ranges.emplace_back(event.at("data").at("from_seq").as_int64(),
                                    event.at("data").at("to_seq").as_int64());
        return ranges;
    };
    using ranges = std::vector<std::pair<std::int64_t, std::int64_t>>;
    EXPECT_EQ(told("one"), (ranges{{1, 3}}));
    EXPECT_EQ(told("two"), (ranges{{4, static_cast<std::int64_t>(lost_to)}}));
}

// What stands at the head of a part goes between what is told of the sessions before it and of its own, and what
// stands further on is neither passed over nor sent before its turn.
TEST_F(stream_feed_test, announcements_and_gaps_go_in_the_order_of_seqs) {
    const auto a = add_session(id_a, "one");
    publish_event(a);
    end_session(a);
    const auto b = add_session(id_b, "one");
    for (int i = 0; i < 400; ++i)
        publish_event(b, 100'000);
    end_session(b);
    const seq_t far = journal->next_seq();
    const char* id_c = "cccccccc-0000-4000-8000-000000000003";
    const auto c = add_session(id_c, "one");
    publish_event(c);
    state.own_records = {announcement("one", 2, {id_b}), announcement("one", far, {id_c})};
    open_feed().start();
    const auto first = take_all();
    const std::vector<boost::json::value> expected{"events_dropped", "session_continued", "events_dropped"};
    for (std::size_t i = 0; i < expected.size(); ++i)
        EXPECT_EQ(boost::json::parse(first.records.at(i).body).at("event").at("type"), expected[i]) << i;
    ASSERT_EQ(state.own_records.size(), 4u);
    EXPECT_EQ(state.own_records[0].covers_to, 1u);
    EXPECT_EQ(state.own_records[1].before_seq, 2u);
    EXPECT_GT(state.own_records[2].covers_to, 1u);
    EXPECT_EQ(state.own_records[3].before_seq, far);
    resolve(first);
    ASSERT_EQ(state.own_records.size(), 1u) << "the acknowledged ones have gone";
    std::vector<std::string> sent;
    for (auto batch = take_all(); !batch.records.empty(); batch = take_all()) {
        for (const auto& body : bodies(batch))
            sent.push_back(body);
        resolve(batch);
    }
    ASSERT_GE(sent.size(), 2u);
    EXPECT_EQ(sent[sent.size() - 2], announcement("one", far, {id_c}).line);
    EXPECT_TRUE(state.own_records.empty());
}

TEST_F(stream_feed_test, a_gap_counts_only_what_this_stream_lacks) {
    const auto a = add_session(id_a, "one");
    publish_event(a, 1000);
    end_session(a);
    const auto b = add_session(id_b, "two");
    for (int i = 0; i < 400; ++i)
        publish_event(b, 100'000);
    open_feed().start();
    const auto batch = take_all();
    ASSERT_EQ(batch.records.size(), 1u);
    const auto dropped = boost::json::parse(batch.records.at(0).body);
    EXPECT_EQ(dropped.at("capture_session_id"), id_a);
    EXPECT_EQ(dropped.at("seq"), 1);
}

TEST_F(stream_feed_test, what_an_earlier_agent_told_of_a_gap_and_never_landed_is_told_anew) {
    const auto a = add_session(id_a, "one");
    for (int i = 0; i < 400; ++i)
        publish_event(a, 100'000);
    open_feed().start();
    const auto before = bodies(take_all());
    // The process dies; the next one gathers from the stored state.
    state.durable_seq = 0;
    open_feed().start();
    const auto again = take_all();
    EXPECT_EQ(bodies(again).size(), before.size());
    EXPECT_EQ(state.own_records.size(), 1u);
    resolve(again);
    EXPECT_TRUE(state.own_records.empty());
}

TEST_F(stream_feed_test, a_gap_that_grew_since_it_was_told_is_told_from_its_beginning) {
    const auto a = add_session(id_a, "one");
    for (int i = 0; i < 400; ++i)
        publish_event(a, 100'000);
    const seq_t first_left = journal->first_seq();
    ASSERT_GT(first_left, 4u);
    // Told when the ring still held seq 1, never landed; then the machine died, and took seq 1.
    state.own_records.push_back({4, 3, events_dropped_envelope(id_a, {2, 3, gap_reason::capacity}, 5000)});
    open_feed().start();
    const auto batch = take_all();
    const auto dropped = boost::json::parse(batch.records.at(0).body);
    EXPECT_EQ(dropped.at("event").at("data").at("from_seq"), 1);
    EXPECT_EQ(dropped.at("seq"), first_left - 1);
    EXPECT_EQ(state.own_records.size(), 1u);
}

TEST_F(stream_feed_test, a_continuations_first_record_goes_first) {
    const auto a = add_session(id_a, "one");
    const auto line = publish_event(a);
    state.own_records.push_back({1, 0, "continued"});
    open_feed().start();
    EXPECT_EQ(bodies(take_all()), (std::vector<std::string>{"continued", line}));
}

TEST_F(stream_feed_test, parts_split_a_session_between_two_streams) {
    const auto a = add_session(id_a, "one");
    const auto first = publish_event(a);
    sessions->update(a, [&](session_record& record) { record.parts.push_back({here, "one~00000001", 2}); });
    const auto second = publish_event(a);
    open_feed("one").start();
    EXPECT_EQ(bodies(take_all()), std::vector{first});
    state = {};
    state.from_seq = 2;
    state.durable_seq = 1;
    open_feed("one~00000001").start();
    EXPECT_EQ(bodies(take_all()), std::vector{second});
}

} // namespace
} // namespace agent::test
