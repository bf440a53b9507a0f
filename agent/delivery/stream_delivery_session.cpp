// The append session of one delivery: opened, fed, watched for silence, and what its end means.
#include "agent/delivery/stream_delivery.hpp"

#include <spdlog/spdlog.h>

namespace agent {

net::task<> stream_delivery::open_session(net::task_group& group) {
    auto opened = co_await s2::append_session::open(context_.client, entry_.state.stream, call_deadline());
    if (!opened) {
        failed(opened.error());
        co_return;
    }
    session_ = std::move(*opened);
    writer_->out().on_opened();
    group.spawn([this, session = session_] { return receive(session); });
}

net::task<> stream_delivery::send() {
    if (pauses_.paused(context_.env.now(), context_.env.wall_now())) {
        co_await replace_connection();
        co_return;
    }
    // Counted as sent first: its ack may come before the last byte has been handed over.
    s2::batch& next = writer_->out().on_sending();
    if (!ack_alarm_running_)
        watch_acks();
    const auto sent = co_await session_->send(next, fencing_token());
    if (!sent)
        co_await end_session(sent.error());
}

net::task<> stream_delivery::half_close() {
    watch_acks();
    const auto closed = co_await session_->half_close();
    if (!closed)
        co_await end_session(closed.error());
    writer_->out().on_half_closed();
}

// It can't go on: makes receive() end, and waits for that.
net::task<> stream_delivery::end_session(s2::error why) {
    session_->abort(std::move(why));
    while (!session_end_)
        co_await wake_.wait();
}

// The machine slept, and a connection that slept through it is not to be trusted. That is no failure of S2's:
// what was in flight goes out again at once.
net::task<> stream_delivery::replace_connection() {
    spdlog::warn("the clocks diverged (was the machine paused?): the connection to S2 is replaced");
    context_.client.connections().drop_connections();
    co_await end_session(
        s2::error::from_transport(boost::asio::error::connection_reset, true, "the connection was replaced"));
    const setback met = take_session_end();
    if (met.pause != s2::writer::pause::back_off)
        set_back(met.pause, met.why);
}

// While something is in flight (or a half-closed session has not ended) there must be progress within the ack
// timeout: an ack, or bytes that leave.
void stream_delivery::watch_acks() {
    ack_alarm_running_ = true;
    const auto until = net::saturating_add(context_.env.now(), context_.limits.ack_timeout);
    ack_alarm_->start(until, [this, handed_over = session_ ? session_->handed_over_bytes() : 0] {
        if (session_ && session_->handed_over_bytes() != handed_over)
            return watch_acks();
        ack_alarm_running_ = false;
        context_.client.connections().drop_connections();
        if (session_)
            session_->abort(
                s2::error::from_transport(net::error::timed_out, true, "no acknowledgement from S2"));
    });
}

void stream_delivery::stop_watching_acks() {
    ack_alarm_running_ = false;
    ack_alarm_->cancel();
}

net::task<> stream_delivery::receive(std::shared_ptr<s2::append_session> session) {
    for (;;) {
        s2::append_event event = co_await session->next();
        if (event.what == s2::append_event::kind::end) {
            session_end_ = std::move(event);
            break;
        }
        if (auto wrong = writer_->on_ack(event.ack, session->handed_over_bytes())) {
            session->abort(s2::error::from_protocol(std::move(*wrong)));
            continue;
        }
        ++ack_count_;
        remember_writer();
        progressed();
        if (event.reconnect_advised) {
            context_.client.connections().drop_connections();
            writer_->out().close_session();
        }
        // One that is being closed has its end still to come.
        if (writer_->out().batches().empty() && writer_->out().session_takes_batches())
            stop_watching_acks();
        else
            watch_acks();
        context_.on_progress();
        wake_.notify();
    }
    stop_watching_acks();
    wake_.notify();
}

stream_delivery::setback stream_delivery::take_session_end() {
    const std::optional<s2::error> failure = std::move(session_end_->failure);
    session_end_.reset();
    session_.reset();
    policy_.on_session_end(context_.env.now());
    if (!failure || writer_->out().batches().empty()) {
        const auto pause = writer_->on_session_end();
        return {pause, s2::error::from_transport(net::error::eof, true,
                                                 "the append session ended with batches unacknowledged")};
    }
    const auto pause = writer_->on_failure(*failure);
    return {pause, *failure};
}

} // namespace agent
