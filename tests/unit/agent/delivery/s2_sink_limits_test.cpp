// Full tables: every start, reopening and lost stream is refused in words or waits; nothing ends the agent.
#include "agent/delivery/s2_sink.hpp"
#include "tests/unit/agent/agent_world.hpp"
#include "tests/unit/s2/scripted_server.hpp"

#include <gmock/gmock.h>

namespace agent::test {
namespace {

using kind = start_error::kind;
using testing::HasSubstr;

const place place_a{"basin-aaaa", "http://a.test", "http://a.test"};
const place place_b{"basin-bbbb", "http://b.test", "http://b.test"};

std::string id_of(std::size_t number) {
    const auto digits = std::to_string(number);
    return "aaaaaaaa-0000-4000-8000-" + std::string(12 - digits.size(), '0') + digits;
}

// The tables of one state directory, and one agent after another over them; S2 is never reached.
struct s2_sink_limits : testing::Test {
    agent_world env;
    const scratch_dir dir;
    ring_recovery recovery;
    std::unique_ptr<ring> journal = std::move(*ring::open(env, {{}, 16 << 20, 4 << 20}, 0, recovery));
    std::unique_ptr<session_table> sessions = std::move(*session_table::open(env, dir.path));
    std::unique_ptr<delivery_table> deliveries = std::move(*delivery_table::open(env, dir.path));
    s2::test::scripted_server server{env.world};
    s2_sink* sink = nullptr;
    capture* into = nullptr;

    s2_sink_limits() { env.disk.mapping_syncs_nothing = true; }

    // What an agent does at its start, then `body`.
    void agent_at(const place& at, const std::string& stream, const std::function<void()>& body) {
        server.run([&](s2::client& client) -> net::task<> {
            s2_sink one(env, *journal, *sessions, *deliveries, client, {at, stream, {}},
                        [](const std::string&) {});
            capture captured(env, *journal, *sessions, one);
            sink = &one;
            into = &captured;
            journal->set_retention(&one);
            one.recover();
            body();
            journal->set_retention(nullptr);
            co_return;
        });
    }

    void reopen_tables() {
        sessions = std::move(*session_table::open(env, dir.path));
        deliveries = std::move(*delivery_table::open(env, dir.path));
    }

    std::optional<start_error> start(std::size_t number) {
        const auto started = into->start({id_of(number), std::nullopt});
        if (const auto* refused = std::get_if<start_error>(&started))
            return *refused;
        return std::nullopt;
    }

    void stop() { into->stop(end_reason::stopped); }

    // Ended sessions with something undelivered, one stream each.
    void leave_sessions(std::size_t count, const place& at) {
        agent_at(at, "{capture_session_id}", [&] {
            for (std::size_t number = 0; number < count; ++number) {
                ASSERT_FALSE(start(number)) << number;
                stop();
            }
        });
    }

