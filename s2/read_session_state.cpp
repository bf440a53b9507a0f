#include "s2/read_session_state.hpp"

#include "s2/protobuf.hpp"

#include <algorithm>

namespace s2 {

read_session_state::read_session_state(read_start start, read_limits limits)
    : start_(start)
    , left_(limits) {
    if (start_.from == read_start::kind::seq_num && !start_.clamp)
        position_ = start_.value;
}

bool read_session_state::bounded() const {
    return left_.count || left_.bytes || left_.until || left_.wait_seconds;
}

bool read_session_state::exhausted() const {
    return left_.count == 0 || left_.bytes == 0;
}

std::optional<read_session_state::request> read_session_state::next_request(net::time_point now) {
    advised_ = false;
    // A first request is made whatever its limits: the server is who says that there is such a stream.
    if (progressed_ && exhausted())
        return std::nullopt;
    request next{start_, left_};
    if (position_) {
        next.start.from = read_start::kind::seq_num;
        next.start.value = *position_;
        next.start.clamp = false;
    }
    if (left_.wait_seconds && waiting_since_) {
        const auto wait = std::chrono::seconds(*left_.wait_seconds);
        const auto passed = now - *waiting_since_;
        if (passed >= wait)
            return std::nullopt;
        next.limits.wait_seconds =
            static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(wait - passed).count());
    }
    return next;
}

read_session_state::step read_session_state::fail(error failure) {
    failure_ = std::move(failure);
    return step::failed;
}

read_session_state::step read_session_state::on_frame(const frame& received, read_batch& into,
                                                      net::time_point now) {
    failure_.reset();
    if (received.terminal) {
        const auto terminal = decode_terminal(received.payload);
        if (!terminal)
            return fail(error::from_protocol("a terminal frame without a status"));
        return on_failure(error::from_response(terminal->status, terminal->json));
    }
    advised_ = advised_ || received.reconnect_advised;
    auto batch = decode_read_batch(received.payload);
    if (!batch)
        return fail(error::from_protocol("a frame that is no batch of records"));
    if (batch->records.size() > batch_records_max)
        return fail(error::from_protocol("a batch of more than 1000 records"));
    into = std::move(*batch);
    return take(into, now);
}

read_session_state::step read_session_state::take(read_batch& batch, net::time_point now) {
    progressed_ = true;
    for (const auto& record : batch.records) {
        if (position_ && record.seq_num < *position_)
            return fail(error::from_protocol("a record at " + std::to_string(record.seq_num) + " behind " +
                                             std::to_string(*position_)));
        position_ = record.seq_num + 1;
        if (left_.count)
            *left_.count -= std::min<std::uint64_t>(*left_.count, 1);
        if (left_.bytes)
            *left_.bytes -= std::min(*left_.bytes, metered_bytes(record.headers, record.body));
    }
    if (batch.tail) {
        tail_ = batch.tail;
        // A tail without records says that everything below it was delivered, or is no longer there.
        if (batch.records.empty() && (!position_ || *position_ < batch.tail->seq_num))
            position_ = batch.tail->seq_num;
    }
    // The server's clock restarts with each batch and is not touched by heartbeats (§2.6).
    if (!batch.records.empty())
        waiting_since_ = batch.tail ? std::optional(now) : std::nullopt;
    else if (batch.tail && !waiting_since_)
        waiting_since_ = now;
    return batch.records.empty() ? step::heartbeat : step::batch;
}

read_session_state::step read_session_state::on_bad_frame(std::string reason) {
    return fail(error::from_protocol(std::move(reason)));
}

read_session_state::step read_session_state::on_end_of_stream(bool inside_frame) {
    failure_.reset();
    if (inside_frame) {
        failure_ = error::from_transport(net::make_error_code(net::error::eof), true,
                                         "the read session's answer ended within a frame");
        return step::reconnect;
    }
    return bounded() ? step::done : step::reconnect;
}

read_session_state::step read_session_state::on_failure(error failure) {
    // A bounded read that starts at the tail is refused (§2.6). Where we have come to it ourselves, that is
    // its end.
    const bool came_to_tail = progressed_ && failure.what == error::kind::range && failure.tail &&
                              position_ && failure.tail->seq_num == *position_;
    if (came_to_tail && bounded()) {
        tail_ = failure.tail;
        return step::done;
    }
    const auto asks_for = classify(failure);
    failure_ = std::move(failure);
    return asks_for == verdict::retry || asks_for == verdict::retry_ambiguous ? step::reconnect
                                                                              : step::failed;
}

bool read_session_state::should_move(net::time_point now) {
    if (!advised_ || (moved_at_ && now - *moved_at_ < advised_reconnect_apart))
        return false;
    moved_at_ = now;
    return true;
}

} // namespace s2
