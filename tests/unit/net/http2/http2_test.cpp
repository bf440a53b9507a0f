#include "tests/unit/net/server/http_pair.hpp"

namespace net::test {
namespace {

const response_head not_found{404, {}};

TEST(http2, request_and_response) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(
            world, {},
            [](server_exchange& exchange) -> task<void> {
                EXPECT_EQ(exchange.request().path(), "/a%2Fb");
                EXPECT_EQ(exchange.request().query(), "x=1");
                EXPECT_EQ(exchange.request().authority, "test");
                EXPECT_EQ(find_field(exchange.request().fields, "x-own"), "value");
                EXPECT_EQ(exchange.http_version(), 2u);
                response_head head;
                head.fields.push_back({"x-back", "yes"});
                co_await respond_with(exchange, head, "hello");
            },
            [](http_client& client, stop_source&) -> task<void> {
                auto head = get("/a%2Fb?x=1");
                head.fields.push_back({"x-own", "value"});
                auto opened = co_await client.open(head, true);
                auto& exchange = **opened;
                const auto response = co_await exchange.response();
                EXPECT_EQ(response->status, 200u);
                EXPECT_EQ(find_field(response->fields, "x-back"), "yes");
                EXPECT_EQ(find_field(response->fields, "content-length"), "5");
                const auto body = co_await read_all(exchange);
                EXPECT_EQ(body, "hello");
                EXPECT_EQ(client.open_exchanges(), 0u);
                EXPECT_TRUE(client.usable());
            });
    });
}

TEST(http2, head_request_has_no_body) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(
            world, {},
            [](server_exchange& exchange) -> task<void> { co_await respond_with(exchange, ok, "hello"); },
            [](http_client& client, stop_source&) -> task<void> {
                auto head = get("/");
                head.method = "HEAD";
                auto opened = co_await client.open(head, true);
                auto& exchange = **opened;
                const auto response = co_await exchange.response();
                EXPECT_EQ(find_field(response->fields, "content-length"), "5");
                const auto body = co_await read_all(exchange);
                EXPECT_EQ(body, "");
            });
    });
}

// The whole way, 10 MiB both ways at once through windows of a few bytes.
void big_bodies(pair_options options, std::size_t size) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(world, options, echo, [&](http_client& client, stop_source&) -> task<void> {
            std::string sent(size, '\0');
            for (std::size_t i = 0; i < size; ++i)
                sent[i] = static_cast<char>(i * 2654435761u >> 24);
            auto opened = co_await client.open(post("/"), false);
            auto& exchange = **opened;
            std::string received;
            co_await with_task_group(world, [&](task_group& group) -> task<void> {
                group.spawn([&]() -> task<void> {
                    const error_code ec = co_await write_text(exchange, sent);
                    EXPECT_FALSE(ec) << ec.message();
                    const error_code end = co_await exchange.finish();
                    EXPECT_FALSE(end) << end.message();
                });
                group.spawn([&]() -> task<void> { received = co_await read_all(exchange, 10'000); });
                co_await group.join();
            });
            EXPECT_TRUE(received == sent);
        });
    });
}

TEST(http2, ten_mebibytes_both_ways_through_tiny_windows) {
    pair_options options;
    options.client.stream_window = 5000;
    options.client.connection_window = 70'000;
    options.limits.stream_window = 3000;
    options.limits.connection_window = 70'000;
    big_bodies(options, 10 * 1024 * 1024);
}

TEST(http2, ten_mebibytes_both_ways_through_default_windows) {
    big_bodies({}, 10 * 1024 * 1024);
}

