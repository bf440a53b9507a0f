#include "tests/unit/net/server/http_pair.hpp"
#include "tests/unit/net/throwing_stream.hpp"

namespace net::test {
namespace {

TEST(http2_endings, handler_that_never_answers_is_a_500) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(
            world, {}, [](server_exchange&) -> task<void> { co_return; },
            [](http_client& client, stop_source&) -> task<void> {
                auto opened = co_await client.open(post("/"), false);
                const auto response = co_await (*opened)->response();
                EXPECT_EQ(response->status, 500u);
            });
    });
}

TEST(http2_endings, handler_that_throws_mid_body_resets_only_its_stream) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(
            world, {},
            [](server_exchange& exchange) -> task<void> {
                co_await exchange.respond(ok);
                co_await write_text(exchange, "partial");
                std::string some(10, '\0');
                co_await exchange.read_some(asio::buffer(some));
                throw std::runtime_error("broken handler");
            },
            [&](http_client& client, stop_source&) -> task<void> {
                auto opened = co_await client.open(post("/"), false);
                auto& exchange = **opened;
                co_await exchange.response();
                co_await write_text(exchange, "go");
                const auto body = co_await read_all(exchange);
                EXPECT_EQ(body, "partial<the peer reset the request (RST_STREAM)>");
                EXPECT_TRUE(client.usable());
                auto second = co_await client.open(get("/"), true);
                const auto response = co_await (*second)->response();
                EXPECT_EQ(response->status, 200u);
            });
    });
}

TEST(http2_endings, client_reset_aborts_the_handler) {
    test_world world;
    bool aborted = false;
    bool entered = false;
    world.run([&]() -> task<void> {
        co_await with_http2(
            world, {},
            [&](server_exchange& exchange) -> task<void> {
                entered = true;
                co_await exchange.respond(ok);
                condition forever(world);
                try {
                    co_await forever.wait();
                } catch (const boost::system::system_error& why) {
                    aborted = is_cancelled(why.code());
                    throw;
                }
            },
            [&](http_client& client, stop_source&) -> task<void> {
                {
                    auto opened = co_await client.open(get("/"), true);
                    co_await (*opened)->response();
                    EXPECT_TRUE(entered);
                    EXPECT_FALSE(aborted);
                }
                co_await world.settle();
                EXPECT_TRUE(aborted);
                EXPECT_EQ(client.open_exchanges(), 0u);
                EXPECT_TRUE(client.usable());
            });
    });
}

TEST(http2_endings, explicit_reset_ends_both_sides) {
    test_world world;
    std::string seen;
    world.run([&]() -> task<void> {
        co_await with_http2(
            world, {},
            [&](server_exchange& exchange) -> task<void> {
                co_await exchange.respond(ok);
                seen = co_await read_all(exchange);
            },
            [&](http_client& client, stop_source&) -> task<void> {
                auto opened = co_await client.open(post("/"), false);
                auto& exchange = **opened;
                co_await exchange.response();
                exchange.reset();
                const error_code ec = co_await write_text(exchange, "late");
                EXPECT_TRUE(is_cancelled(ec));
                const auto body = co_await read_all(exchange);
                EXPECT_EQ(body, "<" + error_code(asio::error::operation_aborted).message() + ">");
            });
    });
}

TEST(http2_endings, a_refused_request_was_not_processed) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(
            world, {},
            [](server_exchange& exchange) -> task<void> {
                if (exchange.request().path() == "/refused")
                    exchange.refuse();
                else
                    co_await respond_with(exchange, ok, "hello");
            },
            [](http_client& client, stop_source&) -> task<void> {
                auto refused = co_await client.open(post("/refused"), false);
                const auto none = co_await (*refused)->response();
                EXPECT_EQ(none.error(), make_error_code(error::refused_stream));
                auto next = co_await client.open(get("/"), true);
                const auto body = co_await read_all(**next);
                EXPECT_EQ(body, "hello") << "the others go on";
            });
    });
}

