#include "net/http1/server.hpp"

#include "net/http1/exchange.hpp"
#include "net/task/task_group.hpp"

#include <optional>

namespace net {
namespace {

constexpr std::size_t empty_lines_max = 16; // before a request; some clients send one

void skip_empty_lines(http1_connection& connection, std::size_t& skipped) {
    while (skipped < 2 * empty_lines_max && !connection.bytes().empty() &&
           (connection.bytes().front() == '\r' || connection.bytes().front() == '\n')) {
        connection.take(1);
        ++skipped;
    }
}

task<void> refuse(http1_connection& connection, unsigned status) {
    response_head head;
    head.status = status;
    head.fields.push_back({"content-length", "0"});
    const auto text = http1_response_text(head, {.framing = http1_framing::length});
    const asio::const_buffer whole(text->data(), text->size());
    const std::span<const asio::const_buffer> from(&whole, 1);
    co_await connection.write(from);
    co_await connection.say_goodbye();
}

// The next request's head, or nothing: the connection is over, and has been told why.
task<std::optional<http1_request>> next_head(http1_connection& connection, http1_request_parser& parser,
                                             const http_limits& limits) {
    std::size_t skipped = 0;
    skip_empty_lines(connection, skipped);
    const auto idle_until = saturating_add(connection.env().now(), limits.idle_timeout);
    while (connection.bytes().empty()) {
        if (connection.draining())
            co_return std::nullopt;
        const bool came = co_await connection.more_than(0, idle_until);
        if (!came)
            co_return std::nullopt;
        skip_empty_lines(connection, skipped);
    }
    const auto until = saturating_add(connection.env().now(), limits.header_timeout);
    while (!parser.head_done()) {
        const auto step = parser.head(connection.bytes());
        connection.take(step.taken);
        if (step.failed) {
            co_await refuse(connection, step.failed == make_error_code(error::limit_exceeded) ? 431u : 400u);
            co_return std::nullopt;
        }
        if (parser.head_done() || step.taken > 0)
            continue;
        const bool more = co_await connection.more_than(connection.bytes().size(), until);
        if (!more) {
            if (!connection.failure())
                co_await refuse(connection, connection.ended() ? 400u : 408u);
            co_return std::nullopt;
        }
    }
    auto request = parser.request();
    if (!request) {
        co_await refuse(connection, 400);
        co_return std::nullopt;
    }
    co_return std::move(*request);
}

task<void> handle(http1_connection& connection, http1_exchange& one, const http_handler& handler) {
    try {
        co_await with_task_group(connection.env(), [&](task_group& group) -> task<void> {
            const http1_connection::abort_with failing(connection, group);
            group.spawn([&]() -> task<void> { return handler(one); });
            co_await group.join();
        });
    } catch (const std::exception&) {
        // complete() answers for it: 500, or the connection ends.
    }
}

task<void> serve_requests(http1_connection& connection, const http_limits& limits,
                          const http_handler& handler) {
    for (;;) {
        const auto parser = http1_request_parser::make(limits.header_bytes_max);
        auto request = co_await next_head(connection, *parser, limits);
        if (!request)
            co_return;
        http1_exchange one(connection, std::move(*request), *parser);
        connection.begin_request();
        co_await handle(connection, one, handler);
        connection.end_request();
        const auto until = saturating_add(connection.env().now(), limits.header_timeout);
        const bool again = co_await one.complete(until);
        if (!again)
            break;
    }
    // Nobody waits for an idle connection's client, only for one that has still an answer to read.
    co_await connection.say_goodbye();
}

task<void> watch_stop(http1_connection& connection, stop_token stop) {
    co_await stop.begun();
    connection.drain();
    co_await stop.over();
    connection.fail(asio::error::operation_aborted);
}

} // namespace

task<void> serve_http1(environment& env, std::unique_ptr<stream> transport, std::string first,
                       const http_limits& limits, const http_handler& handler, stop_token stop,
                       connection_places::place at) {
    http1_connection connection(env, std::move(transport), std::move(first));
    const connection_places::seat::taken_by here(at.get(), connection);
    co_await with_task_group(env, [&](task_group& group) -> task<void> {
        group.spawn([&] { return connection.read_loop(); });
        group.spawn([&] { return watch_stop(connection, stop); });
        co_await serve_requests(connection, limits, handler);
    });
}

} // namespace net
