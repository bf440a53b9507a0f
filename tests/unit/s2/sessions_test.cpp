// The do halves of append and read sessions over a scripted server.

#include "tests/unit/s2/scripted_server.hpp"

namespace s2 {
namespace {

using namespace std::chrono_literals;
using test::answer;
using test::begin_session;
using test::frame_of;
using test::frame_reader;
using test::say;
using test::terminal_frame;

class Sessions : public testing::Test {
protected:
    net::test::test_world world;
    test::scripted_server server{world};
};

append_input one_record(std::uint64_t match) {
    append_input input;
    input.records.emplace_back();
    input.match_seq_num = match;
    return input;
}

read_batch batch_at(std::uint64_t seq_num, std::optional<std::uint64_t> tail = {}) {
    read_batch batch;
    batch.records.push_back({seq_num, 1, {}, "x"});
    if (tail)
        batch.tail = {*tail, 1};
    return batch;
}

read_start at_seq(std::uint64_t seq) {
    return {read_start::kind::seq_num, seq, false};
}

TEST_F(Sessions, AppendsAreAckedAndEnd) {
    server.on_request = [](net::server_exchange& exchange, std::size_t) -> net::task<> {
        co_await begin_session(exchange);
        frame_reader frames(exchange);
        for (;;) {
            const auto input = co_await frames.next();
            if (!input)
                break;
            const auto at = *input->match_seq_num;
            co_await say(exchange, frame_of({{at, 1}, {at + 1, 1}, {at + 1, 1}}));
        }
        co_await exchange.finish();
    };
    server.run([&](client& s2) -> net::task<> {
        auto opened = co_await append_session::open(s2, "stream", world.now() + 5s);
        const auto session = std::move(*opened);
        for (std::uint64_t i = 0; i < 3; ++i) {
            auto input = one_record(i);
            const auto sent = co_await session->send(input);
            EXPECT_TRUE(sent);
        }
        for (std::uint64_t i = 0; i < 3; ++i) {
            const auto event = co_await session->next();
            EXPECT_EQ(event.what, append_event::kind::ack);
            EXPECT_EQ(event.ack.start.seq_num, i);
        }
        const auto closed = co_await session->half_close();
        EXPECT_TRUE(closed);
        const auto end = co_await session->next();
        EXPECT_EQ(end.what, append_event::kind::end);
        EXPECT_FALSE(end.failure);
        auto late = one_record(3);
        const auto refused = co_await session->send(late);
        EXPECT_EQ(refused.error().what, error::kind::invalid);
    });
}

TEST_F(Sessions, ATerminalFrameEndsBothSides) {
    server.on_request = [](net::server_exchange& exchange, std::size_t) -> net::task<> {
        co_await begin_session(exchange);
        frame_reader frames(exchange);
        co_await frames.next();
        co_await say(exchange, terminal_frame(412, R"({"seq_num_mismatch":9})"));
        co_await exchange.finish();
    };
    server.run([&](client& s2) -> net::task<> {
        auto opened = co_await append_session::open(s2, "stream", world.now() + 5s);
        const auto session = std::move(*opened);
        auto input = one_record(7);
        co_await session->send(input);
        const auto end = co_await session->next();
        EXPECT_EQ(end.failure->seq_num_mismatch, 9u);
        const auto sent = co_await session->send(input);
        EXPECT_EQ(sent.error().seq_num_mismatch, 9u);
    });
}

TEST_F(Sessions, ARefusalAtTheHeadIsTheEnd) {
    server.on_request = [](net::server_exchange& exchange, std::size_t) {
        return answer(exchange, 404, R"({"code":"stream_not_found","message":""})");
    };
    server.run([&](client& s2) -> net::task<> {
        auto opened = co_await append_session::open(s2, "stream", world.now() + 5s);
        const auto session = std::move(*opened);
        const auto end = co_await session->next();
        EXPECT_EQ(classify(*end.failure), verdict::not_found);
    });
}

TEST_F(Sessions, AnEndIsCleanAndALostConnectionAmbiguous) {
    server.on_request = [](net::server_exchange& exchange, std::size_t number) -> net::task<> {
        co_await begin_session(exchange);
        frame_reader frames(exchange);
        co_await frames.next();
        if (number == 0)
            co_await exchange.finish();
        else
            exchange.reset();
    };
    server.run([&](client& s2) -> net::task<> {
        for (int i = 0; i < 2; ++i) {
            auto opened = co_await append_session::open(s2, "stream", world.now() + 5s);
            const auto session = std::move(*opened);
            auto input = one_record(7);
            co_await session->send(input);
            const auto end = co_await session->next();
            EXPECT_EQ(end.what, append_event::kind::end);
            EXPECT_EQ(end.failure.has_value(), i == 1)
                << "whether a batch is unacknowledged, the writer knows";
            if (end.failure)
                EXPECT_EQ(classify(*end.failure), verdict::retry_ambiguous) << end.failure->text();
        }
    });
}

TEST_F(Sessions, ASilentServerTimesOutAndAnAbortSaysWhy) {
    server.on_request = [&](net::server_exchange& exchange, std::size_t) -> net::task<> {
        co_await begin_session(exchange);
        co_await net::sleep_until(world, net::never);
    };
    server.run([&](client& s2) -> net::task<> {
        auto opened = co_await append_session::open(s2, "stream", world.now() + 5s);
        auto session = std::move(*opened);
        auto end = co_await session->next(world.now() + 4s);
        EXPECT_TRUE(net::is_timed_out(end.failure->transport));
        opened = co_await append_session::open(s2, "stream", world.now() + 5s);
        session = std::move(*opened);
        co_await net::with_task_group(world, [&](net::task_group& group) -> net::task<> {
            group.spawn([&]() -> net::task<> { end = co_await session->next(); });
            co_await world.settle();
            session->abort(error::from_invalid("had enough"));
            session->abort(error::from_invalid("another reason"));
            co_await group.join();
        });
        EXPECT_EQ(end.failure->message, "had enough");
    });
}

TEST_F(Sessions, ADeadlineOfTheSendingSideIsTheEndsReason) {
    server.on_request = [&](net::server_exchange& exchange, std::size_t) -> net::task<> {
        co_await begin_session(exchange);
        co_await net::sleep_until(world, net::never); // reads nothing: the window fills
    };
    server.run([&](client& s2) -> net::task<> {
        auto opened = co_await append_session::open(s2, "stream", world.now() + 5s);
        const auto session = std::move(*opened);
        append_event end;
        co_await net::with_task_group(world, [&](net::task_group& group) -> net::task<> {
            group.spawn([&]() -> net::task<> { end = co_await session->next(); });
            for (std::uint64_t at = 0;; ++at) {
                auto input = one_record(at);
                input.records.front().body = std::string(1'000'000, 'x');
                const auto sent = co_await session->send(input, world.now() + 1s);
                if (!sent)
                    break;
            }
            co_await group.join();
        });
        EXPECT_TRUE(net::is_timed_out(end.failure->transport)) << end.failure->text();
    });
}

TEST_F(Sessions, WhatAPeerTakesSlowlyIsProgressAndWhatItLeavesIsNone) {
    server.on_request = [&](net::server_exchange& exchange, std::size_t) -> net::task<> {
        co_await begin_session(exchange);
        co_await net::sleep_until(world, net::never); // reads nothing: the window fills
    };
    server.run([&](client& s2) -> net::task<> {
        auto opened = co_await append_session::open(s2, "stream", world.now() + 5s);
        const auto session = std::move(*opened);
        co_await net::with_task_group(world, [&](net::task_group& group) -> net::task<> {
            group.spawn([&]() -> net::task<> {
                for (std::uint64_t at = 0; at < 2; ++at) {
                    auto input = one_record(at);
                    input.records.front().body = std::string(1'000'000, 'x');
                    (void)co_await session->send(input);
                }
            });
            co_await world.settle();
            const auto handed_over = session->handed_over_bytes();
            EXPECT_GT(handed_over, 500'000u);
            EXPECT_LT(handed_over, 2'000'000u);
            co_await net::sleep_until(world, world.now() + 4s);
            EXPECT_EQ(session->handed_over_bytes(), handed_over);
            session->abort(error::from_invalid("enough"));
            co_await group.join();
        });
    });
}

TEST_F(Sessions, AReadResumesBehindTheLastRecord) {
    server.on_request = [&](net::server_exchange& exchange, std::size_t number) -> net::task<> {
        co_await begin_session(exchange);
        co_await say(exchange, frame_of(batch_at(5 + number)));
        if (number == 0) {
            co_await world.settle(); // read, and then lost
            exchange.reset();
        } else {
            co_await exchange.finish(); // a clean end of an unbounded read
        }
    };
    server.run([&](client& s2) -> net::task<> {
        read_session session(s2, "stream", at_seq(5), {});
        for (std::uint64_t seq = 5; seq < 8; ++seq) {
            const auto got = co_await session.next();
            EXPECT_EQ((*got)->records.at(0).seq_num, seq);
        }
        EXPECT_EQ(session.reconnects(), 2u);
    });
    EXPECT_EQ(server.heads.at(1).query(), "seq_num=6");
    EXPECT_EQ(server.heads.at(2).query(), "seq_num=7");
}

TEST_F(Sessions, SilenceReconnectsOnANewConnection) {
    server.on_request = [&](net::server_exchange& exchange, std::size_t number) -> net::task<> {
        co_await begin_session(exchange);
        if (number == 0) {
            read_batch heartbeat;
            heartbeat.tail = {9, 1};
            co_await say(exchange, frame_of(heartbeat));
        } else {
            co_await say(exchange, frame_of(batch_at(9, 10)));
        }
        co_await net::sleep_until(world, net::never);
    };
    server.run([&](client& s2) -> net::task<> {
        const auto before = world.now();
        const read_start tail;
        read_session session(s2, "stream", tail, {});
        auto got = co_await session.next();
        EXPECT_TRUE((*got)->records.empty());
        EXPECT_TRUE(session.caught_up());
        got = co_await session.next();
        EXPECT_EQ((*got)->records.at(0).seq_num, 9u);
        EXPECT_GE(world.now() - before, 20s);
        EXPECT_EQ(server.connections, 2u);
    });
    EXPECT_EQ(server.heads.at(0).query(), "tail_offset=0");
    EXPECT_EQ(server.heads.at(1).query(), "seq_num=9");
}

TEST_F(Sessions, ABoundedReadEndsAndAFinalErrorStays) {
    server.on_request = [](net::server_exchange& exchange, std::size_t number) -> net::task<> {
        if (number == 1) {
            co_await answer(exchange, 404, R"({"code":"stream_not_found","message":""})");
            co_return;
        }
        co_await begin_session(exchange);
        co_await say(exchange, frame_of(batch_at(5)));
        co_await exchange.finish();
    };
    server.run([&](client& s2) -> net::task<> {
        read_limits limits;
        limits.count = 1;
        read_session session(s2, "stream", at_seq(5), limits);
        auto got = co_await session.next();
        EXPECT_EQ((*got)->records.size(), 1u);
        for (int i = 0; i < 2; ++i) {
            got = co_await session.next();
            EXPECT_TRUE(got && !*got);
        }
        read_session missing(s2, "stream", at_seq(5), limits);
        for (int i = 0; i < 2; ++i) {
            got = co_await missing.next();
            EXPECT_EQ(classify(got.error()), verdict::not_found);
        }
    });
}

TEST_F(Sessions, FailuresAreRetriedUntilTheReaderGivesUp) {
    server.on_request = [](net::server_exchange& exchange, std::size_t) {
        return answer(exchange, 503, R"({"code":"unavailable","message":"later"})");
    };
    server.run([&](client& s2) -> net::task<> {
        read_session_options options;
        options.give_up_after = 30s;
        read_session session(s2, "stream", at_seq(5), {}, options);
        const auto early = co_await session.next(world.now() + 1s);
        EXPECT_TRUE(net::is_timed_out(early.error().transport));
        const auto late = co_await session.next();
        EXPECT_TRUE(late.error().is_code("unavailable"));
        EXPECT_GT(server.requests, 5u);
        EXPECT_LT(server.requests, 100u);
    });
}

} // namespace
} // namespace s2
