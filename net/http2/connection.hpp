#pragma once
// An http2_session over a stream: one loop reads, one writes, and the owners of exchanges wait here for
// windows, heads and bytes. Held by shared_ptr: whoever still waits in it keeps it alive, so closing it never
// leaves a task on freed memory. Every waiting function is static for that reason, and takes the pointer.
//
// A transport that ends while streams are open is a failure of theirs: its eof reads as connection_reset, so
// that error::eof on a body always means that the peer said END_STREAM.

#include "net/http/connection_places.hpp"
#include "net/http2/session.hpp"
#include "net/task/condition.hpp"

#include <memory>
#include <optional>
#include <string>

namespace net {

class http2_connection final : public connection_places::occupant {
public:
    using pointer = std::shared_ptr<http2_connection>;

    static constexpr std::size_t write_bytes_max = 64 * 1024; // in one write to the transport
    static constexpr std::size_t read_bytes = 64 * 1024;
    static constexpr std::size_t kept_bytes_max = 64 * 1024; // of the write buffer while idle
    // How long a GOAWAY may take to leave, and the peer to hang up after it.
    static constexpr duration farewell = std::chrono::seconds(1);

    http2_connection(environment& env, std::unique_ptr<stream> transport, http2_role role,
                     const http2_options& options);

    // Both end when the connection has ended. `first`: bytes that were read already.
    static task<void> read_loop(pointer self, std::string first);
    static task<void> write_loop(pointer self);

    // Ends every open exchange with `why`, and the transport. Only the first call counts.
    void fail(error_code why);

    const error_code& failure() const { return failure_; }

    bool ended() const { return static_cast<bool>(failure_); }

    // GOAWAY; what is open goes on, and write_loop ends with the last of it.
    void drain();

    http2_session& session() { return session_; }

    environment& env() { return env_; }

    std::string peer() const { return transport_->peer(); }

    // Tells the write loop that the session may have something to send, and waiters that streams have
    // changed.
    void poke();

    // Whatever the session had to say has been taken by the transport.
    bool flushed() const { return !writing_ && !session_.wants_send(); }

    // Notified when a request arrives, a stream closes, SETTINGS or GOAWAY come, or the connection ends.
    const condition& activity() const { return activity_; }

    // For who needs a place: where every request stalls, what the last of them to stall stalls in.
    standing stands() const override;

    void evict() noexcept override { fail(asio::error::operation_aborted); }

    // The body operations of an exchange.
    static task<result<std::size_t>> read_some(pointer self, std::int32_t id, asio::mutable_buffer into);
    static task<error_code> write(pointer self, std::int32_t id, std::span<const asio::const_buffer> from);
    static task<result<response_head>> response(pointer self, std::int32_t id);
    // Until the exchange has failed: reset by the peer, or gone with the connection.
    static task<void> until_lost(pointer self, std::int32_t id);
    error_code finish(std::int32_t id);
    void reset(std::int32_t id);
    void refuse(std::int32_t id);
    void give_up_body(std::int32_t id); // a read of it ends with timed_out
    void release(std::int32_t id);
    std::uint64_t handed_over_bytes(std::int32_t id); // of our body, to the transport

private:
    struct stream_waits {
        explicit stream_waits(environment& env)
            : readable(env)
            , writable(env)
            , lost(env) {}

        condition readable;
        condition writable;
        condition lost;
        std::optional<time_point> reading_since; // waits for more of the body
        std::optional<time_point> writing_since; // waits for the peer to take ours
    };

    std::shared_ptr<stream_waits> waits_of(std::int32_t id);
    void announce();

    environment& env_;
    std::unique_ptr<stream> transport_;
    http2_session session_;
    condition wake_;
    condition activity_;
    std::unordered_map<std::int32_t, std::shared_ptr<stream_waits>> waits_;
    error_code failure_;
    bool writing_ = false;
    time_point empty_since_; // without a request
    bool lingers_ = true;    // at the end the peer may have something to read yet
    error_code ending_;      // of the session; the GOAWAY that says so has still to leave
};

// The http_body half of an exchange over HTTP/2.
template <class Exchange>
class http2_exchange : public Exchange {
public:
    http2_exchange(http2_connection::pointer connection, std::int32_t id)
        : connection_(std::move(connection))
        , id_(id) {}

    ~http2_exchange() override { connection_->release(id_); }

    http2_exchange(const http2_exchange&) = delete;
    http2_exchange& operator=(const http2_exchange&) = delete;

    task<result<std::size_t>> read_some(asio::mutable_buffer into) override {
        return http2_connection::read_some(connection_, id_, into);
    }

    task<error_code> write(std::span<const asio::const_buffer> from) override {
        return http2_connection::write(connection_, id_, from);
    }

    task<error_code> finish() override { co_return connection_->finish(id_); }

    void reset() noexcept override { connection_->reset(id_); }

protected:
    const http2_connection::pointer connection_;
    const std::int32_t id_;
};

} // namespace net
