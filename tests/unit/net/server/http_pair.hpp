#pragma once
// A client and a server of ours over an in-process pipe, with streams between them that cut writes or reads
// short.

#include "net/http2/client.hpp"
#include "net/http2/server.hpp"
#include "net/task/pipe.hpp"
#include "net/task/task_group.hpp"
#include "tests/unit/net/test_world.hpp"

#include <string>

namespace net::test {

inline std::span<const asio::const_buffer> one(const asio::const_buffer& buffer) {
    return {&buffer, 1};
}

inline task<error_code> write_text(http_body& to, std::string text) {
    const asio::const_buffer whole = asio::buffer(text);
    const error_code ec = co_await to.write(one(whole));
    co_return ec;
}

inline task<error_code> write_text(stream& to, std::string text) {
    const asio::const_buffer whole = asio::buffer(text);
    const error_code ec = co_await to.write(one(whole));
    co_return ec;
}

inline const response_head ok;

// Gives back the request's body as it comes.
inline task<void> echo(server_exchange& exchange) {
    co_await exchange.respond(ok);
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

// Everything until the end, or the error's name in angle brackets behind what came before it.
template <class From>
task<std::string> read_all(From& from, std::size_t piece = 4096) {
    std::string all;
    std::string buffer(piece, '\0');
    for (;;) {
        const auto got = co_await from.read_some(asio::buffer(buffer));
        if (!got) {
            if (!is_eof(got.error()))
                all += "<" + got.error().message() + ">";
            co_return all;
        }
        all.append(buffer.data(), *got);
    }
}

// Hands every byte over on its own, both ways.
class splitting_stream final : public stream {
public:
    explicit splitting_stream(std::unique_ptr<stream> inner)
        : inner_(std::move(inner)) {}

    task<result<std::size_t>> read_some(asio::mutable_buffer into) override {
        return inner_->read_some(asio::buffer(into, 1));
    }

    task<error_code> write(std::span<const asio::const_buffer> from) override {
        for (const auto& piece : from)
            for (std::size_t at = 0; at < piece.size(); ++at) {
                const asio::const_buffer byte(static_cast<const char*>(piece.data()) + at, 1);
                const error_code ec = co_await inner_->write(one(byte));
                if (ec)
                    co_return ec;
            }
        co_return error_code{};
    }

    task<error_code> shutdown_write() override { return inner_->shutdown_write(); }

    void close() noexcept override { inner_->close(); }

    std::string peer() const override { return inner_->peer(); }

private:
    std::unique_ptr<stream> inner_;
};

struct pair_options {
    http2_options client;
    http_limits limits;
    std::size_t pipe_bytes = 64 * 1024;
    bool split = false;
};

using end_user = std::function<task<void>(std::unique_ptr<stream>, stop_source&)>;

// Runs serve(one end of a pipe) and body(the other); both have ended when it returns.
inline task<void> with_pipe(test_world& world, pair_options options, end_user serve, end_user body) {
    auto ends = make_pipe(world, options.pipe_bytes);
    if (options.split)
        ends.second = std::make_unique<splitting_stream>(std::move(ends.second));
    stop_source stop(world);
    co_await with_task_group(world, [&](task_group& group) -> task<void> {
        group.spawn([&] { return serve(std::move(ends.first), stop); });
        co_await body(std::move(ends.second), stop);
        co_await group.join();
    });
}

// Runs body(client) against a server with this handler.
inline task<void> with_http2(test_world& world, pair_options options, http_handler handler,
                             std::function<task<void>(http_client&, stop_source&)> body) {
    const end_user serve = [&](std::unique_ptr<stream> end, stop_source& stop) {
        return serve_http2(world, std::move(end), {}, options.limits, handler, stop);
    };
    const end_user use = [&](std::unique_ptr<stream> end, stop_source& stop) -> task<void> {
        auto connected = co_await connect_http2(world, std::move(end), options.client);
        co_await body(**connected, stop);
    };
    co_await with_pipe(world, options, serve, use);
}

inline request_head get(std::string target) {
    request_head head;
    head.scheme = "http";
    head.authority = "test";
    head.target = std::move(target);
    return head;
}

inline request_head post(std::string target) {
    auto head = get(std::move(target));
    head.method = "POST";
    return head;
}

} // namespace net::test