TEST(http2_endings, drain_finishes_open_requests_and_takes_no_new_ones) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(world, {}, echo, [&](http_client& client, stop_source& stop) -> task<void> {
            auto opened = co_await client.open(post("/"), false);
            auto& exchange = **opened;
            co_await exchange.response();
            stop.drain(world.now() + std::chrono::seconds(10));
            co_await world.settle();
            EXPECT_FALSE(client.usable());
            auto refused = co_await client.open(get("/"), true);
            EXPECT_EQ(refused.error(), make_error_code(error::going_away));
            const error_code ec = co_await write_text(exchange, "still served");
            EXPECT_FALSE(ec);
            co_await exchange.finish();
            const auto body = co_await read_all(exchange);
            EXPECT_EQ(body, "still served");
        });
    });
    EXPECT_LE(world.alarms_rung, 1u);
}

TEST(http2_endings, drain_ends_at_its_deadline) {
    test_world world;
    bool aborted = false;
    world.run([&]() -> task<void> {
        const auto begin = world.now();
        co_await with_http2(
            world, {},
            [&](server_exchange& exchange) -> task<void> {
                co_await exchange.respond(ok);
                condition forever(world);
                try {
                    co_await forever.wait();
                } catch (...) {
                    aborted = true;
                    throw;
                }
            },
            [&](http_client& client, stop_source& stop) -> task<void> {
                auto opened = co_await client.open(get("/"), true);
                auto& exchange = **opened;
                co_await exchange.response();
                stop.drain(begin + std::chrono::seconds(10));
                const auto body = co_await read_all(exchange);
                EXPECT_EQ(body, "<" + error_code(asio::error::connection_reset).message() + ">");
                EXPECT_EQ(world.now(), begin + std::chrono::seconds(10));
            });
    });
    EXPECT_TRUE(aborted);
}

TEST(http2_endings, destroyed_client_ends_its_exchanges_as_cancelled) {
    test_world world;
    world.run([&]() -> task<void> {
        auto ends = make_pipe(world, 1000);
        auto connected = co_await connect_http2(world, std::move(ends.first));
        auto client = std::move(*connected);
        auto opened = co_await client->open(post("/"), false);
        auto exchange = std::move(*opened);
        std::size_t ended = 0;
        co_await with_task_group(world, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                const auto response = co_await exchange->response();
                EXPECT_TRUE(is_cancelled(response.error()));
                ++ended;
            });
            group.spawn([&]() -> task<void> {
                const error_code ec = co_await write_text(*exchange, std::string(1'000'000, 'x'));
                EXPECT_TRUE(is_cancelled(ec));
                ++ended;
            });
            co_await world.settle();
            EXPECT_EQ(ended, 0u);
            client.reset();
            co_await group.join();
        });
        EXPECT_EQ(ended, 2u);
    });
}

TEST(http2_endings, lost_connection_is_a_failure_not_an_end) {
    test_world world;
    world.run([&]() -> task<void> {
        auto ends = make_pipe(world, 100'000);
        auto connected = co_await connect_http2(world, std::move(ends.first));
        auto& client = **connected;
        auto opened = co_await client.open(post("/"), false);
        co_await world.settle();
        ends.second->close();
        const auto response = co_await (*opened)->response();
        EXPECT_EQ(response.error(), error_code(asio::error::connection_reset));
        const auto body = co_await read_all(**opened);
        EXPECT_EQ(body, "<" + error_code(asio::error::connection_reset).message() + ">");
        EXPECT_FALSE(client.usable());
        auto again = co_await client.open(get("/"), true);
        EXPECT_FALSE(again.has_value());
    });
}

TEST(http2_endings, cancelled_tasks_leave_the_connection_whole) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(world, {}, echo, [&](http_client& client, stop_source&) -> task<void> {
            auto stuck = co_await client.open(post("/"), false);
            co_await (*stuck)->response();
            // Nobody reads the echo, so the writer comes to wait; a reader of another exchange waits for
            // ever.
            auto quiet = co_await client.open(post("/"), false);
            co_await (*quiet)->response();
            bool writer_left = false;
            bool reader_left = false;
            co_await with_task_group(world, [&](task_group& group) -> task<void> {
                group.spawn([&]() -> task<void> {
                    const std::unique_ptr<bool, void (*)(bool*)> mark(&writer_left,
                                                                      [](bool* b) { *b = true; });
                    co_await write_text(**stuck, std::string(20'000'000, 'x'));
                    ADD_FAILURE() << "the write cannot have ended";
                });
                group.spawn([&]() -> task<void> {
                    const std::unique_ptr<bool, void (*)(bool*)> mark(&reader_left,
                                                                      [](bool* b) { *b = true; });
                    co_await read_all(**quiet);
                    ADD_FAILURE() << "the read cannot have ended";
                });
                co_await world.settle();
                EXPECT_FALSE(writer_left);
                EXPECT_FALSE(reader_left);
                group.abort();
                co_await world.settle();
            });
            EXPECT_TRUE(writer_left);
            EXPECT_TRUE(reader_left);
            // The torn body can't be ended as if it were whole.
            const error_code torn = co_await (*stuck)->finish();
            EXPECT_TRUE(is_cancelled(torn));
            stuck->reset();
            // The other exchange is as it was.
            co_await write_text(**quiet, "after all");
            co_await (*quiet)->finish();
            const auto body = co_await read_all(**quiet);
            EXPECT_EQ(body, "after all");
            EXPECT_TRUE(client.usable());
        });
    });
}

