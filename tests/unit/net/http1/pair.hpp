#pragma once
// An HTTP/1.1 server and, over an in-memory pipe, a client of ours or the raw end of one.

#include "net/http1/client.hpp"
#include "net/http1/server.hpp"
#include "tests/unit/net/server/http_pair.hpp"

namespace net::test {

// Runs body(raw end of the client) against a server with this handler.
inline task<void> with_raw(test_world& world, pair_options options, http_handler handler,
                           std::function<task<void>(stream&, stop_source&)> body) {
    const end_user serve = [&](std::unique_ptr<stream> end, stop_source& stop) {
        return serve_http1(world, std::move(end), {}, options.limits, handler, stop);
    };
    const end_user use = [&](std::unique_ptr<stream> end, stop_source& stop) -> task<void> {
        co_await body(*end, stop);
    };
    co_await with_pipe(world, options, serve, use);
}

inline task<void> with_client(test_world& world, pair_options options, http_handler handler,
                              std::function<task<void>(http_client&, stop_source&)> body) {
    const end_user serve = [&](std::unique_ptr<stream> end, stop_source& stop) {
        return serve_http1(world, std::move(end), {}, options.limits, handler, stop);
    };
    const end_user use = [&](std::unique_ptr<stream> end, stop_source& stop) -> task<void> {
        const auto client = make_http1_client(world, std::move(end));
        co_await body(*client, stop);
    };
    co_await with_pipe(world, options, serve, use);
}

} // namespace net::test
