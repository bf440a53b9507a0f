#include "agent/event/envelope_view.hpp"
#include "agent/event/system_events.hpp"
#include "tests/unit/agent/agent_world.hpp"

namespace agent::test {
namespace {

const std::string head = std::string(R"({"capture_session_id":")") + id_one + R"(",)";
const std::string source = R"("category":"system","source":{"kind":"kernel_api","event":"ringtail"},)";

TEST(system_events, have_the_key_order_of_every_envelope) {
    EXPECT_EQ(events_dropped_envelope(id_one, {3, 7, gap_reason::capacity}, 42),
              head + R"("seq":7,"event":{"ts":42,"type":"events_dropped",)" + source +
                  R"("data":{"from_seq":3,"to_seq":7,"count":5,"reason":"capacity"}}})");
    EXPECT_EQ(events_dropped_envelope(id_one, {3, 7, gap_reason::machine_crash}, 42),
              head + R"("seq":7,"event":{"ts":42,"type":"events_dropped",)" + source +
                  R"("data":{"from_seq":3,"to_seq":7,"count":null,"reason":"machine_crash"}}})");
    EXPECT_EQ(session_continued_envelope(id_one, "a~\"1", 9, continuation_reason::another_writer, 42),
              head + R"("event":{"ts":42,"type":"session_continued",)" + source +
                  R"("data":{"stream":"a~\"1","from_seq":9,"reason":"another_writer"}}})");
    EXPECT_EQ(system_durable_error_envelope(id_one, durable_error_state::parked, "bad\ntoken", 42),
              head + R"("event":{"ts":42,"type":"system_durable_error",)" + source +
                  R"("data":{"state":"parked","reason":"bad\ntoken"}}})");
}

TEST(system_events, only_a_session_continued_tells_where_it_continues) {
    EXPECT_EQ(
        continued_from_seq(session_continued_envelope(id_one, "a~\"1", 9, continuation_reason::storage, 42)),
        9u);
    EXPECT_EQ(continued_from_seq(events_dropped_envelope(id_one, {3, 7, gap_reason::capacity}, 42)),
              std::nullopt);
    for (const char* other : {"", "{}", "[]", R"({"event":1})", R"({"event":{"type":"session_continued"}})",
                              R"({"event":{"type":"session_continued","data":{"from_seq":"9"}}})",
                              R"({"event":{"type":"session_continued","data":{"from_seq":-9}}})"})
        EXPECT_EQ(continued_from_seq(other), std::nullopt) << other;
}

TEST(system_events, are_envelopes_to_every_reader) {
    const auto line = events_dropped_envelope(id_one, {3, 7, gap_reason::damage}, 42);
    const auto seen = parse_envelope_head(line);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->seq, 7u);
    EXPECT_EQ(seen->type, "events_dropped");
    const auto unnumbered =
        parse_envelope_head(session_continued_envelope(id_one, "s", 9, continuation_reason::storage, 1));
    ASSERT_TRUE(unnumbered);
    EXPECT_FALSE(unnumbered->seq);
}

TEST(envelope_view, sees_through_a_type_that_imitates_the_envelope) {
    const std::string type = R"(x\",\"category\":\"network)";
    const std::string line = own_envelope(id_one, 1, 2, type, R"({"a":"\",\"category\":\"page\""})");
    EXPECT_EQ(category_of_envelope(line), category::system);
    EXPECT_EQ(session_id_of_envelope(line), id_one);
    EXPECT_EQ(session_id_of_envelope("{}"), "");
}

} // namespace
} // namespace agent::test
