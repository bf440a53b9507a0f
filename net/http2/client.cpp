#include "net/http2/client.hpp"

#include "net/http2/connection.hpp"
#include "net/task/task_group.hpp"

namespace net {
namespace {

class exchange final : public http2_exchange<client_exchange> {
public:
    using http2_exchange::http2_exchange;

    task<result<response_head>> response() override { return http2_connection::response(connection_, id_); }

    std::uint64_t handed_over_bytes() const override { return connection_->handed_over_bytes(id_); }
};

class client final : public http_client {
public:
    explicit client(http2_connection::pointer connection)
        : connection_(std::move(connection)) {}

    ~client() override { close(); }

    task<result<std::unique_ptr<client_exchange>>> open(request_head head, bool end) override {
        return open_on(connection_, std::move(head), end);
    }

    bool usable() const override { return !connection_->ended() && !connection_->session().going_away(); }

    std::size_t open_exchanges() const override { return connection_->session().open_streams(); }

    task<void> close_gracefully() override { return close_gracefully_on(connection_); }

    void close() noexcept override { connection_->fail(asio::error::operation_aborted); }

private:
    static task<result<std::unique_ptr<client_exchange>>> open_on(http2_connection::pointer connection,
                                                                  request_head head, bool end) {
        auto& session = connection->session();
        for (;;) {
            if (connection->ended())
                co_return connection->failure();
            if (session.going_away())
                co_return make_error_code(error::going_away);
            if (session.may_open())
                break;
            co_await connection->activity().wait();
        }
        const auto id = session.open(head, end);
        if (!id)
            co_return id.error();
        connection->poke();
        std::unique_ptr<client_exchange> opened = std::make_unique<exchange>(connection, *id);
        co_return std::move(opened);
    }

    static task<void> close_gracefully_on(http2_connection::pointer connection) {
        const auto until = saturating_add(connection->env().now(), http2_connection::farewell);
        connection->drain();
        auto said = [&] { return connection->ended() || connection->flushed(); };
        co_await wait_for(connection->activity(), said, until);
        connection->fail(asio::error::operation_aborted);
    }

    http2_connection::pointer connection_;
};

} // namespace

namespace {

// Nobody waits for the loops of a connection: what they throw ends the connection, whose users then hear of
// it, and not the program.
task<void> guarded(http2_connection::pointer connection, task<void> loop) {
    error_code why;
    try {
        co_await std::move(loop);
    } catch (const boost::system::system_error& failure) {
        why = failure.code();
    } catch (const std::bad_alloc&) {
        why = boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
    } catch (const std::exception&) {
        why = make_error_code(error::protocol);
    }
    if (why)
        connection->fail(why);
}

} // namespace

task<result<std::unique_ptr<http_client>>> connect_http2(environment& env, std::unique_ptr<stream> transport,
                                                         http2_options options) {
    auto connection =
        std::make_shared<http2_connection>(env, std::move(transport), http2_role::client, options);
    spawn_owned(env, connection, guarded(connection, http2_connection::read_loop(connection, {})));
    spawn_owned(env, connection, guarded(connection, http2_connection::write_loop(connection)));
    std::unique_ptr<http_client> made = std::make_unique<client>(connection);
    co_return std::move(made);
}

} // namespace net
