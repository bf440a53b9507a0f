#include "s2/append_session_state.hpp"
#include "s2/protobuf.hpp"
#include "tests/unit/s2/decision_text.hpp"

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

append_event acked(std::uint64_t start, std::uint64_t end, bool advised = false) {
    append_event event;
    event.what = append_event::kind::ack;
    event.ack = ack_of(start, end);
    event.reconnect_advised = advised;
    return event;
}

append_event ended(std::optional<error> failure = {}, bool advised = false) {
    append_event event;
    event.reconnect_advised = advised;
    event.failure = std::move(failure);
    return event;
}

error cut(std::string context) {
    return error::from_transport(net::make_error_code(net::error::eof), true, std::move(context));
}

append_session_state::batch batch_of(std::size_t records, std::optional<std::uint64_t> match = {}) {
    append_session_state::batch made;
    made.records = records;
    made.metered_bytes = 10 * records;
    made.match_seq_num = match;
    return made;
}

// Two batches of 2 and 3 records at 7 are on their way.
append_session_state two_in_flight() {
    append_session_state state;
    state.sending(batch_of(2, 7));
    state.sending(batch_of(3, 9));
    return state;
}

bool is_protocol_error(const append_event& event) {
    return event.what == append_event::kind::end && event.failure &&
           event.failure->what == error::kind::protocol;
}

TEST(AppendSessionState, AcksInOrderThenACleanEnd) {
    auto state = two_in_flight();
    EXPECT_EQ(state.in_flight(), 2u);
    EXPECT_EQ(state.in_flight_metered_bytes(), 50u);
    EXPECT_TRUE(state.can_send());
    EXPECT_EQ(state.on_frame(framed(ack_of(7, 9))), acked(7, 9));
    EXPECT_EQ(state.in_flight(), 1u);
    EXPECT_EQ(state.in_flight_metered_bytes(), 30u);
    state.half_closing();
    EXPECT_FALSE(state.can_send());
    EXPECT_EQ(state.on_frame(framed(ack_of(9, 12))), acked(9, 12));
    EXPECT_EQ(state.on_end_of_stream(false), ended());
    EXPECT_EQ(state.in_flight(), 0u);
}

TEST(AppendSessionState, AnEndWithBatchesUnackedIsAmbiguous) {
    auto state = two_in_flight();
    state.on_frame(framed(ack_of(7, 9)));
    const auto event = state.on_end_of_stream(false);
    EXPECT_EQ(event, ended(cut("the append session ended with batches unacknowledged")));
    EXPECT_EQ(classify(*event.failure), verdict::retry_ambiguous);
    EXPECT_EQ(state.in_flight(), 1u);
}

TEST(AppendSessionState, AnEndWithinAFrameIsAmbiguousEvenWithNothingInFlight) {
    append_session_state state;
    const auto event = state.on_end_of_stream(true);
    EXPECT_EQ(event, ended(cut("the append session's answer ended within a frame")));
    EXPECT_EQ(classify(*event.failure), verdict::retry_ambiguous);
}

TEST(AppendSessionState, EveryBrokenAckEndsTheSession) {
    const append_ack broken[] = {
        ack_of(7, 8),                // one record of two
        ack_of(7, 10),               // three
        ack_of(8, 10),               // not where it had to match
        ack_of(9, 7),                // backwards
        {{7, 10}, {9, 10}, {8, 10}}, // beyond its tail
        {{7, 10}, {9, 9}, {9, 10}},  // time runs back
        {},
    };
    for (const auto& each : broken) {
        auto state = two_in_flight();
        EXPECT_TRUE(is_protocol_error(state.on_frame(framed(each))))
            << each.start.seq_num << " " << each.end.seq_num;
        EXPECT_EQ(state.in_flight(), 2u);
    }
}

TEST(AppendSessionState, AcksThatGoBackEndTheSession) {
    append_session_state state;
    for (int i = 0; i < 3; ++i)
        state.sending(batch_of(1));
    EXPECT_EQ(state.on_frame(framed(ack_of(7, 8))).what, append_event::kind::ack);
    auto again = state;
    EXPECT_TRUE(is_protocol_error(again.on_frame(framed(ack_of(7, 8)))));
    auto earlier = state;
    EXPECT_TRUE(is_protocol_error(earlier.on_frame(framed({{8, 9}, {9, 10}, {9, 10}}))));
    // Others append in between: that is no error without a match.
    EXPECT_EQ(state.on_frame(framed(ack_of(20, 21))).what, append_event::kind::ack);
}

