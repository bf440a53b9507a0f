#pragma once
// What an append session's answers mean (§4.3, §6.2, §6.5), without any input or output.
//
// 1. Acks answer batches first in, first out; each must fit its batch and the ack before it. One that does
//    not, or that comes before its batch was sent whole, is a protocol error and ends the session.
// 2. A terminal frame answers the oldest unacked batch; nothing behind that one took effect through this
//    session.
// 3. END_STREAM without a terminal frame is clean only with no batch unacked; otherwise what is unacked is
//    ambiguous.
// 4. After the end every event is that end.

#include "s2/error.hpp"
#include "s2/frame.hpp"

#include <deque>

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
    static constexpr std::size_t in_flight_max = 4096; // batches; the writer keeps far below

    struct batch {
        std::size_t records = 0;
        std::uint64_t metered_bytes = 0;
        std::optional<std::uint64_t> match_seq_num;
        std::uint64_t whole_at = 0; // once so many bytes have been handed over
    };

    bool can_send() const { return !ended_ && !half_closed_ && in_flight_.size() < in_flight_max; }

    void sending(batch next); // before its first byte goes out

    void half_closing() { half_closed_ = true; }

    void handed_over(std::uint64_t bytes) { handed_over_bytes_ = bytes; } // in all, to the transport

    append_event on_frame(const frame& received);
    append_event on_end_of_stream(bool inside_frame);
    append_event on_bad_frame(std::string reason);
    append_event on_failure(error failure); // an HTTP status other than 200, or the connection's end
    append_event ended() const;             // the end, once there is one

    bool has_ended() const { return ended_; }

    bool half_closed() const { return half_closed_; }

    bool reconnect_advised() const { return reconnect_advised_; } // by any frame so far

    std::size_t in_flight() const { return in_flight_.size(); }

    std::uint64_t in_flight_metered_bytes() const { return in_flight_metered_bytes_; }

private:
    append_event end_with(std::optional<error> failure);
    std::optional<std::string> violation(const append_ack& ack) const;

    std::deque<batch> in_flight_;
    std::uint64_t in_flight_metered_bytes_ = 0;
    std::uint64_t handed_over_bytes_ = 0;
    std::optional<append_ack> last_ack_;
    bool half_closed_ = false;
    bool reconnect_advised_ = false;
    bool ended_ = false;
    std::optional<error> failure_;
};

} // namespace s2
