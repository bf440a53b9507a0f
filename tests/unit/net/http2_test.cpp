#include "http_pair.hpp"

namespace net::test {
namespace {

const response_head ok;
const response_head not_found{404, {}};

task<void> echo(server_exchange& exchange) {
    response_head head;
    head.fields.push_back({"x-method", exchange.request().method});
    co_await exchange.respond(head);
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

TEST(http2, handler_that_never_answers_is_a_500) {
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

TEST(http2, handler_that_throws_mid_body_resets_only_its_stream) {
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

TEST(http2, client_reset_aborts_the_handler) {
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

TEST(http2, explicit_reset_ends_both_sides) {
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

TEST(http2, a_refused_request_was_not_processed) {
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

TEST(http2, drain_finishes_open_requests_and_takes_no_new_ones) {
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

TEST(http2, drain_ends_at_its_deadline) {
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

TEST(http2, destroyed_client_ends_its_exchanges_as_cancelled) {
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

TEST(http2, lost_connection_is_a_failure_not_an_end) {
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

TEST(http2, cancelled_tasks_leave_the_connection_whole) {
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

TEST(http2, idle_client_has_no_timer_and_idle_server_says_goodbye) {
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

TEST(http2, garbage_ends_the_connection_with_a_goaway) {
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

TEST(http2, graceful_close_ends_the_server_side) {
    test_world world;
    world.run([&]() -> task<void> {
        co_await with_http2(world, {}, echo, [&](http_client& client, stop_source&) -> task<void> {
            co_await client.close_gracefully();
            EXPECT_FALSE(client.usable());
        });
    });
    EXPECT_EQ(world.alarms_rung, 0u);
}

} // namespace
} // namespace net::test
