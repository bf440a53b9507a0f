// Unary calls over a scripted server: what travels, and what each failure says about the request having been
// sent.

#include "tests/unit/s2/scripted_server.hpp"

namespace s2 {
namespace {

using namespace std::chrono_literals;
using test::answer;

class Client : public testing::Test {
protected:
    net::test::test_world world;
    test::scripted_server server{world};
};

constexpr const char* tail_body = R"({"tail":{"seq_num":18446744073709551615,"timestamp":5}})";

TEST_F(Client, ARequestCarriesTokenBasinAndEncodedName) {
    server.on_request = [](net::server_exchange& exchange, std::size_t) {
        return answer(exchange, 200, tail_body);
    };
    server.run([&](client& s2) -> net::task<> {
        const auto tail = co_await s2.check_tail("a/b c", world.now() + 5s);
        EXPECT_EQ(tail.value(), (stream_position{~0ull, 5}));
    });
    ASSERT_EQ(server.heads.size(), 1u);
    const auto& head = server.heads[0];
    EXPECT_EQ(head.target, "/v1/streams/a%2Fb%20c/records/tail");
    EXPECT_EQ(head.authority, "b.test");
    EXPECT_EQ(net::find_field(head.fields, "authorization"), "Bearer secret-token");
    EXPECT_EQ(net::find_field(head.fields, "s2-basin"), "basin-name");
}

TEST_F(Client, WithoutATokenThereIsNoAuthorization) {
    server.on_request = [](net::server_exchange& exchange, std::size_t) {
        return answer(exchange, 200, tail_body);
    };
    server.run(
        [&](client& s2) -> net::task<> {
            const auto tail = co_await s2.check_tail("stream", world.now() + 5s);
            EXPECT_TRUE(tail);
        },
        "");
    EXPECT_EQ(net::find_field(server.heads.at(0).fields, "authorization"), "");
}

TEST_F(Client, CallsShareAConnectionUntilItIsIdle) {
    server.on_request = [](net::server_exchange& exchange, std::size_t) {
        return answer(exchange, 200, tail_body);
    };
    server.run([&](client& s2) -> net::task<> {
        for (int i = 0; i < 3; ++i) {
            const auto tail = co_await s2.check_tail("stream", world.now() + 5s);
            EXPECT_TRUE(tail);
        }
        EXPECT_EQ(server.connections, 1u);
        EXPECT_EQ(s2.connections().connections(), 1u);
        co_await net::sleep_until(world, world.now() + 31s);
        EXPECT_EQ(s2.connections().connections(), 0u);
        const auto tail = co_await s2.check_tail("stream", world.now() + 5s);
        EXPECT_TRUE(tail);
        EXPECT_EQ(server.connections, 2u);
        s2.connections().drop_connections();
        const auto again = co_await s2.check_tail("stream", world.now() + 5s);
        EXPECT_TRUE(again);
        EXPECT_EQ(server.connections, 3u);
    });
}

TEST_F(Client, AFailedDialIsNotSent) {
    server.refuse_dials = {net::asio::error::connection_refused,
                           net::make_error_code(net::error::tls_verify)};
    server.on_request = [](net::server_exchange& exchange, std::size_t) {
        return answer(exchange, 200, tail_body);
    };
    server.run([&](client& s2) -> net::task<> {
        for (int i = 0; i < 2; ++i) {
            const auto tail = co_await s2.check_tail("stream", world.now() + 5s);
            EXPECT_FALSE(tail.error().sent);
            EXPECT_EQ(classify(tail.error()), verdict::retry);
            EXPECT_EQ(tail.error().text().rfind("cannot connect to b.test: ", 0), 0u) << tail.error().text();
        }
        const auto tail = co_await s2.check_tail("stream", world.now() + 5s);
        EXPECT_TRUE(tail);
    });
}

TEST_F(Client, ConcurrentCallsWaitForOneDial) {
    server.refuse_dials = {net::asio::error::connection_refused};
    server.on_request = [](net::server_exchange& exchange, std::size_t) {
        return answer(exchange, 200, tail_body);
    };
    server.run([&](client& s2) -> net::task<> {
        int failed = 0;
        int succeeded = 0;
        for (int round = 0; round < 2; ++round)
            co_await net::with_task_group(world, [&](net::task_group& group) -> net::task<> {
                for (int i = 0; i < 5; ++i)
                    group.spawn([&]() -> net::task<> {
                        const auto tail = co_await s2.check_tail("stream", world.now() + 5s);
                        ++(tail ? succeeded : failed);
                    });
                co_await group.join();
            });
        EXPECT_EQ(failed + succeeded, 10);
        EXPECT_GE(succeeded, 5);
        EXPECT_EQ(server.connections, 1u);
    });
}

TEST_F(Client, AnUnansweredCallTimesOutAndMayHaveBeenSent) {
    server.on_request = [&](net::server_exchange&, std::size_t) {
        return net::sleep_until(world, net::never);
    };
    server.run([&](client& s2) -> net::task<> {
        const auto before = world.now();
        const auto tail = co_await s2.check_tail("stream", before + 5s);
        EXPECT_TRUE(net::is_timed_out(tail.error().transport)) << tail.error().text();
        EXPECT_TRUE(tail.error().sent);
        EXPECT_EQ(world.now(), before + 5s);
    });
}

TEST_F(Client, ErrorsAreReadFromAnyBody) {
    server.on_request = [](net::server_exchange& exchange, std::size_t number) {
        if (number == 0)
            return answer(exchange, 404, R"({"code":"stream_not_found","message":"m"})");
        if (number == 1)
            return answer(exchange, 429, R"({"code":"rate_limited","message":"m"})",
                          {{"retry-after-ms", "250"}});
        if (number == 2)
            return answer(exchange, 502, "<html>");
        return answer(exchange, 200, "not json");
    };
    server.run([&](client& s2) -> net::task<> {
        auto tail = co_await s2.check_tail("stream", world.now() + 5s);
        EXPECT_EQ(classify(tail.error()), verdict::not_found);
        tail = co_await s2.check_tail("stream", world.now() + 5s);
        EXPECT_EQ(classify(tail.error()), verdict::retry);
        EXPECT_EQ(tail.error().retry_after, 250ms);
        tail = co_await s2.check_tail("stream", world.now() + 5s);
        EXPECT_EQ(classify(tail.error()), verdict::retry_ambiguous);
        tail = co_await s2.check_tail("stream", world.now() + 5s);
        EXPECT_EQ(tail.error().what, error::kind::protocol);
    });
}

TEST_F(Client, WhatBreaksALimitIsNeverSent) {
    server.on_request = [](net::server_exchange& exchange, std::size_t) { return answer(exchange, 200, ""); };
    server.run([&](client& s2) -> net::task<> {
        const append_input empty;
        const auto appended = co_await s2.append("stream", empty, world.now() + 5s);
        EXPECT_EQ(appended.error().what, error::kind::invalid);
        const auto tail = co_await s2.check_tail("..", world.now() + 5s);
        EXPECT_EQ(tail.error().what, error::kind::invalid);
        EXPECT_EQ(server.requests, 0u);
    });
}

TEST_F(Client, AnAckForOtherRecordsIsAProtocolError) {
    server.on_request = [](net::server_exchange& exchange, std::size_t) {
        std::string body;
        encode_append_ack({{0, 1}, {2, 1}, {2, 1}}, body);
        return answer(exchange, 200, body);
    };
    server.run([&](client& s2) -> net::task<> {
        append_input one;
        one.records.emplace_back();
        const auto appended = co_await s2.append("stream", one, world.now() + 5s);
        EXPECT_EQ(appended.error().what, error::kind::protocol);
    });
}

} // namespace
} // namespace s2
