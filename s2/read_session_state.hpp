#pragma once
// Where a read that outlives its connections stands (§2.6, §2.7, §7.3), without any input or output.
//
// 1. The position is pinned as soon as the server has shown one: by the first record, or by the first tail
//    before any record. From then on every request asks for that seq_num; a start relative to the tail, or by
//    timestamp, is never evaluated twice.
// 2. What a resumed request asks for is the rest: count and bytes less what arrived (commands too), wait less
//    what has passed at the tail.
// 3. A read without count, bytes, until and wait never ends by itself: an orderly end of its stream means
//    reconnect.
//    With any of them it is the end; so is 416 where a resumed read has come to the tail.
// 4. silence_max without a byte means that the connection is gone.

#include "net/clock.hpp"
#include "s2/error.hpp"
#include "s2/frame.hpp"

#include <chrono>

namespace s2 {

class read_session_state {
public:
    static constexpr net::duration silence_max = std::chrono::seconds(20);
    static constexpr net::duration advised_reconnect_apart = std::chrono::seconds(60); // at least (§7.3)

    struct request {
        read_start start;
        read_limits limits;

        bool operator==(const request&) const = default;
    };

    enum class step {
        batch,     // `received` holds records to deliver
        heartbeat, // none, but `tail` may be new
        reconnect, // the connection is of no further use; `failure` says why where there is a reason
        done,      // the read is complete
        failed,    // `failure`: no reconnect cures it
    };

    read_session_state(read_start start, read_limits limits);

    // What to ask for now, at the start and after each reconnect; nothing: the read is complete.
    std::optional<request> next_request(net::time_point now);

    step on_frame(const frame& received, read_batch& into, net::time_point now);
    step on_bad_frame(std::string reason);
    step on_end_of_stream(bool inside_frame);
    step on_failure(error failure); // an HTTP status other than 200, no connection, or its end
    // After a batch was delivered: true where the server has asked us to move and the last move is long
    // enough ago.
    bool should_move(net::time_point now);

    const std::optional<error>& failure() const { return failure_; }

    const std::optional<stream_position>& tail() const { return tail_; } // last seen

    const std::optional<std::uint64_t>& position() const {
        return position_;
    } // of the next record, once pinned

    bool caught_up() const { return tail_ && position_ && *position_ >= tail_->seq_num; }

private:
    bool bounded() const;
    bool exhausted() const;
    step fail(error failure);
    step take(read_batch& batch, net::time_point now);

    read_start start_;
    read_limits left_;
    std::optional<std::uint64_t> position_;
    std::optional<stream_position> tail_;
    std::optional<net::time_point> waiting_since_; // at the tail, no batch since
    std::optional<net::time_point> moved_at_;
    bool advised_ = false;
    bool progressed_ = false; // a batch or a heartbeat has arrived
    std::optional<error> failure_;
};

} // namespace s2
