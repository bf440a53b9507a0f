// The append session of one delivery: opened, fed, watched for silence, and what its end means.
#include "agent/delivery/stream_delivery.hpp"

#include <spdlog/spdlog.h>

namespace agent {

net::task<> stream_delivery::open_session(net::task_group& group) {
    auto opened = co_await s2::append_session::open(context_.client, entry_.state.stream, call_deadline());
    if (!opened) {
        co_await failed(opened.error());
        co_return;
    }
    session_ = std::move(*opened);
    cut_ = cut_reason::none;
    writer_->on_opened();
    group.spawn([this, session = session_] { return receive(session); });
}

net::task<> stream_delivery::send(std::size_t index) {
    if (pauses_.paused(context_.env.now(), context_.env.wall_now())) {
        spdlog::warn("the clocks diverged (was the machine paused?): the connection to S2 is replaced");
        context_.client.connections().drop_connections();
        cut_session(cut_reason::paused);
        co_await session_end_seen();
        co_return;
    }
    // Counted as sent first: its ack may come before the last byte has been handed over.
    writer_->on_sent();
    if (!ack_alarm_running_)
        watch_acks();
    const auto& batch = writer_->batches()[index];
    const auto& content = frozen_[index];
    const auto sent = co_await session_->send(content.records, batch.match, fencing_token());
    if (!sent)
        co_await abandon_session(sent.error());
}

net::task<> stream_delivery::half_close() {
    watch_acks();
    const auto closed = co_await session_->half_close();
    if (!closed)
        co_await abandon_session(closed.error());
    writer_->on_half_closed();
}

// It can't go on. Its own end says why, unless nothing but this abort ends it: that would be retried at once,
// and for ever where it is the batch that can't be sent.
net::task<> stream_delivery::abandon_session(s2::error why) {
    cut_session(cut_reason::none);
    co_await session_end_seen();
    auto& failure = *session_end_;
    if (failure && s2::classify(*failure) == s2::verdict::cancelled)
        failure = std::move(why);
}

net::task<> stream_delivery::session_end_seen() {
    while (!session_end_)
        co_await wake_.wait();
}

// Makes receive() end; what it was that cut the session tells an ambiguous end of ours from a cancellation.
void stream_delivery::cut_session(cut_reason why) {
    if (cut_ == cut_reason::none)
        cut_ = why;
    if (session_)
        session_->abort();
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
        cut_session(cut_reason::silent);
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
            session_end_ = std::move(event.failure);
            break;
        }
        if (!writer_->on_ack(event.ack)) {
            session->abort();
            session_end_ =
                s2::error::from_protocol("an acknowledgement does not fit the batch that it answers");
            break;
        }
        ++ack_count_;
        account_resolved(counted::by_batch);
        remember_writer();
        progressed();
        if (event.reconnect_advised) {
            context_.client.connections().drop_connections();
            writer_->on_reconnect_advised();
        }
        if (writer_->batches().empty())
            stop_watching_acks();
        else
            watch_acks();
        context_.on_progress();
        wake_.notify();
    }
    stop_watching_acks();
    wake_.notify();
}

net::task<> stream_delivery::handle_session_end() {
    std::optional<s2::error> failure = std::move(*session_end_);
    session_end_.reset();
    session_.reset();
    if (cut_ == cut_reason::silent)
        failure = s2::error::from_transport(net::error::timed_out, true, "no acknowledgement from S2");
    else if (cut_ == cut_reason::paused)
        failure = s2::error::from_transport(boost::asio::error::connection_reset, true,
                                            "the connection was replaced");
    const bool hurried = cut_ == cut_reason::paused;
    cut_ = cut_reason::none;
    quiet_since_ = context_.env.now();
    if (!failure || writer_->batches().empty()) {
        const auto pause = writer_->on_session_end();
        const auto why = s2::error::from_protocol("the append session ended with batches unacknowledged");
        co_await after(pause, why);
        co_return;
    }
    const auto pause = writer_->on_failure(*failure);
    if (!hurried)
        co_await after(pause, *failure);
}

} // namespace agent
