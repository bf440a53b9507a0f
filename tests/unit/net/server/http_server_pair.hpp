#pragma once
// A server of both versions on a listener whose connections a test makes.

#include "net/http1/client.hpp"
#include "net/server/http_server.hpp"
#include "tests/unit/net/server/http_pair.hpp"
#include "tests/unit/net/test_listener.hpp"

namespace net::test {

inline task<void> version(server_exchange& exchange) {
    co_await respond_with(exchange, ok, "version " + std::to_string(exchange.http_version()));
}

using server_body = std::function<task<void>(http_server&, test_listener&, stop_source&)>;

inline void with_server(test_world& world, http_limits limits, http_handler handler, secure_hook secure,
                        server_body body) {
    world.run([&]() -> task<void> {
        auto owned = std::make_unique<test_listener>(world);
        auto& at = *owned;
        http_server server(world, std::move(owned), limits, handler, secure);
        stop_source stop(world);
        co_await with_task_group(world, [&](task_group& group) -> task<void> {
            group.spawn([&] { return server.serve(stop); });
            co_await body(server, at, stop);
            stop.drain(world.now());
            co_await group.join();
        });
        EXPECT_EQ(server.connections(), 0u);
        EXPECT_TRUE(at.closed());
    });
}

inline task<std::string> ask(http_client& client) {
    auto opened = co_await client.open(get("/"), true);
    if (!opened)
        co_return "<" + opened.error().message() + ">";
    auto text = co_await read_all(**opened);
    co_return text;
}

} // namespace net::test
