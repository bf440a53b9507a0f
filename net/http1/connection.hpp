#pragma once
// The server's side of one HTTP/1.1 transport: what all its requests share. One loop reads ahead into a
// bounded buffer, so that an end or a reset is noticed also while a handler runs, and so that no read is ever
// abandoned halfway; everything else takes its bytes from there. Writes come one at a time.

#include "net/byte_queue.hpp"
#include "net/http/connection_places.hpp"
#include "net/http1/wire.hpp"
#include "net/task/condition.hpp"
#include "net/task/task_group.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>

namespace net {

class http1_connection final : public connection_places::occupant {
public:
    static constexpr std::size_t read_ahead_bytes_max = 32 * 1024; // more than any head or chunk line
    static constexpr std::size_t read_bytes = 16 * 1024;           // at a time

    http1_connection(environment& env, std::unique_ptr<stream> transport, std::string first);

    // Ends with the transport's direction towards us.
    task<void> read_loop();

    // Waits for more than `known` bytes. False: the deadline, or nothing more comes (ended()), or `given_up`
    // became true (wake_reader() tells of it).
    task<bool> more_than(std::size_t known, time_point deadline = never, const bool* given_up = nullptr);

    std::string_view bytes() const { return in_.view(); }

    void take(std::size_t count);

    bool full() const { return in_.size() >= read_ahead_bytes_max; }

    bool ended() const { return ended_ || failure_; } // no more bytes than those that are here

    task<error_code> write(std::span<const asio::const_buffer> from);

    void fail(error_code why); // the transport is of no further use

    const error_code& failure() const { return failure_; }

    // While it lives, a failure of the connection aborts the group. One at a time.
    class abort_with {
    public:
        abort_with(http1_connection& connection, task_group& group);

        ~abort_with() { connection_.aborted_with_ = nullptr; }

        abort_with(const abort_with&) = delete;
        abort_with& operator=(const abort_with&) = delete;

    private:
        http1_connection& connection_;
    };

    // For who needs a place (connection_places): what it is about, as its one request tells.
    standing stands() const override;

    void evict() noexcept override { fail(asio::error::operation_aborted); }

    void begin_request() { without_request_since_.reset(); }

    void end_request() { without_request_since_ = env_.now(); }

    // Nothing of the body has come since then; nothing: nobody waits for it.
    void body_awaited(std::optional<time_point> since) { body_awaited_since_ = since; }

    void wake_reader() { news_.notify(); }

    // A drain has begun: nothing new is taken.
    void drain();

    bool draining() const { return draining_; }

    // Ends our direction and waits a moment for the peer to hang up, so that it can read what was sent last.
    task<void> say_goodbye();

    environment& env() { return env_; }

    std::string peer() const { return transport_->peer(); }

private:
    environment& env_;
    std::unique_ptr<stream> transport_;
    byte_queue in_;
    condition news_; // bytes, an end, a failure, a drain
    condition room_;
    condition written_;
    task_group* aborted_with_ = nullptr;
    error_code failure_;
    bool ended_ = false;
    bool draining_ = false;
    bool writing_ = false;
    time_point writing_since_{};
    std::optional<time_point> without_request_since_;
    std::optional<time_point> body_awaited_since_;
};

} // namespace net
