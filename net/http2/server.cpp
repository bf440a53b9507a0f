#include "net/http2/server.hpp"

#include "net/http2/connection.hpp"
#include "net/task/task_group.hpp"

namespace net {
namespace {

class exchange final : public http2_exchange<server_exchange> {
public:
    exchange(http2_connection::pointer connection, std::int32_t id)
        : http2_exchange(std::move(connection), id)
        , request_(std::move(connection_->session().find(id)->request)) {
        // The session still asks it whether this was a HEAD.
        connection_->session().find(id)->request.method = request_.method;
    }

    const request_head& request() const override { return request_; }

    unsigned http_version() const override { return 2; }

    bool responded() const override { return responded_; }

    std::string peer() const override { return connection_->peer(); }

    task<error_code> respond(response_head head, bool end) override {
        responded_ = true;
        const auto ec = connection_->session().respond(id_, head, end);
        connection_->poke();
        co_return ec;
    }

    void refuse() noexcept override { connection_->refuse(id_); }

    void give_up_body() noexcept override { connection_->give_up_body(id_); }

private:
    request_head request_;
    bool responded_ = false;
};

task<void> watch(http2_connection::pointer connection, std::int32_t id, task_group& handling) {
    co_await http2_connection::until_lost(connection, id);
    handling.abort();
}

task<void> handle(http2_connection::pointer connection, std::int32_t id, const http_handler& handler,
                  std::shared_ptr<const void> /*counted*/) {
    if (!connection->session().find(id))
        co_return;
    exchange one(connection, id);
    try {
        co_await with_task_group(connection->env(), [&](task_group& both) -> task<void> {
            both.spawn([&] { return watch(connection, id, both); });
            both.spawn([&]() -> task<void> { return handler(one); });
            co_await both.join_down_to(1);
        });
    } catch (const std::exception&) {
        // The exchange answers for it: its destructor sends 500 or resets.
    }
}

// However the connection's task ends, whoever still waits in it is woken.
struct closer {
    http2_connection::pointer connection;

    ~closer() { connection->fail(asio::error::operation_aborted); }
};

task<void> watch_stop(http2_connection::pointer connection, stop_token stop) {
    co_await stop.begun();
    connection->drain();
    co_await stop.over();
    connection->fail(asio::error::operation_aborted);
}

task<void> accept_requests(http2_connection::pointer connection, task_group& group, const http_limits& limits,
                           const http_handler& handler, connection_places::seat* at) {
    auto& session = connection->session();
    while (!connection->ended()) {
        if (const auto id = session.next_request()) {
            auto counted = at ? at->open_request() : nullptr;
            if (at && !counted) {
                connection->refuse(*id);
                connection->release(*id);
                continue;
            }
            group.spawn([connection, id = *id, &handler, counted] {
                return handle(connection, id, handler, counted);
            });
            continue;
        }
        const bool idle = session.open_streams() == 0;
        const auto until = idle ? saturating_add(connection->env().now(), limits.idle_timeout) : never;
        const bool news = co_await connection->activity().wait_until(until);
        if (!news)
            connection->drain();
    }
}

} // namespace

task<void> serve_http2(environment& env, std::unique_ptr<stream> transport, std::string first,
                       http_limits limits, const http_handler& handler, stop_token stop,
                       connection_places::place at) {
    http2_options options;
    options.stream_window = limits.stream_window;
    options.connection_window = limits.connection_window;
    options.concurrent_streams_max = limits.concurrent_streams_max;
    options.header_bytes_max = limits.header_bytes_max;
    const auto connection =
        std::make_shared<http2_connection>(env, std::move(transport), http2_role::server, options);
    const closer at_the_end{connection};
    const connection_places::seat::taken_by here(at.get(), *connection);
    co_await with_task_group(env, [&](task_group& group) -> task<void> {
        group.spawn([&] { return http2_connection::read_loop(connection, std::move(first)); });
        group.spawn([&] { return http2_connection::write_loop(connection); });
        group.spawn([&] { return watch_stop(connection, stop); });
        co_await accept_requests(connection, group, limits, handler, at.get());
    });
}

} // namespace net
