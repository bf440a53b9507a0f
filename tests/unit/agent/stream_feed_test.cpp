#include "agent/event.hpp"
#include "agent/stream_feed.hpp"
#include "agent/system_events.hpp"
#include "support/ring_kit.hpp"

#include <boost/json.hpp>

#include <numeric>

namespace agent::test {
namespace {

constexpr const char* id_a = "aaaaaaaa-0000-4000-8000-000000000001";
constexpr const char* id_b = "bbbbbbbb-0000-4000-8000-000000000002";
const place here{"basin-one", "http://s2", "http://s2"};

// Retention by a switch: everything is owed, or nothing.
class switched_retention final : public ring_retention {
public:
    bool all_owed = true;

    bool owed(seq_t, seq_t) const override { return all_owed; }

    void dropping(const ring_entry&) override {}
};

struct stream_feed_test : testing::Test {
    memory_world env;
    ring_recovery recovery;
    std::unique_ptr<ring> journal;
    std::unique_ptr<session_table> sessions = std::move(*session_table::open(env, {}));
    switched_retention retention;
    delivery_state state;
    std::vector<seq_t> judged;
    std::unique_ptr<stream_feed> feed;
    net::time_point now{};

    stream_feed_test() { open_ring(); }

    void open_ring(seq_t ceiling = 0) {
        journal = std::move(*ring::open(env, options_of(), ceiling, recovery));
        journal->set_retention(&retention);
    }

    std::uint32_t add_session(const char* id, std::string stream, bool active = true) {
        session_record fresh;
        fresh.id = id;
        fresh.active = active;
        fresh.spans.push_back({journal->next_seq(), 0});
        fresh.parts.push_back({here, std::move(stream), journal->next_seq()});
        return sessions->add(std::move(fresh), [](const auto&) { return true; })->number;
    }

    void end_session(std::uint32_t number) {
        sessions->update(number, [&](session_record& record) {
            record.active = false;
            record.spans.back().to_seq = journal->last_seq();
        });
    }

    // An envelope of that session; `fill` bytes of padding.
    std::string publish_event(std::uint32_t number, std::size_t fill = 0, bool own = false) {
        const auto* session = sessions->find(number);
        const std::string data = "\"" + std::string(fill, 'x') + "\"";
        auto line = own_envelope(session->id, journal->next_seq(), 5000, "t", data);
        EXPECT_TRUE(test::publish(*journal, line, number, own));
        return line;
    }

    stream_feed& open_feed(std::string stream = "one", batch_limits limits = {}) {
        state.at = here;
        state.stream = std::move(stream);
        feed =
            std::make_unique<stream_feed>(env, *journal, *sessions, state, limits,
                                          [this](const ring_entry& entry) { judged.push_back(entry.seq); });
        return *feed;
    }

    gathered_batch take_all() {
        feed->gather(now);
        return feed->take();
    }

    static std::vector<std::string> bodies(const gathered_batch& batch) {
        std::vector<std::string> found;
        for (const auto& record : batch.records)
            found.emplace_back(record.body);
        return found;
    }

    static s2::sequenced_record record(std::string body) { return {0, 0, {}, std::move(body)}; }
};

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
    feed->resolved(batch);
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
    feed->resolved(batch);
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
    while (feed->pending().metered_bytes() + 400'000 < s2::batch_metered_bytes_max) {
        publish_event(a, 300'000);
        feed->gather(now);
    }
    publish_event(a, s2::batch_metered_bytes_max - feed->pending().metered_bytes() - around - 50);
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
        feed->resolved(batch);
    }
    std::vector<std::int64_t> each(count);
    std::iota(each.begin(), each.end(), 1);
    EXPECT_EQ(told, each);
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
    feed->resolved(again);
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

TEST_F(stream_feed_test, judges_its_own_records_in_order_byte_for_byte) {
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
    EXPECT_EQ(judged, (std::vector<seq_t>{1, 2}));
    EXPECT_EQ(state.durable_seq, 2u);
}

TEST_F(stream_feed_test, a_record_with_headers_is_never_ours) {
    const auto a = add_session(id_a, "one");
    auto read = record(publish_event(a));
    read.headers.push_back({"k", "v"});
    open_feed();
    EXPECT_FALSE(feed->is_ours(read));
}

TEST_F(stream_feed_test, judges_what_it_made_itself) {
    const auto a = add_session(id_a, "one");
    const auto line = publish_event(a);
    state.own_records.push_back({1, 0, "continued"});
    open_feed();
    EXPECT_TRUE(feed->is_ours(record("continued")));
    EXPECT_TRUE(state.own_records.empty());
    EXPECT_TRUE(feed->is_ours(record(line)));
}

TEST_F(stream_feed_test, after_a_machine_crash_what_only_s2_has_is_ours_and_the_gap_begins_behind_it) {
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

TEST_F(stream_feed_test, what_no_bytes_prove_is_a_copys_where_one_shows) {
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

TEST_F(stream_feed_test, a_copy_that_is_ahead_of_the_ring_has_written_nothing_of_ours) {
    const auto a = add_session(id_a, "one");
    publish_event(a);
    state.durable_seq = 1;
    open_feed();
    EXPECT_FALSE(feed->is_ours(record(own_envelope(id_a, 2, 5000, "t", "1"))));
    EXPECT_EQ(state.durable_seq, 1u) << "what is published next gets this seq, and must be sent";
}

TEST_F(stream_feed_test, what_was_dropped_unsent_is_not_found_again_in_a_copys_envelopes) {
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

TEST_F(stream_feed_test, another_writer_shows_by_a_session_of_this_stream) {
    add_session(id_a, "one");
    add_session(id_b, "two", false);
    open_feed();
    EXPECT_TRUE(feed->shows_another_writer(record(own_envelope(id_a, 9, 1, "t", "1"))));
    EXPECT_FALSE(feed->shows_another_writer(record(own_envelope(id_b, 9, 1, "t", "1"))));
    EXPECT_FALSE(feed->shows_another_writer(record("anything else")));
}

TEST_F(stream_feed_test, what_the_service_stamped_before_this_streams_sessions_began_predates_them) {
    for (const auto& [id, stream, created_at] :
         {std::tuple(id_a, "one", 5'000'000), {id_b, "two", 2'000'000}})
        sessions->update(add_session(id, stream, false),
                         [at = created_at](session_record& record) { record.created_at = at; });
    open_feed();
    auto stamped = record("anything");
    stamped.timestamp = 4'999;
    EXPECT_TRUE(feed->predates_ours(stamped));
    stamped.timestamp = 5'000;
    EXPECT_FALSE(feed->predates_ours(stamped));
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
