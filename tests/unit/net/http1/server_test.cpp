#include "tests/unit/net/http1/pair.hpp"

namespace net::test {
namespace {

// What a server answers to these bytes until it closes.
std::string answer_to(std::string sent, http_handler handler, http_limits limits = {}, bool end = false) {
    test_world world;
    std::string answer;
    world.run([&]() -> task<void> {
        pair_options options;
        options.limits = limits;
        co_await with_raw(world, options, handler, [&](stream& raw, stop_source&) -> task<void> {
            co_await write_text(raw, sent);
            if (end)
                co_await raw.shutdown_write();
            answer = co_await read_all(raw);
        });
    });
    return answer;
}

task<void> hello(server_exchange& exchange) {
    co_await respond_with(exchange, ok, "hello");
}

// Says what it was asked, and the body.
task<void> mirror(server_exchange& exchange) {
    const auto body = co_await read_body(exchange, 1'000'000);
    std::string text = exchange.request().method + " " + exchange.request().target + " ";
    text += body ? *body : "<" + body.error().message() + ">";
    co_await respond_with(exchange, ok, text);
}

TEST(http1_server, closes_when_asked_to) {
    EXPECT_EQ(answer_to("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", hello),
              "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
}

TEST(http1_server, pipelined_requests_are_answered_in_order) {
    EXPECT_EQ(answer_to("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                        "\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "2;x=y\r\nde\r\n1\r\nf\r\n0\r\nTrailer: t\r\n\r\n"
                        "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                        mirror),
              "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nPOST /1 abc"
              "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nPOST /2 def"
              "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nGET /3 ");
}

TEST(http1_server, unknown_length_is_chunked_and_in_1_0_ends_with_the_connection) {
    EXPECT_EQ(
        answer_to("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab", echo),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n2\r\nab\r\n0\r\n\r\n");
    EXPECT_EQ(answer_to("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab", echo),
              "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nab");
}

TEST(http1_server, http_1_0_may_ask_to_keep_alive) {
    EXPECT_EQ(answer_to("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n", hello),
              "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nhello"
              "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
}

TEST(http1_server, head_and_204_have_no_body) {
    EXPECT_EQ(answer_to("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", hello),
              "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\n");
    EXPECT_EQ(answer_to("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                        [](server_exchange& exchange) -> task<void> {
                            response_head head;
                            head.status = 204;
                            co_await respond_with(exchange, head, "ignored");
                        }),
              "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
}

TEST(http1_server, expect_continue) {
    EXPECT_EQ(answer_to("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
                        "Connection: close\r\n\r\nab",
                        mirror),
              "HTTP/1.1 100 Continue\r\n\r\n"
              "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nPOST / ab");
    // Answered without reading: whether the body comes is anybody's guess.
    EXPECT_EQ(
        answer_to("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n", hello),
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
}

TEST(http1_server, upgrade_to_h2c_is_ignored) {
    const auto answer = answer_to("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
                                  "Connection: Upgrade, HTTP2-Settings, close\r\n\r\n",
                                  hello);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
}

TEST(http1_server, malformed_requests_are_400) {
    const std::string bad = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for (const std::string sent : {
             "hello\r\n\r\n",
             "GET / HTTP/1.1\r\n\r\n", // no Host
             "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
             "GET / HTTP/2.5\r\nHost: a\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
             "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
         })
        EXPECT_EQ(answer_to(sent, hello), bad) << sent;
    EXPECT_EQ(answer_to("GET / HT", hello, {}, true), bad);
}

TEST(http1_server, malformed_chunk_is_an_error_of_the_body) {
    const auto answer =
        answer_to("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", mirror);
    EXPECT_NE(answer.find("<protocol error>"), std::string::npos) << answer;
    const auto endless = answer_to("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                                       std::string(200'000, 'x'),
                                   mirror);
    EXPECT_NE(endless.find("<protocol error>"), std::string::npos) << endless;
}

TEST(http1_server, too_large_a_head_is_431) {
    const auto answer =
        answer_to("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", hello);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 431 ")) << answer;
    const auto endless = answer_to("GET /" + std::string(300'000, 'x'), hello);
    EXPECT_TRUE(endless.starts_with("HTTP/1.1 431 ")) << endless;
    const auto fits = answer_to(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: " + std::string(16'000, 'x') + "\r\n\r\n",
        hello);
    EXPECT_TRUE(fits.starts_with("HTTP/1.1 200 ")) << fits;
}

TEST(http1_server, half_a_head_times_out_and_an_idle_connection_is_closed) {
    test_world world;
    world.run([&]() -> task<void> {
        const auto begin = world.now();
        co_await with_raw(world, {}, hello, [&](stream& raw, stop_source&) -> task<void> {
            co_await write_text(raw, "GET / HTTP");
            const auto answer = co_await read_all(raw);
            EXPECT_TRUE(answer.starts_with("HTTP/1.1 408 ")) << answer;
            EXPECT_EQ(world.now(), begin + std::chrono::seconds(30));
        });
        const auto second = world.now();
        co_await with_raw(world, {}, hello, [&](stream& raw, stop_source&) -> task<void> {
            const auto answer = co_await read_all(raw);
            EXPECT_EQ(answer, "");
            EXPECT_EQ(world.now(), second + std::chrono::minutes(5));
        });
    });
}

TEST(http1_server, unread_body_is_skipped_if_small_and_closes_if_large) {
    const std::string next = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    const auto small = answer_to("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" +
                                     std::string(50'000, 'x') + next,
                                 hello);
    EXPECT_EQ(small, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
                     "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
    const auto large = answer_to("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" +
                                     std::string(500'000, 'x') + next,
                                 hello);
    EXPECT_EQ(large, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
}

TEST(http1_server, silent_handler_is_500_and_torn_response_closes) {
    EXPECT_EQ(answer_to("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                        [](server_exchange&) -> task<void> { co_return; }),
              "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    EXPECT_EQ(answer_to("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
                        [](server_exchange& exchange) -> task<void> {
                            co_await exchange.respond(ok);
                            co_await write_text(exchange, "ab");
                            throw std::runtime_error("broken handler");
                        }),
              "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n");
}

TEST(http1_server, no_head_is_split_in_two_by_a_field) {
    EXPECT_EQ(answer_to("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                        [](server_exchange& exchange) -> task<void> {
                            response_head head;
                            head.fields.push_back({"x", "a\r\nset-cookie: evil"});
                            const error_code ec = co_await exchange.respond(head, true);
                            EXPECT_EQ(ec, error_code(asio::error::invalid_argument));
                        }),
              "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

TEST(http1_server, half_closed_client_is_still_answered) {
    test_world world;
    world.run([&]() -> task<void> {
        condition go(world);
        co_await with_raw(
            world, {},
            [&](server_exchange& exchange) -> task<void> {
                co_await go.wait();
                co_await respond_with(exchange, ok, "late");
            },
            [&](stream& raw, stop_source&) -> task<void> {
                co_await write_text(raw, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                co_await raw.shutdown_write();
                co_await world.settle();
                go.notify();
                const auto answer = co_await read_all(raw);
                EXPECT_EQ(answer, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate");
            });
    });
}

TEST(http1_server, truncated_body_is_no_end) {
    const auto answer =
        answer_to("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", mirror, {}, true);
    EXPECT_NE(answer.find("<" + error_code(asio::error::connection_reset).message()), std::string::npos)
        << answer;
}

TEST(http1_server, drain_finishes_the_current_request_and_closes_idle_connections) {
    test_world world;
    world.run([&]() -> task<void> {
        condition go(world);
        co_await with_raw(
            world, {},
            [&](server_exchange& exchange) -> task<void> {
                co_await go.wait();
                co_await respond_with(exchange, ok, "done");
            },
            [&](stream& raw, stop_source& stop) -> task<void> {
                co_await write_text(raw, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                co_await world.settle();
                stop.drain(world.now() + std::chrono::seconds(10));
                co_await world.settle();
                go.notify();
                const auto answer = co_await read_all(raw);
                EXPECT_EQ(answer, "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ndone");
            });
        co_await with_raw(world, {}, hello, [&](stream& raw, stop_source& stop) -> task<void> {
            co_await world.settle();
            stop.drain(world.now() + std::chrono::seconds(10));
            const auto answer = co_await read_all(raw);
            EXPECT_EQ(answer, "");
        });
    });
    EXPECT_EQ(world.alarms_rung, 0u);
}

} // namespace
} // namespace net::test
