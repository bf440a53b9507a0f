#include "s2/protobuf.hpp"
#include "s2/read_session_state.hpp"
#include "tests/unit/s2/decision_text.hpp"

#include <gtest/gtest.h>

namespace s2 {
namespace {

using namespace std::chrono_literals;
using step = read_session_state::step;

const net::time_point t0{std::chrono::hours(5)};

frame framed(const read_batch& batch, bool advised = false) {
    frame made;
    made.reconnect_advised = advised;
    encode_read_batch(batch, made.payload);
    return made;
}

// Records [from, to) with bodies of two bytes (10 metered each), and a tail where one is given.
read_batch records(std::uint64_t from, std::uint64_t to, std::optional<std::uint64_t> tail = {}) {
    read_batch batch;
    for (auto seq = from; seq < to; ++seq)
        batch.records.push_back({seq, seq, {}, "xx"});
    if (tail)
        batch.tail = {*tail, 1};
    return batch;
}

frame heartbeat(std::uint64_t tail) {
    return framed(records(0, 0, tail));
}

read_start at_tail(std::uint64_t offset = 0) {
    return {read_start::kind::tail_offset, offset, false};
}

read_start at_seq(std::uint64_t seq, bool clamp = false) {
    return {read_start::kind::seq_num, seq, clamp};
}

// The next request in words.
std::string query(read_session_state& state, net::time_point now = t0) {
    const auto request = state.next_request(now);
    return request ? testing::PrintToString(*request) : "nothing";
}

step feed(read_session_state& state, const frame& received, net::time_point now = t0) {
    read_batch into;
    return state.on_frame(received, into, now);
}

const error lost = error::from_transport(boost::asio::error::connection_reset, true);

TEST(ReadSessionState, TheStartIsPinnedByTheFirstTail) {
    read_session_state state(at_tail(5), {});
    EXPECT_EQ(query(state), "offset 5");
    EXPECT_EQ(state.on_failure(lost), step::reconnect);
    EXPECT_EQ(query(state), "offset 5"); // nothing was shown yet
    EXPECT_EQ(feed(state, heartbeat(40)), step::heartbeat);
    EXPECT_TRUE(state.caught_up());
    EXPECT_EQ(state.on_failure(lost), step::reconnect);
    EXPECT_EQ(query(state), "seq 40");
}

TEST(ReadSessionState, TheStartIsPinnedByTheFirstRecord) {
    read_session_state state({read_start::kind::timestamp, 99, false}, {});
    EXPECT_EQ(query(state), "time 99");
    EXPECT_EQ(feed(state, framed(records(7, 10))), step::batch);
    EXPECT_FALSE(state.caught_up());
    EXPECT_EQ(query(state), "seq 10");
}

TEST(ReadSessionState, AClampIsEvaluatedOnce) {
    read_session_state state(at_seq(100, true), {});
    EXPECT_EQ(query(state), "seq 100 clamp");
    EXPECT_EQ(query(state), "seq 100 clamp");
    feed(state, heartbeat(40));
    EXPECT_EQ(query(state), "seq 40");
}

TEST(ReadSessionState, CountAndBytesAreReduced) {
    read_limits limits;
    limits.count = 5;
    limits.bytes = 100;
    limits.until = 1000;
    read_session_state state(at_seq(3), limits);
    EXPECT_EQ(query(state), "seq 3 count 5 bytes 100 until 1000");
    feed(state, framed(records(3, 5)));
    EXPECT_EQ(query(state), "seq 5 count 3 bytes 80 until 1000");
    feed(state, framed(records(5, 8)));
    EXPECT_EQ(query(state), "nothing");
}

TEST(ReadSessionState, BytesEndTheReadToo) {
    read_limits limits;
    limits.bytes = 20;
    read_session_state state(at_seq(3), limits);
    feed(state, framed(records(3, 4)));
    EXPECT_EQ(query(state), "seq 4 bytes 10");
    feed(state, framed(records(4, 5)));
    EXPECT_EQ(query(state), "nothing");
}

// The whole request: what is not asked for is not limited.
TEST(ReadSessionState, ARequestIsTheRestAndNothingElse) {
    read_limits limits;
    limits.count = 5;
    read_session_state state(at_seq(100, true), limits);
    EXPECT_EQ(state.next_request(t0), (read_session_state::request{at_seq(100, true), limits}));
    feed(state, framed(records(7, 9)));
    limits.count = 3;
    EXPECT_EQ(state.next_request(t0), (read_session_state::request{at_seq(9), limits}));
}

TEST(ReadSessionState, AReadOfNothingStillAsksOnce) {
    read_limits none;
    none.count = 0;
    read_session_state state(at_seq(3), none);
    EXPECT_EQ(query(state), "seq 3 count 0");
    EXPECT_EQ(state.on_end_of_stream(false), step::done);
}

TEST(ReadSessionState, WaitIsReducedByTheTimeAtTheTail) {
    read_limits limits;
    limits.wait_seconds = 10;
    read_session_state state(at_seq(0), limits);
    EXPECT_EQ(query(state), "seq 0 wait 10");
    feed(state, framed(records(0, 3)), t0);
    EXPECT_EQ(query(state, t0 + 60s), "seq 3 wait 10"); // not at the tail yet
    feed(state, heartbeat(3), t0 + 60s);
    feed(state, heartbeat(3), t0 + 62s); // does not restart the clock
    EXPECT_EQ(query(state, t0 + 63500ms), "seq 3 wait 7");
    feed(state, framed(records(3, 4, 4)), t0 + 65s); // a batch does
    EXPECT_EQ(query(state, t0 + 66s), "seq 4 wait 9");
    EXPECT_EQ(query(state, t0 + 75s), "nothing");
}

TEST(ReadSessionState, AnUnboundedReadGoesOnAfterACleanEnd) {
    read_session_state state(at_seq(0), {});
    EXPECT_EQ(state.on_end_of_stream(false), step::reconnect);
    EXPECT_FALSE(state.failure());
    EXPECT_EQ(state.on_end_of_stream(true), step::reconnect);
    EXPECT_TRUE(state.failure());
}

TEST(ReadSessionState, ABoundedReadEndsWithItsStream) {
    for (int i = 0; i < 4; ++i) {
        read_limits limits;
        if (i == 0)
            limits.count = 5;
        if (i == 1)
            limits.bytes = 5;
        if (i == 2)
            limits.until = 5;
        if (i == 3)
            limits.wait_seconds = 0;
        read_session_state state(at_seq(0), limits);
        EXPECT_EQ(state.on_end_of_stream(false), step::done);
        EXPECT_EQ(state.on_end_of_stream(true), step::reconnect);
    }
}

TEST(ReadSessionState, AResumedReadThatHasComeToTheTailIsDone) {
    read_limits limits;
    limits.count = 5;
    const auto refusal = error::from_response(416, R"({"tail":{"seq_num":2,"timestamp":1}})");
    read_session_state state(at_seq(0), limits);
    feed(state, framed(records(0, 2)));
    EXPECT_EQ(state.on_failure(refusal), step::done);
    // A first answer of 416, or a stream shorter than what was read, is the caller's to know.
    read_session_state fresh(at_seq(2), limits);
    EXPECT_EQ(fresh.on_failure(refusal), step::failed);
    read_session_state shorter(at_seq(0), limits);
    feed(shorter, framed(records(0, 3)));
    EXPECT_EQ(shorter.on_failure(refusal), step::failed);
    EXPECT_EQ(shorter.failure()->what, error::kind::range);
}

TEST(ReadSessionState, AnUnboundedReadIsNotDoneAtTheTail) {
    read_session_state state(at_seq(0), {});
    feed(state, framed(records(0, 2)));
    EXPECT_EQ(state.on_failure(error::from_response(416, R"({"tail":{"seq_num":2,"timestamp":1}})")),
              step::failed);
}

TEST(ReadSessionState, OnlyWhatARetryCuresReconnects) {
    const std::pair<error, step> cases[] = {
        {lost, step::reconnect},
        {error::from_transport(net::make_error_code(net::error::timed_out), true), step::reconnect},
        {error::from_transport(net::make_error_code(net::error::tls_verify), false), step::reconnect},
        {error::from_response(503, R"({"code":"server_draining"})"), step::reconnect},
        {error::from_response(500, ""), step::reconnect},
        {error::from_response(401, R"({"code":"authn"})"), step::failed},
        {error::from_response(404, R"({"code":"stream_not_found"})"), step::failed},
        {error::from_response(409, R"({"code":"stream_deletion_pending"})"), step::failed},
        {error::from_transport(boost::asio::error::operation_aborted, true), step::failed},
    };
    for (const auto& [failure, expected] : cases) {
        read_session_state state(at_seq(0), {});
        EXPECT_EQ(state.on_failure(failure), expected) << failure.text();
        EXPECT_EQ(state.failure()->text(), failure.text());
    }
}

TEST(ReadSessionState, ATerminalFrameIsJudgedAsAnAnswer) {
    frame terminal;
    terminal.terminal = true;
    terminal.payload = std::string("\x01\xF7", 2) + R"({"code":"unavailable","message":""})";
    read_session_state state(at_seq(0), {});
    EXPECT_EQ(feed(state, terminal), step::reconnect);
    terminal.payload = std::string("\x01\x94", 2) + R"({"code":"stream_not_found","message":""})";
    EXPECT_EQ(feed(state, terminal), step::failed);
}

TEST(ReadSessionState, RecordsNeverGoBack) {
    read_session_state state(at_seq(5), {});
    EXPECT_EQ(feed(state, framed(records(4, 6))), step::failed);
    read_session_state other(at_tail(), {});
    EXPECT_EQ(feed(other, framed(records(4, 6))), step::batch);
    EXPECT_EQ(feed(other, framed(records(5, 7))), step::failed);
    EXPECT_EQ(other.failure()->what, error::kind::protocol);
}

TEST(ReadSessionState, TrimmedRecordsAreSkipped) {
    read_session_state state(at_seq(5), {});
    EXPECT_EQ(feed(state, framed(records(9, 11))), step::batch);
    EXPECT_EQ(state.position(), 11u);
    EXPECT_EQ(feed(state, heartbeat(20)), step::heartbeat); // 11 to 20 are gone
    EXPECT_EQ(state.position(), 20u);
}

// More records stand there than the batch holds: they come next.
TEST(ReadSessionState, ATailBehindRecordsSkipsNothing) {
    read_session_state state(at_seq(5), {});
    EXPECT_EQ(feed(state, framed(records(5, 7, 20))), step::batch);
    EXPECT_EQ(state.position(), 7u);
    EXPECT_FALSE(state.caught_up());
    EXPECT_EQ(query(state), "seq 7");
}

TEST(ReadSessionState, AnOlderTailMovesNothingBack) {
    read_session_state state(at_seq(5), {});
    EXPECT_EQ(feed(state, framed(records(5, 9))), step::batch);
    EXPECT_EQ(feed(state, heartbeat(7)), step::heartbeat);
    EXPECT_EQ(state.position(), 9u);
    EXPECT_EQ(query(state), "seq 9");
}

TEST(ReadSessionState, GarbageIsAProtocolError) {
    frame garbage;
    garbage.payload = "\xFF";
    read_session_state state(at_seq(5), {});
    EXPECT_EQ(feed(state, garbage), step::failed);
    EXPECT_EQ(state.on_bad_frame("why"), step::failed);
    EXPECT_EQ(feed(state, framed(records(5, 5 + batch_records_max + 1))), step::failed);
}

TEST(ReadSessionState, AdviceToMoveIsFollowedAtMostOnceAMinute) {
    read_session_state state(at_seq(0), {});
    feed(state, framed(records(0, 1)));
    EXPECT_FALSE(state.should_move(t0));
    feed(state, framed(records(1, 2), true));
    EXPECT_TRUE(state.should_move(t0));
    EXPECT_EQ(query(state), "seq 2");
    EXPECT_FALSE(state.should_move(t0));
    feed(state, framed(records(2, 3), true));
    EXPECT_FALSE(state.should_move(t0 + 59s));
    EXPECT_TRUE(state.should_move(t0 + 60s));
}

TEST(ReadSessionState, AdviceIsKeptUntilTheMoveAndNoLonger) {
    read_session_state state(at_seq(0), {});
    feed(state, framed(records(0, 1), true));
    feed(state, framed(records(1, 2)));
    EXPECT_TRUE(state.should_move(t0)) << "the batch behind it takes nothing back";
    EXPECT_EQ(query(state), "seq 2");
    feed(state, framed(records(2, 3)));
    EXPECT_FALSE(state.should_move(t0 + 2h)) << "the new connection has advised nothing";
}

} // namespace
} // namespace s2
