#include "s2/append_session_state.hpp"

#include "s2/protobuf.hpp"

namespace s2 {
namespace {

bool is_answer(const std::optional<error>& failure) {
    using kind = error::kind;
    return failure &&
           (failure->what == kind::api || failure->what == kind::condition || failure->what == kind::range);
}

} // namespace

void append_session_state::aborting(error why) {
    if (!abort_reason_ && !ended_)
        abort_reason_ = std::move(why);
}

append_event append_session_state::end_with(std::optional<error> failure) {
    if (!ended_) {
        ended_ = true;
        if (abort_reason_ && !is_answer(failure))
            failure = abort_reason_;
        failure_ = std::move(failure);
    }
    return ended();
}

append_event append_session_state::ended() const {
    append_event event;
    event.what = append_event::kind::end;
    event.reconnect_advised = reconnect_advised_;
    event.failure = failure_;
    return event;
}

std::optional<std::string> append_session_state::violation(const append_ack& ack) const {
    if (ack.end.seq_num <= ack.start.seq_num)
        return std::string("an ack of no records");
    if (ack.tail.seq_num < ack.end.seq_num)
        return std::string("an ack beyond its own tail");
    if (ack.end.timestamp < ack.start.timestamp)
        return std::string("timestamps that decrease within an ack");
    if (last_ack_ && ack.start.seq_num < last_ack_->end.seq_num)
        return std::string("an ack at or below the one before it");
    if (last_ack_ && ack.start.timestamp < last_ack_->end.timestamp)
        return std::string("timestamps that decrease from one ack to the next");
    return std::nullopt;
}

append_event append_session_state::on_frame(const frame& received) {
    if (ended_)
        return ended();
    if (received.terminal) {
        const auto terminal = decode_terminal(received.payload);
        if (!terminal)
            return end_with(error::from_protocol("a terminal frame without a status"));
        return end_with(error::from_response(terminal->status, terminal->json));
    }
    if (abort_reason_)
        return end_with(std::nullopt);
    reconnect_advised_ = reconnect_advised_ || received.reconnect_advised;
    const auto ack = decode_append_ack(received.payload);
    if (!ack)
        return end_with(error::from_protocol("a frame that is no ack"));
    if (auto wrong = violation(*ack))
        return end_with(error::from_protocol(std::move(*wrong)));
    last_ack_ = *ack;
    append_event event;
    event.what = append_event::kind::ack;
    event.ack = *ack;
    event.reconnect_advised = received.reconnect_advised;
    return event;
}

append_event append_session_state::on_end_of_stream(bool inside_frame) {
    if (inside_frame)
        return end_with(error::from_transport(net::make_error_code(net::error::eof), true,
                                              "the append session's answer ended within a frame"));
    return end_with(std::nullopt);
}

append_event append_session_state::on_bad_frame(std::string reason) {
    return end_with(error::from_protocol(std::move(reason)));
}

append_event append_session_state::on_failure(error failure) {
    return end_with(std::move(failure));
}

} // namespace s2
