#include "agent/session/capture.hpp"
#include "tests/unit/agent/agent_world.hpp"

#include <boost/json.hpp>

namespace agent::test {
namespace {

boost::json::value type_of(std::string_view envelope) {
    return boost::json::parse(envelope).at("event").at("type");
}

boost::json::value data_of(std::string_view envelope) {
    return boost::json::parse(envelope).at("event").at("data");
}

TEST(capture, without_a_session_nothing_is_accepted) {
    agent_world env;
    capture_setup agent(env);
    EXPECT_EQ(agent.refusal(R"({"type":"console_log"})"), "no_session");
    EXPECT_EQ(agent.sessions->refused(), 1u);
    EXPECT_EQ(agent.journal->last_seq(), 0u);
    EXPECT_EQ(agent.sessions->stop(end_reason::stopped), nullptr);
}

TEST(capture, a_session_begins_and_ends_with_its_own_events) {
    agent_world env;
    capture_setup agent(env);
    const auto& session = agent.start({id_one, std::nullopt});
    EXPECT_EQ(session.id, id_one);
    EXPECT_EQ(session.parts.back().stream, std::string("streams/") + id_one);
    EXPECT_EQ(agent.publish(R"({"type":"console_log","ts":5,"data":1})"), 2u);
    const auto* ended = agent.sessions->stop(end_reason::end_of_input);
    ASSERT_EQ(ended, &session);
    EXPECT_FALSE(session.active);
    EXPECT_EQ(session.end_reason, "end_of_input");
    EXPECT_EQ(agent.journal->count(session.number, 1, 3).producer_events, 1u)
        << "the agent's own do not count";
    EXPECT_EQ(session.spans.back().from_seq, 1u);
    EXPECT_EQ(session.spans.back().to_seq, 3u);
    const auto all = agent.envelopes();
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(type_of(all[0]), "session_started");
    EXPECT_EQ(all[1], std::string(R"({"capture_session_id":")") + id_one +
                          R"(","seq":2,"event":{"ts":5,"type":"console_log","category":"console",)"
                          R"("source":{"kind":"local_process"},"data":1}})");
    EXPECT_EQ(type_of(all[2]), "session_ended");
    EXPECT_EQ(data_of(all[2]).at("reason"), "end_of_input");
    EXPECT_TRUE(all[2].find(R"("category":"system","source":{"kind":"kernel_api","event":"ringtail"})") !=
                std::string::npos);
    EXPECT_EQ(agent.refusal(R"({"type":"console_log"})"), "no_session");
}

TEST(capture, events_wait_until_the_disk_has_their_sessions_start) {
    agent_world env;
    const scratch_dir dir;
    capture_setup agent(env, dir.path);
    ASSERT_TRUE(std::holds_alternative<const session_record*>(agent.sessions->start({id_one, std::nullopt})));
    EXPECT_FALSE(agent.table->start_stored());
    EXPECT_EQ(agent.refusal(R"({"type":"console_log"})"), "no_session");
    agent.table->on_synced(agent.table->generation() - 1, {}); // began before
    EXPECT_FALSE(agent.table->start_stored());
    agent.table->on_synced(agent.table->generation(), make_error_code(boost::system::errc::io_error));
    EXPECT_EQ(agent.table->start_failure(), boost::system::errc::io_error);
    EXPECT_EQ(agent.refusal(R"({"type":"console_log"})"), "no_session");
    agent.table->on_synced(agent.table->generation(), {});
    EXPECT_FALSE(agent.table->start_failure());
    EXPECT_EQ(agent.publish(R"({"type":"console_log"})"), 2u);

    agent.sessions->stop(end_reason::stopped);
    ASSERT_TRUE(std::holds_alternative<const session_record*>(agent.sessions->start({id_one, std::nullopt})));
    EXPECT_EQ(agent.refusal(R"({"type":"console_log"})"), "no_session") << "a span of its own begins";
    agent.table->on_synced(agent.table->generation(), {});
    EXPECT_EQ(agent.publish(R"({"type":"console_log"})"), 5u);
}

TEST(capture, without_reserved_seqs_publishing_is_refused_with_the_cause) {
    agent_world env;
    capture_setup agent(env);
    agent.start();
    agent.journal->allow_seqs(agent.journal->last_seq() + 1, "No space left on device");
    EXPECT_EQ(agent.publish(R"({"type":"a"})"), 2u);
    const auto outcome = agent.sessions->publish(R"({"type":"b"})", event_origin::intake);
    const auto* refused = std::get_if<publish_refused>(&outcome);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, "no_room");
    EXPECT_EQ(refused->message, "the ring has no room: cannot reserve seqs ahead: No space left on device");
    agent.journal->allow_seqs(agent.journal->last_seq() + 1);
    EXPECT_EQ(agent.publish(R"({"type":"b"})"), 3u);
}

TEST(capture, a_missing_ts_is_the_present) {
    agent_world env;
    capture_setup agent(env);
    agent.start();
    agent.publish(R"({"type":"console_log"})");
    EXPECT_EQ(boost::json::parse(agent.envelopes(2).at(0)).at("event").at("ts"), env.wall_now());
}

TEST(capture, the_filter_takes_no_seq_and_never_holds_up_system) {
    agent_world env;
    capture_setup agent(env);
    start_request request;
    request.categories = category_set{}.set(static_cast<std::size_t>(category::network));
    agent.start(request);
    EXPECT_EQ(agent.publish(R"({"type":"console_log"})"), 0u);
    EXPECT_EQ(agent.sessions->filtered(), 1u);
    EXPECT_EQ(agent.publish(R"({"type":"network_request"})"), 2u);
    EXPECT_EQ(agent.publish(R"({"type":"x","category":"system"})"), 3u);
    agent.sessions->set_categories(all_categories());
    EXPECT_EQ(agent.publish(R"({"type":"console_log"})"), 4u);
    EXPECT_EQ(agent.sessions->refused(), 0u);
}

TEST(capture, bad_events_are_refused_and_counted_for_their_session) {
    agent_world env;
    capture_setup agent(env);
    agent.start();
    EXPECT_EQ(agent.refusal("{"), "invalid_json");
    EXPECT_EQ(agent.refusal(R"({"type":""})"), "invalid_event");
    EXPECT_EQ(agent.refusal(R"({"type":"a","source":{"kind":"kernel_api"}})"), "forbidden_source");
    EXPECT_EQ(agent.sessions->refused_of_session(), 3u);
    agent.sessions->stop(end_reason::stopped);
    agent.start();
    EXPECT_EQ(agent.sessions->refused_of_session(), 0u);
    EXPECT_EQ(agent.sessions->refused(), 3u);
}

TEST(capture, an_envelope_over_the_limit_loses_its_data) {
    agent_world env;
    capture_setup agent(env);
    agent.start();
    EXPECT_EQ(agent.publish(R"({"type":"t","data":")" + std::string(1'100'000, 'x') + R"("})"), 2u);
    EXPECT_TRUE(agent.envelopes(2).at(0).ends_with(R"("data":null,"truncated":true}})"));
    EXPECT_EQ(agent.refusal(R"({"type":")" + std::string(1'100'000, 'x') + R"("})"), "too_large");
    EXPECT_EQ(agent.journal->last_seq(), 2u);
}

TEST(capture, starts_are_refused_for_what_stands_against_them) {
    agent_world env;
    capture_setup agent(env);
    const auto why = [&](start_request request) {
        return std::get<start_error>(agent.sessions->start(request)).why;
    };
    EXPECT_EQ(why({"x", std::nullopt}), start_error::kind::invalid_id);
    EXPECT_EQ(why({"11111111-1111-4111-8111-11111111111g", std::nullopt}), start_error::kind::invalid_id);
    agent.start({"AAAAAAAA-1111-4111-8111-11111111111F", std::nullopt});
    EXPECT_EQ(agent.sessions->active()->id, "aaaaaaaa-1111-4111-8111-11111111111f");
    EXPECT_EQ(why({}), start_error::kind::active);
    EXPECT_EQ(agent.table->all().size(), 1u);
}

TEST(capture, an_ended_session_is_reopened_in_its_stream) {
    agent_world env;
    capture_setup agent(env);
    agent.start({id_one, std::nullopt});
    agent.sessions->stop(end_reason::stopped);
    agent.start({id_two, std::nullopt});
    agent.sessions->stop(end_reason::superseded);
    agent.where.prefix = "other/"; // a template concerns only new sessions
    const auto& again = agent.start({id_one, std::nullopt});
    EXPECT_EQ(agent.table->latest(), &again);
    EXPECT_EQ(again.number, 1u);
    ASSERT_EQ(again.parts.size(), 1u);
    ASSERT_EQ(again.spans.size(), 2u);
    EXPECT_EQ(again.spans[1].from_seq, 5u);
    EXPECT_FALSE(again.holds(3));
    EXPECT_TRUE(again.holds(5));
    EXPECT_EQ(type_of(agent.envelopes(5).at(0)), "session_resumed");
    EXPECT_EQ(data_of(agent.envelopes(5).at(0)).at("reason"), "reopened");
}

TEST(capture, a_reopened_session_goes_on_in_a_new_part_at_a_new_place) {
    agent_world env;
    capture_setup agent(env);
    agent.start({id_one, std::nullopt});
    agent.sessions->stop(end_reason::stopped);
    agent.where.at.basin = "basin-two";
    const auto& again = agent.start({id_one, std::nullopt});
    ASSERT_EQ(again.parts.size(), 2u);
    EXPECT_EQ(again.parts[1].at.basin, "basin-two");
    EXPECT_EQ(again.parts[1].from_seq, 3u);
}

TEST(capture, a_session_that_is_reopened_before_another_one_began_goes_on_in_its_span) {
    agent_world env;
    scratch_dir dir;
    {
        capture_setup agent(env, dir.path);
        agent.where.owing.insert(1);
        for (int n = 0; n < 40'000; ++n) {
            agent.start({id_one, std::nullopt});
            agent.sessions->stop(end_reason::stopped);
        }
        ASSERT_EQ(agent.table->find(id_one)->spans.size(), 1u);
        EXPECT_EQ(agent.table->find(id_one)->spans.front().from_seq, 1u);
        EXPECT_EQ(agent.table->find(id_one)->spans.front().to_seq, 80'000u);
    }
    capture_setup agent(env, dir.path);
    const auto& again = agent.start({id_one, std::nullopt});
    ASSERT_EQ(again.spans.size(), 1u);
    EXPECT_TRUE(again.holds(80'001));
    EXPECT_TRUE(agent.table->any_started());
}

TEST(capture, a_span_goes_on_only_where_no_seq_is_anothers) {
    agent_world env;
    capture_setup agent(env);
    agent.start({id_one, std::nullopt});
    agent.sessions->stop(end_reason::stopped);
    agent.start({id_two, std::nullopt});
    agent.sessions->stop(end_reason::stopped);
    const auto& again = agent.start({id_one, std::nullopt});
    ASSERT_EQ(again.spans.size(), 2u);
    EXPECT_FALSE(again.holds(3));
    EXPECT_EQ(agent.table->at_seq(3)->id, id_two);
}

TEST(capture, two_sessions_are_reopened_in_turn_for_as_long_as_they_are_delivered) {
    agent_world env;
    capture_setup agent(env);
    for (int n = 0; n < 2'000; ++n)
        for (const auto* id : {id_one, id_two}) {
            const auto& session = agent.start({id, std::nullopt});
            ASSERT_LE(session.spans.size(), session_spans_max);
            ASSERT_EQ(agent.table->at_seq(agent.journal->last_seq()), &session);
            agent.sessions->stop(end_reason::stopped);
        }
    EXPECT_FALSE(agent.table->find(id_one)->holds(1)) << "long settled";
    EXPECT_TRUE(agent.table->find(id_one)->holds(agent.journal->last_seq() - 2));
}

TEST(capture, a_session_whose_spans_all_wait_for_s2_is_reopened_once_one_is_delivered) {
    agent_world env;
    capture_setup agent(env);
    agent.where.owing = {1, 2};
    for (std::size_t n = 0; n < session_spans_max; ++n)
        for (const auto* id : {id_one, id_two}) {
            agent.start({id, std::nullopt});
            agent.sessions->stop(end_reason::stopped);
        }
    const auto again = agent.sessions->start({id_one, std::nullopt});
    const auto& refused = std::get<start_error>(again);
    EXPECT_EQ(refused.why, start_error::kind::too_often);
    EXPECT_TRUE(refused.ends_with_delivery());
    EXPECT_NE(refused.message.find("the last 32 times still wait for S2"), std::string::npos)
        << refused.message;
    EXPECT_FALSE(agent.sessions->active());
    const auto& latest = agent.start({id_two, std::nullopt});
    EXPECT_EQ(latest.spans.size(), session_spans_max) << "no other has begun since: it needs no more";
    agent.sessions->stop(end_reason::stopped);

    agent.where.settled_to = agent.table->find(id_one)->spans[2].to_seq;
    const auto before = agent.table->find(id_one)->spans;
    const auto& session = agent.start({id_one, std::nullopt});
    ASSERT_EQ(session.spans.size(), session_spans_max);
    EXPECT_EQ(session.spans[0].from_seq, before[1].from_seq) << "the oldest settled one is forgotten";
}

TEST(capture, a_killed_agent_resumes_its_session) {
    agent_world env;
    scratch_dir dir;
    {
        capture_setup agent(env, dir.path);
        agent.start({id_one, std::nullopt});
        for (int n = 0; n < 5; ++n)
            agent.publish(R"({"type":"console_log"})");
    } // no stop: as killed
    capture_setup agent(env, dir.path);
    ASSERT_TRUE(agent.recovery.found);
    ASSERT_TRUE(agent.sessions->active());
    agent.sessions->resume();
    EXPECT_EQ(agent.sessions->active()->id, id_one);
    EXPECT_EQ(agent.journal->last_seq(), 7u);
    EXPECT_EQ(type_of(agent.envelopes(7).at(0)), "session_resumed");
    EXPECT_EQ(data_of(agent.envelopes(7).at(0)).at("reason"), "restart");
    EXPECT_EQ(agent.publish(R"({"type":"console_log"})"), 8u);
}

TEST(capture, resume_moves_to_the_place_that_is_configured_now) {
    agent_world env;
    scratch_dir dir;
    {
        capture_setup(env, dir.path).start({id_one, std::nullopt});
    }
    capture_setup agent(env, dir.path);
    agent.where.at = {};
    agent.sessions->resume();
    ASSERT_EQ(agent.sessions->active()->parts.size(), 2u);
    EXPECT_TRUE(agent.sessions->active()->parts[1].at.embedded());
}

TEST(capture, a_ring_that_is_held_whole_has_no_room) {
    agent_world env;
    capture_setup agent(env);
    agent.start();
    auto hold = agent.journal->hold(1, ~seq_t{0});
    const std::string big = R"({"type":"console_log","data":")" + std::string(900'000, 'x') + R"("})";
    std::string code;
    for (int n = 0; n < 40 && code.empty(); ++n)
        code = agent.refusal(big);
    EXPECT_EQ(code, "no_room");
    const auto before = agent.journal->last_seq();
    EXPECT_EQ(agent.refusal(big), "no_room");
    EXPECT_EQ(agent.journal->last_seq(), before);
    ASSERT_TRUE(agent.sessions->stop(end_reason::stopped))
        << "a session ends also without room for its event";
}

} // namespace
} // namespace agent::test
