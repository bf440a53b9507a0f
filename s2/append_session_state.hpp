#pragma once
// What an append session's answers mean (§4.3, §6.2, §6.5), without any input or output.
//
// 1. An ack must make sense by itself and behind the ack before it; one that does not is a protocol error and
//    ends the session. Acks answer batches first in, first out: whether one fits its batch is for whoever
//    keeps the batches to say (s2::writer).
// 2. A terminal frame answers the oldest unacked batch; nothing behind that one took effect through this
//    session.
// 3. END_STREAM without a terminal frame is a clean end; a batch that is unacked then is ambiguous.
// 4. After the end every event is that end.
// 5. Whoever aborts says why, once. That is the end's reason, unless the server's own answer comes first:
//    what the connection says of an end of our making is no reason.

#include "s2/error.hpp"
#include "s2/frame.hpp"

namespace s2 {

struct append_event {
    enum class kind { ack, end };

    kind what = kind::end;
    append_ack ack;
    bool reconnect_advised = false; // of this ack's frame
    // Of an end: nothing when it was clean. What it says concerns the oldest unacked batch and all behind it.
    std::optional<error> failure;

    bool operator==(const append_event&) const = default;
};

class append_session_state {
public:
    bool can_send() const { return !ended_ && !aborted() && !half_closed_; }

    void half_closing() { half_closed_ = true; }

    void aborting(error why); // whatever comes next is the end

    append_event on_frame(const frame& received);
    append_event on_end_of_stream(bool inside_frame);
    append_event on_bad_frame(std::string reason);
    append_event on_failure(error failure); // an HTTP status other than 200, or the connection's end
    append_event ended() const;             // the end, once there is one

    bool has_ended() const { return ended_; }

    bool aborted() const { return abort_reason_.has_value(); }

    bool half_closed() const { return half_closed_; }

    bool reconnect_advised() const { return reconnect_advised_; } // by any frame so far

private:
    append_event end_with(std::optional<error> failure);
    std::optional<std::string> violation(const append_ack& ack) const;

    std::optional<append_ack> last_ack_;
    std::optional<error> abort_reason_;
    bool half_closed_ = false;
    bool reconnect_advised_ = false;
    bool ended_ = false;
    std::optional<error> failure_;
};

} // namespace s2
