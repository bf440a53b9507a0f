#include "tests/unit/net/http1/pair.hpp"

namespace net::test {
namespace {

// Says what it was asked, and the body.
task<void> mirror(server_exchange& exchange) {
    const auto body = co_await read_body(exchange, 1'000'000);
    std::string text = exchange.request().method + " " + exchange.request().target + " ";
    text += body ? *body : "<" + body.error().message() + ">";
    co_await respond_with(exchange, ok, text);
}

TEST(http1, requests_one_after_the_other_on_one_connection) {
    for (const bool split : {false, true}) {
        test_world world;
        world.run([&]() -> task<void> {
            pair_options options;
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
        pair_options options;
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
        pair_options options;
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