TEST(http2_endings, idle_client_has_no_timer_and_idle_server_says_goodbye) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(world, {}, echo, [&](http_client& client, stop_source&) -> task<void> {
            co_await world.settle();
            EXPECT_EQ(world.alarms_pending(), 1u); // the server's idle timeout
            const auto begin = world.now();
            auto opened = co_await client.open(get("/"), false);
            co_await (*opened)->response();
            EXPECT_EQ(world.alarms_pending(), 0u);
            opened->reset();
            co_await world.settle();
            co_await sleep_until(world, begin + std::chrono::minutes(10));
            EXPECT_FALSE(client.usable());
        });
    });
}

TEST(http2_endings, garbage_ends_the_connection_with_a_goaway) {
    test_world world;
    world.run([&]() -> task<void> {
        auto ends = make_pipe(world, 100'000);
        stop_source stop(world);
        const http_limits limits;
        const http_handler handler = echo;
        co_await with_task_group(world, [&](task_group& group) -> task<void> {
            group.spawn([&] { return serve_http2(world, std::move(ends.first), {}, limits, handler, stop); });
            co_await write_text(*ends.second, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(100, 'x'));
            const auto answer = co_await read_all(*ends.second);
            EXPECT_NE(answer.find(std::string("\x07\0\0\0\0\0", 6)), std::string::npos) << "no GOAWAY";
            co_await group.join();
        });
    });
}

TEST(http2_endings, graceful_close_ends_the_server_side) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(world, {}, echo, [&](http_client& client, stop_source&) -> task<void> {
            co_await client.close_gracefully();
            EXPECT_FALSE(client.usable());
        });
    });
    EXPECT_EQ(world.alarms_rung, 0u);
}

// The peer takes everything and never hangs up.
TEST(http2_endings, graceful_close_does_not_wait_for_the_peer_where_a_request_was_given_up) {
    test_world world;
    const auto begun = world.now();
    auto ends = make_pipe(world, 16 /* so that a write takes its time */);
    world.run([&]() -> task<void> {
        auto client = co_await connect_http2(world, std::move(ends.first), {});
        co_await with_task_group(world, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> { (void)co_await read_all(*ends.second); });
            request_head head;
            head.method = "POST";
            head.target = "/";
            head.authority = "peer";
            auto given_up = co_await (*client)->open(head, false);
            group.spawn([&]() -> task<void> {
                co_await (*client)->close_gracefully();
                group.abort();
            });
            group.spawn([&]() -> task<void> {
                given_up->reset(); // the exchange goes
                co_return;
            });
            co_await group.join();
        });
    });
    EXPECT_EQ(world.now(), begun);
}

// Nobody waits for the loops of a client's connection, so what they throw must not reach the program's loop.
TEST(http2_endings, a_client_whose_transport_throws_is_of_no_further_use) {
    test_world world;
    world.run([&]() -> task<void> {
        auto connected = co_await connect_http2(world, std::make_unique<throwing_stream>());
        co_await world.settle();
        EXPECT_FALSE((*connected)->usable());
        const auto opened = co_await (*connected)->open(get("/"), true);
        EXPECT_EQ(opened.error(), make_error_code(error::protocol));
    });
}

} // namespace
} // namespace net::test
