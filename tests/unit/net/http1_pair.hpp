#pragma once
// An HTTP/1.1 server and, over an in-memory pipe, a client of ours or the raw end of one.

#include "http_pair.hpp"
#include "net/http1_client.hpp"
#include "net/http1_server.hpp"

namespace net::test {

struct options_1 {
    http_limits limits;
    std::size_t pipe_bytes = 64 * 1024;
    bool split = false;
};

// Runs body(raw end of the client) against a server with this handler.
inline task<void> with_raw(test_world& world, options_1 options, http_handler handler,
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

inline task<void> with_client(test_world& world, options_1 options, http_handler handler,
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

} // namespace net::test
