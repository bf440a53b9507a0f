#pragma once
// One connection to a handler over an in-process pipe, for tests of what is served over HTTP.

#include "net/http1/client.hpp"
#include "net/http1/server.hpp"
#include "net/task/pipe.hpp"
#include "tests/unit/agent/agent_world.hpp"

#include <functional>
#include <memory>
#include <string>

namespace agent::test {

struct answer {
    unsigned status = 0;
    net::http_fields fields;
    std::string body;
};

inline net::request_head request(std::string method, std::string target, net::http_fields fields = {}) {
    net::request_head head;
    head.method = std::move(method);
    head.target = std::move(target);
    head.authority = "localhost";
    head.fields = std::move(fields);
    return head;
}

inline net::task<net::error_code> write_text(net::http_body& to, std::string_view text) {
    const net::asio::const_buffer buffer(text.data(), text.size());
    const net::error_code ec = co_await to.write(std::span(&buffer, 1));
    co_return ec;
}

// One call on a connection; chunked unless the fields say a content-length.
inline net::task<answer> call(net::http_client& client, net::request_head head, std::string body = {}) {
    answer got;
    auto opened = co_await client.open(std::move(head), body.empty());
    if (!opened)
        co_return got;
    auto exchange = std::move(*opened);
    if (!body.empty()) {
        co_await write_text(*exchange, body); // a server that answers early may not read it all
        co_await exchange->finish();
    }
    auto response = co_await exchange->response();
    if (!response)
        co_return got;
    got.status = response->status;
    got.fields = response->fields;
    auto text = co_await net::read_body(*exchange, 64 * 1024 * 1024);
    if (text)
        got.body = std::move(*text);
    co_return got;
}

// Serves one connection with the handler while `body` uses its other end.
inline net::task<void> with_connection(net::environment& env, const net::http_handler& handler,
                                       net::stop_source& stop,
                                       std::function<net::task<void>(net::http_client&)> body,
                                       std::size_t pipe_bytes = 64 * 1024) {
    auto ends = net::make_pipe(env, pipe_bytes);
    const net::http_limits limits;
    co_await net::with_task_group(env, [&](net::task_group& group) -> net::task<void> {
        group.spawn([&] { return net::serve_http1(env, std::move(ends.first), {}, limits, handler, stop); });
        auto client = net::make_http1_client(env, std::move(ends.second));
        co_await body(*client);
        client.reset();
        co_await group.join();
    });
}

} // namespace agent::test
