#pragma once
// An append session (§4, §6): batches go out, acks come back in their order. The decide half is
// append_session_state. Sending and receiving may be two tasks; each of both sides has one user at a time.
// Who owns the session destroys it after both have left; abort() makes both leave soon.
//
// It ends once and with one reason, which next() tells: whoever cuts it off gives the reason to abort().

#include "net/task/deadline.hpp"
#include "s2/append_frame.hpp"
#include "s2/append_session_state.hpp"
#include "s2/batch.hpp"
#include "s2/client.hpp"

namespace s2 {

class append_session {
public:
    // Sends the head and returns without waiting for the answer: the first batches may follow at once. A
    // refusal (404, 401, …) comes as next()'s end.
    static net::task<result<std::unique_ptr<append_session>>> open(client& from, std::string stream,
                                                                   net::time_point deadline);
    ~append_session(); // resets the request unless both sides have ended

    // Returns when all has been handed to the connection (the peer's window permitting); until then the batch
    // and its records' bodies stay where they are. An error ends the session: nothing of it tells whether the
    // batch landed, the end event does. invalid: the batch breaks a limit; nothing was sent and the session
    // is as it was. Which batch an ack answers is for the caller to know.
    net::task<result<void>> send(batch& next, std::string_view fencing_token,
                                 net::time_point deadline = net::never);
    net::task<result<void>> send(append_input input, net::time_point deadline = net::never);
    // We are done; acks still come, then a clean end.
    net::task<result<void>> half_close(net::time_point deadline = net::never);

    // The next ack, or the end (again and again after it). A deadline that passes, of any of both sides, ends
    // the session: timed_out.
    net::task<append_event> next(net::time_point deadline = net::never);

    // RST_STREAM. next() ends with that reason, unless an answer of the server's that has come already says
    // more; the first abort's reason stays.
    void abort(error why);

    // Of batches, to the connection: a large batch on a thin link is no silence while this rises.
    std::uint64_t handed_over_bytes() const { return opened_.exchange->handed_over_bytes(); }

    bool reconnect_advised() const { return state_.reconnect_advised(); }

private:
    append_session(client& from, open_exchange opened);
    net::task<result<void>> write(std::span<const net::asio::const_buffer> pieces, net::time_point deadline);
    net::task<result<void>> write_whole(std::string frame, net::time_point deadline);
    net::task<std::optional<error>> await_head(const net::deadline_guard& guard);
    std::optional<error> not_sendable() const;
    result<void> after_write(const net::deadline_guard& guard, net::error_code ec, const char* doing) const;

    net::environment& env_;
    credentials& token_;
    compression packing_;
    open_exchange opened_;
    append_session_state state_;
    frame_decoder decoder_;
    frame frame_;
    append_frame frame_out_;
    std::vector<char> in_;
    std::uint64_t sent_bytes_ = 0; // frames, handed over or about to be
    bool head_received_ = false;
};

} // namespace s2