TEST(http2, bytes_one_at_a_time) {
    pair_options options;
    options.split = true;
    options.pipe_bytes = 1;
    big_bodies(options, 20'000);
}

TEST(http2, slow_reader_stops_the_writer) {
    test_world world;
    pair_options options;
    options.client.stream_window = 100'000;
    std::size_t accepted = 0;
    error_code end;
    world.run([&]() -> task<void> {
        co_await with_http2(
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
                auto& exchange = **opened;
                co_await exchange.response();
                co_await world.settle();
                const auto bound = 100'000 + http2_session::outbox_bytes_max + 1000;
                EXPECT_LE(accepted, bound);
                EXPECT_GE(accepted, 100'000u);
                const auto before = accepted;
                co_await world.settle();
                EXPECT_EQ(accepted, before);
                std::string some(80'000, '\0');
                const auto got = co_await exchange.read_some(asio::buffer(some));
                EXPECT_EQ(*got, some.size());
                co_await world.settle();
                EXPECT_GT(accepted, before);
                EXPECT_LE(accepted, bound + 80'000);
            });
    });
}

TEST(http2, response_may_end_before_the_request) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(
            world, {},
            [](server_exchange& exchange) -> task<void> {
                std::string some(10, '\0');
                co_await exchange.read_some(asio::buffer(some));
                co_await respond_with(exchange, not_found, "not here");
            },
            [&](http_client& client, stop_source&) -> task<void> {
                auto opened = co_await client.open(post("/"), false);
                auto& exchange = **opened;
                co_await write_text(exchange, "first bytes");
                const auto response = co_await exchange.response();
                EXPECT_EQ(response->status, 404u);
                co_await world.settle();
                const error_code ec = co_await write_text(exchange, "more");
                EXPECT_EQ(ec, make_error_code(error::eof));
                const auto body = co_await read_all(exchange);
                EXPECT_EQ(body, "not here");
                EXPECT_TRUE(client.usable());
                EXPECT_EQ(client.open_exchanges(), 0u);
            });
    });
}

TEST(http2, concurrent_streams_wait_for_the_limit) {
    test_world world;
    pair_options options;
    options.limits.concurrent_streams_max = 3;
    std::size_t running = 0;
    std::size_t most = 0;
    std::size_t done = 0;
    world.run([&]() -> task<void> {
        co_await with_http2(
            world, options,
            [&](server_exchange& exchange) -> task<void> {
                most = std::max(most, ++running);
                co_await exchange.respond(ok);
                co_await read_all(exchange);
                --running;
                co_await exchange.finish();
            },
            [&](http_client& client, stop_source&) -> task<void> {
                co_await world.settle(); // the server's SETTINGS
                co_await with_task_group(world, [&](task_group& group) -> task<void> {
                    for (int i = 0; i < 20; ++i)
                        group.spawn([&]() -> task<void> {
                            auto opened = co_await client.open(post("/"), false);
                            const auto response = co_await (*opened)->response();
                            EXPECT_TRUE(response.has_value());
                            co_await (*opened)->finish();
                            const auto body = co_await read_all(**opened);
                            EXPECT_EQ(body, "");
                            ++done;
                        });
                    co_await group.join();
                });
            });
    });
    EXPECT_EQ(most, 3u);
    EXPECT_EQ(done, 20u);
}

TEST(http2, too_large_a_head_is_431_on_that_stream_only) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(world, {}, echo, [&](http_client& client, stop_source&) -> task<void> {
            auto large = post("/");
            large.fields.push_back({"x-large", std::string(20'000, 'x')});
            auto opened = co_await client.open(large, false);
            const auto response = co_await (*opened)->response();
            EXPECT_EQ(response->status, 431u);
            opened->reset();
            auto small = co_await client.open(get("/"), true);
            const auto second = co_await (*small)->response();
            EXPECT_EQ(second->status, 200u);
        });
    });
}

TEST(http2, too_large_a_response_head_fails_the_exchange) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(
            world, {},
            [](server_exchange& exchange) -> task<void> {
                response_head head;
                head.fields.push_back({"x-large", std::string(20'000, 'x')});
                co_await respond_with(exchange, head, "x");
            },
            [&](http_client& client, stop_source&) -> task<void> {
                auto opened = co_await client.open(get("/"), true);
                const auto response = co_await (*opened)->response();
                EXPECT_EQ(response.error(), make_error_code(error::limit_exceeded));
                EXPECT_TRUE(client.usable());
            });
    });
}

} // namespace
} // namespace net::test
