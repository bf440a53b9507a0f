#include "http_pair.hpp"
#include "net/http1_client.hpp"
#include "net/http1_server.hpp"
#include "net/http1_wire.hpp"

namespace net::test {
namespace {

const response_head ok;

struct options_1 {
    http_limits limits;
    std::size_t pipe_bytes = 64 * 1024;
    bool split = false;
};

// Runs body(raw end of the client) against a server with this handler.
task<void> with_raw(test_world& world, options_1 options, http_handler handler,
                    std::function<task<void>(stream&, stop_source&)> body) {
    auto ends = make_pipe(world, options.pipe_bytes);
    if (options.split)
        ends.second = std::make_unique<splitting_stream>(std::move(ends.second));
    stop_source stop(world);
    co_await with_task_group(world, [&](task_group& group) -> task<void> {
        group.spawn(
            [&] { return serve_http1(world, std::move(ends.first), {}, options.limits, handler, stop); });
        co_await body(*ends.second, stop);
        ends.second.reset();
        co_await group.join();
    });
}

task<void> with_client(test_world& world, options_1 options, http_handler handler,
                       std::function<task<void>(http_client&, stop_source&)> body) {
    auto ends = make_pipe(world, options.pipe_bytes);
    if (options.split)
        ends.second = std::make_unique<splitting_stream>(std::move(ends.second));
    stop_source stop(world);
    co_await with_task_group(world, [&](task_group& group) -> task<void> {
        group.spawn(
            [&] { return serve_http1(world, std::move(ends.first), {}, options.limits, handler, stop); });
        auto client = make_http1_client(world, std::move(ends.second));
        co_await body(*client, stop);
        client.reset();
        co_await group.join();
    });
}

// What a server answers to these bytes until it closes.
std::string answer_to(std::string sent, http_handler handler, http_limits limits = {}, bool end = false) {
    test_world world;
    std::string answer;
    world.run([&]() -> task<void> {
        options_1 options;
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

task<void> echo(server_exchange& exchange) {
    co_await exchange.respond(ok);
    std::string buffer(3000, '\0');
    for (;;) {
        const auto got = co_await exchange.read_some(asio::buffer(buffer));
        if (!got)
            break;
        const asio::const_buffer piece(buffer.data(), *got);
        const error_code ec = co_await exchange.write(one(piece));
        if (ec)
            co_return;
    }
    co_await exchange.finish();
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

// Beast's own limit does not count what it has taken, and a field is taken once the next one has begun.
TEST(http1_wire, a_head_has_its_limit_where_it_comes_field_by_field) {
    const auto parser = http1_request_parser::make(1000);
    const std::string field = "a: " + std::string(95, 'b') + "\r\n";
    std::string waiting = "GET / HTTP/1.1\r\n" + field + "a";
    std::size_t fields = 0;
    error_code failed;
    for (; !failed && fields < 100; ++fields) {
        const auto step = parser->head(waiting);
        failed = step.failed;
        waiting = waiting.substr(step.taken) + field.substr(1) + "a";
    }
    EXPECT_EQ(failed, make_error_code(error::limit_exceeded));
    EXPECT_EQ(fields, 10u);
}

TEST(http1_wire, a_head_of_exactly_its_limit_is_taken) {
    const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(100, 'x') + "\r\n\r\n";
    for (std::size_t cut = 0; cut < head.size(); ++cut) {
        const auto parser = http1_request_parser::make(head.size());
        const auto first = parser->head(head.substr(0, cut));
        EXPECT_FALSE(first.failed) << cut;
        EXPECT_FALSE(parser->head(head.substr(first.taken)).failed) << cut;
        EXPECT_TRUE(parser->head_done()) << cut;
        const auto smaller = http1_request_parser::make(head.size() - 1);
        const auto part = smaller->head(head.substr(0, cut));
        EXPECT_EQ(smaller->head(head.substr(part.taken)).failed, make_error_code(error::limit_exceeded))
            << cut;
    }
}

// Beast asserts where "0\r\n" has grown by one byte.
TEST(http1_wire, the_last_chunk_comes_in_any_pieces) {
    const auto parser = http1_request_parser::make(1000);
    parser->head("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    ASSERT_TRUE(parser->head_done());
    char into[8];
    const std::string_view last = http1_last_chunk;
    for (std::size_t bytes = 1; bytes <= last.size(); ++bytes) {
        const auto step = parser->body(last.substr(0, bytes), asio::buffer(into));
        EXPECT_FALSE(step.failed);
        EXPECT_EQ(step.taken, bytes == last.size() ? bytes : 0u);
    }
    EXPECT_TRUE(parser->done());
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

TEST(http1, requests_one_after_the_other_on_one_connection) {
    for (const bool split : {false, true}) {
        test_world world;
        world.run([&]() -> task<void> {
            options_1 options;
            options.split = split;
            co_await with_client(
                world, options, mirror, [&](http_client& client, stop_source&) -> task<void> {
                    for (int i = 0; i < 3; ++i) {
                        auto opened = co_await client.open(post("/" + std::to_string(i)), false);
                        auto& exchange = **opened;
                        EXPECT_FALSE(client.usable());
                        co_await write_text(exchange, "one ");
                        co_await write_text(exchange, "two");
                        co_await exchange.finish();
                        const auto response = co_await exchange.response();
                        EXPECT_EQ(response->status, 200u);
                        const auto body = co_await read_all(exchange);
                        EXPECT_EQ(body, "POST /" + std::to_string(i) + " one two");
                        opened->reset();
                        EXPECT_TRUE(client.usable());
                    }
                    auto sized = post("/sized");
                    sized.fields.push_back({"content-length", "3"});
                    auto opened = co_await client.open(sized, false);
                    co_await write_text(**opened, "abc");
                    co_await (*opened)->finish();
                    const auto body = co_await read_all(**opened);
                    EXPECT_EQ(body, "POST /sized abc");
                    opened->reset();
                    auto last = co_await client.open(get("/"), true);
                    const auto empty = co_await read_all(**last);
                    EXPECT_EQ(empty, "GET / ");
                });
        });
    }
}

TEST(http1, ten_mebibytes_both_ways_at_once) {
    test_world world;
    world.run([&]() -> task<void> {
        options_1 options;
        options.pipe_bytes = 5000;
        co_await with_client(world, options, echo, [&](http_client& client, stop_source&) -> task<void> {
            std::string sent(10 * 1024 * 1024, '\0');
            for (std::size_t i = 0; i < sent.size(); ++i)
                sent[i] = static_cast<char>(i * 2654435761u >> 24);
            auto opened = co_await client.open(post("/"), false);
            auto& exchange = **opened;
            std::string received;
            co_await with_task_group(world, [&](task_group& group) -> task<void> {
                group.spawn([&]() -> task<void> {
                    for (std::size_t at = 0; at < sent.size(); at += 100'000) {
                        const error_code ec = co_await write_text(exchange, sent.substr(at, 100'000));
                        EXPECT_FALSE(ec) << ec.message();
                    }
                    co_await exchange.finish();
                });
                group.spawn([&]() -> task<void> { received = co_await read_all(exchange, 10'000); });
                co_await group.join();
            });
            EXPECT_TRUE(received == sent);
            opened->reset();
            EXPECT_TRUE(client.usable());
        });
    });
}

TEST(http1, slow_reader_stops_the_writer) {
    test_world world;
    std::size_t accepted = 0;
    world.run([&]() -> task<void> {
        options_1 options;
        options.pipe_bytes = 10'000;
        co_await with_client(
            world, options,
            [&](server_exchange& exchange) -> task<void> {
                co_await exchange.respond(ok);
                for (;;) {
                    const error_code ec = co_await write_text(exchange, std::string(1000, 'x'));
                    if (ec)
                        co_return;
                    accepted += 1000;
                }
            },
            [&](http_client& client, stop_source&) -> task<void> {
                auto opened = co_await client.open(get("/"), true);
                co_await (*opened)->response();
                co_await world.settle();
                EXPECT_LE(accepted, 10'000u + 16 * 1024);
                const auto before = accepted;
                co_await world.settle();
                EXPECT_EQ(accepted, before);
            });
    });
}

TEST(http1, exchange_left_early_costs_the_connection) {
    test_world world;
    bool aborted = false;
    world.run([&]() -> task<void> {
        co_await with_client(
            world, {},
            [&](server_exchange& exchange) -> task<void> {
                co_await exchange.respond(ok);
                for (;;) {
                    const error_code ec = co_await write_text(exchange, std::string(1000, 'x'));
                    aborted = static_cast<bool>(ec);
                    if (ec)
                        co_return;
                }
            },
            [&](http_client& client, stop_source&) -> task<void> {
                auto opened = co_await client.open(get("/"), true);
                co_await (*opened)->response();
                opened->reset();
                EXPECT_FALSE(client.usable());
                auto again = co_await client.open(get("/"), true);
                EXPECT_TRUE(is_cancelled(again.error()));
            });
    });
    EXPECT_TRUE(aborted);
}

TEST(http1, client_meets_every_kind_of_ending) {
    struct scene {
        std::string answer;
        std::string seen;
        bool usable;
    };

    const std::string reset = "<" + error_code(asio::error::connection_reset).message() + ">";
    for (const scene& each : {
             scene{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab", true},
             scene{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab", true},
             scene{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab", "ab", false},
             scene{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "ab" + reset, false},
             scene{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "ab", true},
             scene{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "ab" + reset, false},
             scene{"HTTP/1.1 200 OK\r\n\r\nab", "ab", false},
             scene{"HTTP/1.1 204 No Content\r\n\r\n", "", true},
             scene{"HTTP/1.1 200", reset, false},
             scene{"", reset, false},
             scene{"SSH-2.0-OpenSSH\r\n\r\n", "<protocol error>", false},
             scene{"HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", "<a limit was exceeded>",
                   false},
         }) {
        test_world world;
        world.run([&]() -> task<void> {
            auto ends = make_pipe(world, 100'000);
            auto client = make_http1_client(world, std::move(ends.first));
            auto opened = co_await client->open(get("/"), true);
            co_await write_text(*ends.second, each.answer);
            if (!each.usable)
                co_await ends.second->shutdown_write();
            const auto seen = co_await read_all(**opened);
            EXPECT_EQ(seen, each.seen) << each.answer;
            opened->reset();
            EXPECT_EQ(client->usable(), each.usable) << each.answer;
        });
    }
}

TEST(http1, response_is_readable_where_the_server_stops_reading) {
    test_world world;
    world.run([&]() -> task<void> {
        auto ends = make_pipe(world, 1000);
        auto client = make_http1_client(world, std::move(ends.first));
        auto opened = co_await client->open(post("/"), false);
        co_await write_text(*ends.second, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
        ends.second.reset();
        const error_code ec = co_await write_text(**opened, std::string(10'000, 'x'));
        EXPECT_TRUE(ec);
        const auto response = co_await (*opened)->response();
        EXPECT_EQ(response->status, 413u);
        const auto body = co_await read_all(**opened);
        EXPECT_EQ(body, "no");
    });
}

} // namespace
} // namespace net::test