TEST(AppendSessionState, AnAckOfABatchThatWasNotSentWholeEndsTheSession) {
    append_session_state state;
    auto batch = batch_of(2);
    batch.whole_at = 100;
    state.sending(batch);
    state.handed_over(99);
    auto early = state;
    EXPECT_TRUE(is_protocol_error(early.on_frame(framed(ack_of(7, 9)))));
    state.handed_over(100);
    EXPECT_EQ(state.on_frame(framed(ack_of(7, 9))).what, append_event::kind::ack);
}

TEST(AppendSessionState, AnAckWithoutABatchEndsTheSession) {
    append_session_state state;
    EXPECT_TRUE(is_protocol_error(state.on_frame(framed(ack_of(0, 0)))));
}

TEST(AppendSessionState, AFrameThatIsNoAckEndsTheSession) {
    auto state = two_in_flight();
    frame garbage;
    garbage.payload = "\xFF\xFF";
    EXPECT_TRUE(is_protocol_error(state.on_frame(garbage)));
    auto other = two_in_flight();
    EXPECT_TRUE(is_protocol_error(other.on_bad_frame("why")));
    auto short_terminal = two_in_flight();
    frame cut;
    cut.terminal = true;
    cut.payload = "\x01";
    EXPECT_TRUE(is_protocol_error(short_terminal.on_frame(cut)));
}

TEST(AppendSessionState, ATerminalFrameAnswersTheOldestBatch) {
    auto state = two_in_flight();
    state.on_frame(framed(ack_of(7, 9)));
    const auto event = state.on_frame(terminal(412, R"({"seq_num_mismatch":12})"));
    ASSERT_TRUE(event.failure);
    EXPECT_EQ(classify(*event.failure), verdict::condition_failed);
    EXPECT_EQ(event.failure->seq_num_mismatch, 12u);
    EXPECT_EQ(state.in_flight(), 1u);
}

TEST(AppendSessionState, TheFirstEndStays) {
    auto state = two_in_flight();
    const auto first = state.on_frame(terminal(412, R"({"fencing_token_mismatch":"x"})"));
    EXPECT_EQ(first, ended(error::from_response(412, R"({"fencing_token_mismatch":"x"})")));
    for (const auto& event :
         {state.on_frame(framed(ack_of(7, 9))), state.on_end_of_stream(false), state.on_bad_frame("later"),
          state.on_failure(error::from_transport(boost::asio::error::operation_aborted, true)),
          state.ended()})
        EXPECT_EQ(event, first);
    EXPECT_FALSE(state.can_send());
}

TEST(AppendSessionState, CancelledAtEachStepIsCancelled) {
    for (int acked = 0; acked <= 2; ++acked) {
        auto state = two_in_flight();
        if (acked > 0)
            state.on_frame(framed(ack_of(7, 9)));
        if (acked > 1)
            state.on_frame(framed(ack_of(9, 12)));
        const auto event =
            state.on_failure(error::from_transport(boost::asio::error::operation_aborted, true));
        ASSERT_TRUE(event.failure);
        EXPECT_EQ(classify(*event.failure), verdict::cancelled);
        EXPECT_EQ(state.in_flight(), 2u - static_cast<unsigned>(acked));
    }
}

TEST(AppendSessionState, AdviceToReconnectIsKept) {
    auto state = two_in_flight();
    EXPECT_EQ(state.on_frame(framed(ack_of(7, 9), true)), acked(7, 9, true));
    EXPECT_EQ(state.on_frame(framed(ack_of(9, 12))), acked(9, 12));
    EXPECT_TRUE(state.reconnect_advised());
    EXPECT_TRUE(state.can_send());
    EXPECT_EQ(state.on_end_of_stream(false), ended(std::nullopt, true));
}

TEST(AppendSessionState, InFlightIsBounded) {
    append_session_state state;
    for (std::size_t i = 0; i < append_session_state::in_flight_max; ++i)
        state.sending(batch_of(1));
    EXPECT_FALSE(state.can_send());
    state.on_frame(framed(ack_of(0, 1)));
    EXPECT_TRUE(state.can_send());
}

} // namespace
} // namespace s2
