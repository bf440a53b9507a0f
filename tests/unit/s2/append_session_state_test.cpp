#include "s2/append_session_state.hpp"
#include "s2/protobuf.hpp"

#include <gtest/gtest.h>

namespace s2 {
namespace {

frame framed(const append_ack& ack, bool advised = false) {
    frame made;
    made.reconnect_advised = advised;
    encode_append_ack(ack, made.payload);
    return made;
}

frame terminal(unsigned status, std::string_view json) {
    frame made;
    made.terminal = true;
    made.payload = {static_cast<char>(status >> 8), static_cast<char>(status & 0xFF)};
    made.payload += json;
    return made;
}

append_ack ack_of(std::uint64_t start, std::uint64_t end) {
    return {{start, 10}, {end, 10}, {end, 10}};
}

bool is_protocol_error(const append_event& event) {
    return event.what == append_event::kind::end && event.failure &&
           event.failure->what == error::kind::protocol;
}

TEST(AppendSessionState, AcksInOrderThenACleanEnd) {
    append_session_state state;
    auto event = state.on_frame(framed(ack_of(7, 9)));
    ASSERT_EQ(event.what, append_event::kind::ack);
    EXPECT_EQ(event.ack, ack_of(7, 9));
    state.half_closing();
    EXPECT_FALSE(state.can_send());
    event = state.on_frame(framed(ack_of(9, 12)));
    EXPECT_EQ(event.what, append_event::kind::ack);
    event = state.on_end_of_stream(false);
    EXPECT_EQ(event.what, append_event::kind::end);
    EXPECT_FALSE(event.failure);
}

TEST(AppendSessionState, AnEndWithinAFrameIsAmbiguous) {
    append_session_state state;
    const auto event = state.on_end_of_stream(true);
    ASSERT_TRUE(event.failure);
    EXPECT_EQ(classify(*event.failure), verdict::retry_ambiguous);
}

TEST(AppendSessionState, EveryBrokenAckEndsTheSession) {
    const append_ack broken[] = {
        ack_of(7, 7),                // of nothing
        ack_of(9, 7),                // backwards
        {{7, 10}, {9, 10}, {8, 10}}, // beyond its tail
        {{7, 10}, {9, 9}, {9, 10}},  // time runs back
        {},
    };
    for (const auto& each : broken) {
        append_session_state state;
        EXPECT_TRUE(is_protocol_error(state.on_frame(framed(each))))
            << each.start.seq_num << " " << each.end.seq_num;
    }
}

TEST(AppendSessionState, AcksThatGoBackEndTheSession) {
    append_session_state state;
    EXPECT_EQ(state.on_frame(framed(ack_of(7, 8))).what, append_event::kind::ack);
    auto again = state;
    EXPECT_TRUE(is_protocol_error(again.on_frame(framed(ack_of(7, 8)))));
    auto earlier = state;
    EXPECT_TRUE(is_protocol_error(earlier.on_frame(framed({{8, 9}, {9, 10}, {9, 10}}))));
    // Others append in between: that is no error without a match.
    EXPECT_EQ(state.on_frame(framed(ack_of(20, 21))).what, append_event::kind::ack);
}

TEST(AppendSessionState, AFrameThatIsNoAckEndsTheSession) {
    append_session_state state;
    frame garbage;
    garbage.payload = "\xFF\xFF";
    EXPECT_TRUE(is_protocol_error(state.on_frame(garbage)));
    append_session_state other;
    EXPECT_TRUE(is_protocol_error(other.on_bad_frame("why")));
    append_session_state short_terminal;
    frame cut;
    cut.terminal = true;
    cut.payload = "\x01";
    EXPECT_TRUE(is_protocol_error(short_terminal.on_frame(cut)));
}

TEST(AppendSessionState, ATerminalFrameAnswersTheOldestBatch) {
    append_session_state state;
    state.on_frame(framed(ack_of(7, 9)));
    const auto event = state.on_frame(terminal(412, R"({"seq_num_mismatch":12})"));
    ASSERT_TRUE(event.failure);
    EXPECT_EQ(classify(*event.failure), verdict::condition_failed);
    EXPECT_EQ(event.failure->seq_num_mismatch, 12u);
}

TEST(AppendSessionState, TheFirstEndStays) {
    append_session_state state;
    state.on_frame(terminal(412, R"({"fencing_token_mismatch":"x"})"));
    for (const auto& event :
         {state.on_frame(framed(ack_of(7, 9))), state.on_end_of_stream(false), state.on_bad_frame("later"),
          state.on_failure(error::from_transport(boost::asio::error::operation_aborted, true)),
          state.ended()}) {
        ASSERT_EQ(event.what, append_event::kind::end);
        EXPECT_EQ(event.failure->fencing_token_mismatch, "x");
    }
    EXPECT_FALSE(state.can_send());
}

TEST(AppendSessionState, CancelledAtEachStepIsCancelled) {
    for (int acked = 0; acked <= 2; ++acked) {
        append_session_state state;
        if (acked > 0)
            state.on_frame(framed(ack_of(7, 9)));
        if (acked > 1)
            state.on_frame(framed(ack_of(9, 12)));
        const auto event =
            state.on_failure(error::from_transport(boost::asio::error::operation_aborted, true));
        ASSERT_TRUE(event.failure);
        EXPECT_EQ(classify(*event.failure), verdict::cancelled);
    }
}

TEST(AppendSessionState, AnAbortsReasonIsTheEndsUnlessTheServerHasAnswered) {
    const auto reset = error::from_transport(boost::asio::error::operation_aborted, true);
    const auto end = [&](auto after_abort) {
        append_session_state state;
        state.aborting(error::from_invalid("why"));
        state.aborting(error::from_invalid("later"));
        EXPECT_FALSE(state.can_send());
        const append_event event = after_abort(state);
        EXPECT_EQ(event.what, append_event::kind::end);
        EXPECT_TRUE(state.has_ended());
        return event.failure.value();
    };
    EXPECT_EQ(end([&](auto& state) { return state.on_failure(reset); }).message, "why");
    EXPECT_EQ(end([&](auto& state) { return state.on_end_of_stream(false); }).message, "why");
    EXPECT_EQ(end([&](auto& state) { return state.on_bad_frame("bad"); }).message, "why");
    EXPECT_EQ(end([&](auto& state) { return state.on_frame(framed(ack_of(7, 9))); }).message, "why");
    const auto refused = R"({"seq_num_mismatch":12})";
    EXPECT_EQ(end([&](auto& state) { return state.on_frame(terminal(412, refused)); }).seq_num_mismatch, 12u);
    EXPECT_EQ(end([&](auto& state) { return state.on_failure(error::from_response(404, "{}")); }).status,
              404u);
}

TEST(AppendSessionState, AnAbortAfterTheEndChangesNothing) {
    append_session_state state;
    state.on_end_of_stream(true);
    state.aborting(error::from_invalid("why"));
    EXPECT_EQ(state.ended().failure->what, error::kind::transport);
}

TEST(AppendSessionState, AdviceToReconnectIsKept) {
    append_session_state state;
    EXPECT_TRUE(state.on_frame(framed(ack_of(7, 9), true)).reconnect_advised);
    EXPECT_FALSE(state.on_frame(framed(ack_of(9, 12))).reconnect_advised);
    EXPECT_TRUE(state.reconnect_advised());
    EXPECT_TRUE(state.can_send());
    EXPECT_TRUE(state.on_end_of_stream(false).reconnect_advised);
}

} // namespace
} // namespace s2
