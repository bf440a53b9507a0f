#include "net/http1/connection.hpp"

#include "net/assert.hpp"

#include <algorithm>
#include <utility>

namespace net {

http1_connection::http1_connection(environment& env, std::unique_ptr<stream> transport, std::string first)
    : env_(env)
    , transport_(std::move(transport))
    , news_(env)
    , room_(env)
    , written_(env)
    , without_request_since_(env.now()) {
    in_.append(first);
}

standing http1_connection::stands() const {
    if (without_request_since_)
        return {standing::kind::no_request, *without_request_since_};
    if (writing_)
        return {standing::kind::write_stalls, writing_since_};
    if (body_awaited_since_)
        return {standing::kind::body_stalls, *body_awaited_since_};
    return {};
}

task<void> http1_connection::read_loop() {
    const auto piece = std::make_unique_for_overwrite<char[]>(read_bytes);
    while (!failure_) {
        if (full()) {
            co_await room_.wait();
            continue;
        }
        const std::size_t room = std::min(read_bytes, read_ahead_bytes_max - in_.size());
        const auto got = co_await transport_->read_some(asio::buffer(piece.get(), room));
        if (got)
            in_.append({piece.get(), *got});
        else if (is_eof(got.error()))
            ended_ = true;
        else
            fail(got.error());
        news_.notify();
        if (!got)
            co_return;
    }
}

task<bool> http1_connection::more_than(std::size_t known, time_point deadline, const bool* given_up) {
    while (in_.size() <= known && !ended() && !(given_up && *given_up)) {
        const bool news = co_await news_.wait_until(deadline);
        if (!news || (draining_ && known == 0 && in_.empty()))
            break;
    }
    co_return in_.size() > known;
}

void http1_connection::take(std::size_t count) {
    if (count == 0)
        return;
    in_.take(count);
    room_.notify();
}

task<error_code> http1_connection::write(std::span<const asio::const_buffer> from) {
    // A write that is abandoned leaves half a message behind: then only closing tells the peer.
    struct turn {
        explicit turn(http1_connection& connection)
            : of(connection) {
            of.writing_ = true;
        }

        ~turn() {
            of.writing_ = false;
            if (!over)
                of.fail(asio::error::operation_aborted);
            of.written_.notify();
        }

        http1_connection& of;
        bool over = false;
    };

    while (writing_)
        co_await written_.wait();
    if (failure_)
        co_return failure_;
    writing_since_ = env_.now();
    turn ours(*this);
    const error_code lost = co_await transport_->write(from);
    ours.over = true;
    if (lost)
        fail(lost);
    co_return lost;
}

void http1_connection::fail(error_code why) {
    if (failure_)
        return;
    failure_ = why;
    transport_->close();
    news_.notify();
    room_.notify();
    if (aborted_with_)
        aborted_with_->abort();
}

http1_connection::abort_with::abort_with(http1_connection& connection, task_group& group)
    : connection_(connection) {
    NET_ASSERT(!connection.aborted_with_, "a connection serves one request at a time");
    connection.aborted_with_ = &group;
    if (connection.failure_)
        group.abort();
}

void http1_connection::drain() {
    draining_ = true;
    news_.notify();
}

task<void> http1_connection::say_goodbye() {
    constexpr duration moment = std::chrono::seconds(1);
    if (failure_)
        co_return;
    const auto until = saturating_add(env_.now(), moment);
    const error_code lost = co_await transport_->shutdown_write();
    while (!lost && !ended()) {
        take(in_.size());
        const bool news = co_await news_.wait_until(until);
        if (!news)
            break;
    }
}

} // namespace net