    // Each of them left its first event in a second stream of the same place: a slot more.
    void leave_two_streams_each() {
        for (std::size_t number = 0; number < sessions_max; ++number) {
            const auto* session = sessions->find(id_of(number));
            ASSERT_TRUE(session);
            const seq_t second = session->spans.front().from_seq + 1;
            delivery_state more;
            more.at = session->parts.front().at;
            more.stream = "second " + std::to_string(number);
            more.from_seq = second;
            more.durable_seq = more.sent_seq = second - 1;
            ASSERT_TRUE(deliveries->add(more));
            sessions->update(session->number, [&](session_record& record) {
                record.parts.push_back({more.at, more.stream, second});
            });
        }
        ASSERT_EQ(deliveries->all().size(), deliveries_max);
    }
};

// Each reopening adds a record to the one stream's state, which only S2 could take from there.
TEST_F(s2_sink_limits, sessions_reopened_at_another_place_are_refused_before_their_stream_is_full) {
    constexpr std::size_t count = 55;
    agent_at(place_a, "shared", [&] {
        for (std::size_t number = 0; number < count; ++number) {
            ASSERT_FALSE(start(number));
            stop();
        }
    });
    std::size_t reopened = 0;
    agent_at(place_b, "shared", [&] {
        for (std::size_t number = 0; number < count; ++number) {
            const auto refused = start(number);
            if (!refused) {
                ++reopened;
                stop();
                continue;
            }
            EXPECT_EQ(refused->why, kind::too_many_sessions);
            EXPECT_THAT(refused->message, HasSubstr("stream shared still waits for S2 with 32 sessions"));
            EXPECT_EQ(sessions->find(id_of(number))->parts.size(), 1u) << "nothing of it has begun";
        }
        EXPECT_FALSE(start(count)) << "a session of its own is not moved, and goes there";
        stop();
    });
    EXPECT_EQ(reopened, announced_parts_max);
    reopen_tables();
    EXPECT_TRUE(deliveries->damaged().empty());
    EXPECT_EQ(deliveries->find(place_b, "shared")->state.own_records.size(), announced_parts_max);
}

TEST_F(s2_sink_limits, the_257th_session_with_something_undelivered_is_refused) {
    leave_sessions(sessions_max, place_a);
    agent_at(place_a, "{capture_session_id}", [&] {
        const auto refused = start(sessions_max);
        ASSERT_TRUE(refused);
        EXPECT_EQ(refused->why, kind::too_many_sessions);
        EXPECT_THAT(refused->message, HasSubstr("256 capture sessions"));
        EXPECT_EQ(sink->owed_to(), "basin-aaaa at http://a.test (256 streams)");
        EXPECT_EQ(deliveries->all().size(), sessions_max) << "it left nothing behind";
        // One is delivered: there is room again.
        auto& delivered = *deliveries->all().front();
        delivered.state.durable_seq = sessions->all().front().spans.front().to_seq;
        deliveries->store(delivered);
        EXPECT_FALSE(start(sessions_max));
    });
}

TEST_F(s2_sink_limits, with_256_undelivered_the_last_one_is_resumed_at_another_place) {
    leave_sessions(sessions_max - 1, place_a);
    agent_at(place_a, "{capture_session_id}", [&] { EXPECT_FALSE(start(sessions_max)); });
    reopen_tables(); // killed
    agent_at(place_b, "{capture_session_id}", [&] {
        into->resume();
        ASSERT_TRUE(into->active());
        EXPECT_EQ(into->active()->parts.back().at, place_b);
        EXPECT_TRUE(deliveries->find(place_b, into->active()->parts.back().stream));
    });
}

TEST_F(s2_sink_limits, with_a_full_delivery_table_a_resumed_session_goes_on_at_its_last_place) {
    leave_sessions(sessions_max, place_a);
    leave_two_streams_each();
    sessions->update(sessions->all().back().number, [](session_record& record) {
        record.active = true;
        record.spans.back().to_seq = 0;
    });
    reopen_tables();
    agent_at(place_b, "{capture_session_id}", [&] {
        const auto before = sessions->active()->parts;
        into->resume();
        ASSERT_TRUE(into->active());
        EXPECT_EQ(into->active()->parts.size(), before.size());
        EXPECT_EQ(into->active()->parts.back().stream, before.back().stream);
        EXPECT_TRUE(sink->owes(*into->active())) << "what comes now is held for that place";
        stop();
        const auto refused = start(0);
        ASSERT_TRUE(refused);
        EXPECT_EQ(refused->why, kind::too_many_sessions);
        EXPECT_THAT(refused->message, HasSubstr("512 streams"));
        EXPECT_EQ(deliveries->all().size(), deliveries_max);
    });
}

TEST_F(s2_sink_limits, a_session_that_is_known_to_no_stream_and_gets_none_is_ended) {
    leave_sessions(sessions_max, place_a);
    leave_two_streams_each();
    sessions->update(sessions->all().back().number, [](session_record& record) {
        record.active = true;
        record.spans.back().to_seq = 0;
        record.parts.back().stream = "of which the table knows nothing";
    });
    delivery_state more = deliveries->all().back()->state;
    const auto others_seq = sessions->all().front().parts.back().from_seq;
    deliveries->remove(*deliveries->all().back());
    more.stream = "second 0 b";
    more.from_seq = others_seq;
    more.durable_seq = more.sent_seq = others_seq - 1;
    deliveries->add(more);
    sessions->update(sessions->all().front().number, [&](session_record& record) {
        record.parts.push_back({more.at, more.stream, others_seq});
        record.parts[1].from_seq = others_seq;
        record.spans.front().to_seq += 1;
        record.parts[2].from_seq += 1;
    });
    reopen_tables();
    agent_at(place_a, "{capture_session_id}", [&] {
        into->resume();
        EXPECT_FALSE(into->active()) << "its events would be delivered by nobody";
    });
}

// The verdict stands before the slot is there; nothing is appended to the lost stream, nothing owed is forgotten.
TEST_F(s2_sink_limits, with_a_full_delivery_table_a_lost_stream_waits_for_a_slot_of_its_continuation) {
    leave_sessions(sessions_max, place_a);
    leave_two_streams_each();
    auto* lost = deliveries->all().front().get();
    const std::string continued_as = lost->state.stream + "~01234567";
    lost->state.lost = true; // the verdict, and then the process was killed
    lost->state.lost_reason = "another writer has fenced it";
    lost->state.continued_as = continued_as;
    // It is the stream of the session's last event, and the other one owes the first.
    auto* first = deliveries->find(place_a, "second 0");
    first->state.durable_seq = first->state.sent_seq = 0;
    sessions->update(sessions->all().front().number, [](session_record& record) {
        std::swap(record.parts[0].stream, record.parts[1].stream);
    });
    deliveries->store(*lost);
    deliveries->store(*first);
    reopen_tables();
    agent_at(place_a, "{capture_session_id}", [&] {
        const auto status = sink->status();
        EXPECT_NE(status.condition, delivery_condition::parked) << "other streams are served";
        ASSERT_FALSE(status.streams.empty());
        const auto& waiting = status.streams.front();
        EXPECT_EQ(waiting.state, stream_state::parked);
        EXPECT_EQ(waiting.stream + "~01234567", continued_as);
        EXPECT_THAT(waiting.reason, HasSubstr("the delivery table is full (512 streams"));
        EXPECT_THAT(waiting.reason, HasSubstr(continued_as));
        EXPECT_FALSE(deliveries->find(place_a, continued_as));
        EXPECT_TRUE(sink->owes(sessions->all().front()));
        const auto seq = sessions->all().front().spans.front().to_seq;
        EXPECT_TRUE(sink->owed(seq, seq)) << "the ring keeps it";
    });
    // Another one is delivered.
    auto& other = deliveries->all().back()->state;
    other.durable_seq = journal->last_seq();
    agent_at(place_a, "{capture_session_id}", [&] {
        for (const auto& each : sink->status().streams)
            EXPECT_NE(each.state, stream_state::parked) << each.stream;
        const auto* next = deliveries->find(place_a, continued_as);
        ASSERT_TRUE(next);
        EXPECT_TRUE(next->state.memory.empty_claim);
        ASSERT_EQ(next->state.own_records.size(), 1u);
        EXPECT_THAT(next->state.own_records.front().line, HasSubstr("session_continued"));
        EXPECT_EQ(sessions->all().front().parts.back().stream, continued_as);
        EXPECT_TRUE(sink->owes(sessions->all().front()));
    });
}

TEST_F(s2_sink_limits, a_session_in_16_parts_is_not_reopened_at_a_17th_place) {
    agent_at(place_a, "{capture_session_id}", [&] {
        ASSERT_FALSE(start(0));
        stop();
        sessions->update(1, [](session_record& record) {
            while (record.parts.size() < session_parts_max)
                record.parts.push_back(record.parts.back());
        });
        EXPECT_FALSE(start(0)) << "at its last place it is";
        stop();
    });
    agent_at(place_b, "{capture_session_id}", [&] {
        const auto refused = start(0);
        ASSERT_TRUE(refused);
        EXPECT_EQ(refused->why, kind::too_many_parts);
        EXPECT_THAT(refused->message, HasSubstr("16 places"));
        EXPECT_EQ(deliveries->find(place_b, id_of(0)), nullptr) << "nothing of it has begun";
    });
}

// Its last part is replaced from that part's beginning: the one before must not take what is durable there for
// its own.
TEST_F(s2_sink_limits, the_16th_part_that_is_lost_goes_on_in_its_place) {
    agent_at(place_a, "{capture_session_id}", [&] {
        ASSERT_FALSE(start(0));
        sessions->on_synced(sessions->generation(), {});
        for (int count = 0; count < 20; ++count)
            into->publish(R"({"type":"t"})", event_origin::intake);
        stop();
    });
    auto* lost = deliveries->find(place_a, id_of(0));
    delivery_state before = lost->state;
    before.stream = "the part before";
    before.durable_seq = before.sent_seq = 15;
    ASSERT_TRUE(deliveries->add(before));
    sessions->update(1, [&](session_record& record) {
        record.parts.clear();
        for (seq_t from = 1; from < session_parts_max; ++from)
            record.parts.push_back({place_a, "the part before", from});
        record.parts.push_back({place_a, lost->state.stream, session_parts_max});
    });
    lost->state.durable_seq = lost->state.sent_seq = 18;
    lost->state.lost = true;
    lost->state.continued_as = id_of(0) + "~01234567";
    deliveries->store(*lost);
    deliveries->store(*deliveries->find(place_a, "the part before"));
    reopen_tables();
    agent_at(place_a, "{capture_session_id}", [&] {
        const auto& parts = sessions->find(id_of(0))->parts;
        ASSERT_EQ(parts.size(), session_parts_max);
        EXPECT_EQ(parts.back().stream, id_of(0) + "~01234567");
        EXPECT_EQ(parts.back().from_seq, session_parts_max);
        EXPECT_EQ(sink->owed_to(), "basin-aaaa at http://a.test (1 streams)") << "only the continuation";
        EXPECT_EQ(sink->durable_seq(), 18u);
    });
}

} // namespace
} // namespace agent::test
