#include "net/system/environment.hpp"
#include "tests/unit/net/server/http_server_pair.hpp"
#include "tests/unit/net/throwing_stream.hpp"

#include <boost/asio/io_context.hpp>

#include <gmock/gmock.h>

#include <cerrno>
#include <cstring>

namespace net::test {
namespace {

TEST(http_server, one_port_speaks_both_versions) {
    test_world world;
    with_server(world, {}, version, {},
                [&](http_server& server, test_listener& at, stop_source&) -> task<void> {
                    auto connected = co_await connect_http2(world, at.dial());
                    const auto two = co_await ask(**connected);
                    EXPECT_EQ(two, "version 2");
                    auto client = make_http1_client(world, at.dial());
                    const auto first = co_await ask(*client);
                    EXPECT_EQ(first, "version 1");
                    EXPECT_EQ(server.connections(), 2u);
                    // A method that begins as the preface does is HTTP/1.1 all the same, however it arrives.
                    auto split = std::make_unique<splitting_stream>(at.dial());
                    co_await write_text(*split, "PRINT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                    const auto answer = co_await read_all(*split);
                    EXPECT_TRUE(answer.ends_with("version 1")) << answer;
                    auto whole = std::make_unique<splitting_stream>(at.dial());
                    auto slow = co_await connect_http2(world, std::move(whole));
                    const auto again = co_await ask(**slow);
                    EXPECT_EQ(again, "version 2");
                });
}

TEST(http_server, drain_lets_requests_finish_and_closes_silent_connections) {
    test_world world;
    condition go(world);
    with_server(
        world, {},
        [&](server_exchange& exchange) -> task<void> {
            co_await go.wait();
            co_await version(exchange);
        },
        {},
        [&](http_server&, test_listener& at, stop_source& stop) -> task<void> {
            auto silent = at.dial();
            auto halfway = at.dial();
            co_await write_text(*halfway, "PRI * HTT");
            auto connected = co_await connect_http2(world, at.dial());
            auto older = make_http1_client(world, at.dial());
            std::string two;
            std::string first;
            co_await with_task_group(world, [&](task_group& group) -> task<void> {
                group.spawn([&]() -> task<void> { two = co_await ask(**connected); });
                group.spawn([&]() -> task<void> { first = co_await ask(*older); });
                co_await world.settle();
                stop.drain(world.now() + std::chrono::seconds(10));
                co_await world.settle();
                EXPECT_TRUE(at.closed());
                const auto nothing = co_await read_all(*silent);
                EXPECT_EQ(nothing, "");
                go.notify();
                co_await group.join();
            });
            EXPECT_EQ(two, "version 2");
            EXPECT_EQ(first, "version 1");
        });
}

TEST(http_server, abort_ends_everything_at_once) {
    test_world world;
    bool aborted = false;
    with_server(
        world, {},
        [&](server_exchange&) -> task<void> {
            condition forever(world);
            try {
                co_await forever.wait();
            } catch (...) {
                aborted = true;
                throw;
            }
        },
        {},
        [&](http_server&, test_listener& at, stop_source& stop) -> task<void> {
            auto client = make_http1_client(world, at.dial());
            co_await with_task_group(world, [&](task_group& group) -> task<void> {
                group.spawn([&]() -> task<void> {
                    const auto text = co_await ask(*client);
                    EXPECT_EQ(text, "<" + error_code(asio::error::connection_reset).message() + ">");
                });
                co_await world.settle();
                stop.abort();
                co_await group.join();
            });
        });
    EXPECT_TRUE(aborted);
    EXPECT_EQ(world.alarms_rung, 0u);
}

TEST(http_server, secure_hook_that_hangs_or_fails_costs_only_its_connection) {
    test_world world;
    int calls = 0;
    const secure_hook secure = [&](std::unique_ptr<stream> plain) -> task<result<std::unique_ptr<stream>>> {
        const int call = ++calls;
        if (call == 1) {
            condition forever(world);
            co_await forever.wait();
        }
        if (call == 2)
            co_return make_error_code(error::tls_alpn);
        co_return std::move(plain);
    };
    with_server(world, {}, version, secure,
                [&](http_server& server, test_listener& at, stop_source&) -> task<void> {
                    const auto begin = world.now();
                    auto hanging = at.dial();
                    auto failing = at.dial();
                    const auto nothing = co_await read_all(*failing);
                    EXPECT_EQ(nothing, "");
                    EXPECT_EQ(world.now(), begin);
                    auto client = make_http1_client(world, at.dial());
                    const auto text = co_await ask(*client);
                    EXPECT_EQ(text, "version 1");
                    const auto late = co_await read_all(*hanging);
                    EXPECT_EQ(late, "");
                    EXPECT_EQ(world.now(), begin + std::chrono::seconds(30));
                    co_await world.settle();
                    EXPECT_EQ(server.connections(), 1u);
                });
}

// Whatever the kernel says of one accept, the listening goes on, and nobody who is connected hears of it.
TEST(http_server, an_error_of_accept_ends_nothing) {
    test_world world;
    with_server(world, {}, version, {},
                [&](http_server& server, test_listener& at, stop_source&) -> task<void> {
                    auto older = make_http1_client(world, at.dial());
                    co_await ask(*older);
                    for (const int number : {EMFILE, ENETDOWN, EHOSTDOWN, ENOPROTOOPT, EPERM, ENONET,
                                             EOPNOTSUPP, ETIMEDOUT, ENOBUFS, EINVAL, EBADF, EIO}) {
                        at.fail(number);
                        auto newer = make_http1_client(world, at.dial());
                        const auto text = co_await ask(*newer);
                        EXPECT_EQ(text, "version 1") << std::strerror(number);
                    }
                    const auto still = co_await ask(*older);
                    EXPECT_EQ(still, "version 1");
                    EXPECT_FALSE(at.closed());
                    co_await world.settle();
                    EXPECT_EQ(server.connections(), 1u);
                });
}

TEST(http_server, a_connection_that_fails_inside_ends_alone_and_is_told) {
    test_world world;
    std::vector<std::string> told;
    world.run([&]() -> task<void> {
        auto owned = std::make_unique<test_listener>(world);
        auto& at = *owned;
        http_server server(world, std::move(owned), {}, version, {}, {},
                           [&](const std::string& line) { told.push_back(line); });
        stop_source stop(world);
        co_await with_task_group(world, [&](task_group& group) -> task<void> {
            group.spawn([&] { return server.serve(stop); });
            auto client = make_http1_client(world, at.dial());
            co_await ask(*client);
            at.hand_over(std::make_unique<throwing_stream>());
            co_await world.settle();
            EXPECT_EQ(server.connections(), 1u);
            co_await server.serve_stream(std::make_unique<throwing_stream>(), stop);
            const auto text = co_await ask(*client);
            EXPECT_EQ(text, "version 1");
            stop.drain(world.now());
            co_await group.join();
        });
    });
    EXPECT_THAT(told, testing::ElementsAre(testing::HasSubstr("the reader is broken"),
                                           testing::HasSubstr("the reader is broken")));
}

TEST(http_server, listeners_that_share_places_hold_no_more_together) {
    test_world world;
    http_limits limits;
    limits.connections_max = 2;
    const auto places = std::make_shared<connection_places>(world, 3, 1);
    world.run([&]() -> task<void> {
        auto one = std::make_unique<test_listener>(world);
        auto other = std::make_unique<test_listener>(world);
        auto& at = *one;
        auto& there = *other;
        http_server first(world, std::move(one), limits, version, {}, places);
        http_server second(world, std::move(other), limits, version, {}, places);
        stop_source stop(world);
        co_await with_task_group(world, [&](task_group& group) -> task<void> {
            group.spawn([&] { return first.serve(stop); });
            group.spawn([&] { return second.serve(stop); });
            auto a = make_http1_client(world, at.dial());
            auto b = make_http1_client(world, at.dial());
            auto c = make_http1_client(world, there.dial());
            for (auto* each : {&a, &b, &c})
                co_await ask(**each);
            EXPECT_EQ(places->taken(), 3u);
            // The one that was idle longest goes, whichever listener it came by.
            auto d = make_http1_client(world, there.dial());
            const auto text = co_await ask(*d);
            EXPECT_EQ(text, "version 1");
            EXPECT_EQ(places->taken(), 3u);
            const auto gone = co_await ask(*a);
            EXPECT_TRUE(gone.starts_with("<")) << gone;
            stop.drain(world.now());
            co_await group.join();
        });
    });
    EXPECT_EQ(places->taken(), 0u);
}

// The same over the kernel's sockets.
TEST(http_server, over_tcp) {
    asio::io_context loop(1);
    system_environment env(loop);
    auto listening = env.listen(endpoint::tcp("127.0.0.1", 0));
    ASSERT_TRUE(listening.has_value());
    const auto at = (*listening)->local();
    std::string two;
    std::string first;
    http_server server(env, std::move(*listening), {}, version);
    stop_source stop(env);
    spawn_owned(env, nullptr, with_task_group(env, [&](task_group& group) -> task<void> {
                    group.spawn([&] { return server.serve(stop); });
                    auto dialled = co_await env.dial(at, env.now() + std::chrono::seconds(5));
                    auto connected = co_await connect_http2(env, std::move(*dialled));
                    two = co_await ask(**connected);
                    auto again = co_await env.dial(at, env.now() + std::chrono::seconds(5));
                    auto client = make_http1_client(env, std::move(*again));
                    first = co_await ask(*client);
                    stop.drain(env.now() + std::chrono::seconds(5));
                    co_await group.join();
                }));
    loop.run();
    EXPECT_EQ(two, "version 2");
    EXPECT_EQ(first, "version 1");
}

} // namespace
} // namespace net::test
