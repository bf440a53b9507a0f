#pragma once
// An append session with faults. Each batch may meet one, drawn when its frame begins: before it was passed
// on (nothing of it is applied), within it, or when its ack comes back.
//
// Rules:
// 1. A failure whose code promises that nothing was applied is told behind the acks of everything that was.
// 2. An ambiguous one is told with its batch applied or not, drawn.
// 3. What breaks the framing is passed on as it is, without faults.

#include "net/byte_queue.hpp"
#include "tests/sim/faulty_exchange.hpp"

#include <deque>

namespace sim {

class faulty_append_session final : public wrapped_exchange {
public:
    faulty_append_session(parts_ptr parts, net::server_exchange& real, service_request on);
    ~faulty_append_session() override;

    // From now on the client hears nothing; what it sends is applied.
    void fall_silent() { silent_ = true; }

    net::task<net::result<std::size_t>> read_some(net::asio::mutable_buffer into) override;
    net::task<net::error_code> write(std::span<const net::asio::const_buffer> from) override;
    net::task<net::error_code> finish() override;
    net::task<net::error_code> respond(net::response_head head, bool end = false) override;

    bool responded() const override { return responded_; }

private:
    struct batch {
        std::uint64_t frame_bytes = 0;
        std::uint64_t metered_bytes = 0;
        std::optional<fault> meets; // at its ack
    };

    std::optional<fault> drawn();
    net::task<net::result<std::size_t>> receive(); // into received_
    net::task<> begin_frame();
    net::task<> hold_back();
    net::task<> ack_meets(fault which);
    void withhold(fault which);
    void passed(std::string_view bytes);
    void frame_passed();
    void acknowledged();
    fault_ending ending_of(fault which) const;

    net::byte_queue received_;        // not passed on yet
    std::size_t left_ = 0;            // of the frame that is being passed on
    std::optional<std::size_t> cut_;  // bytes until the reset within it
    std::optional<fault> meets_;      // the frame that is being passed on
    std::string frame_;               // of it
    std::optional<fault> verdict_;    // told at the end, when everything passed on is acknowledged
    std::deque<batch> in_flight_;     // passed on whole, not acknowledged
    std::uint64_t frame_bytes_ = 0;   // of these
    std::uint64_t metered_bytes_ = 0; // of these
    bool unframed_ = false;           // the client's bytes make no frames
    bool established_ = false;        // the answer is a session
    bool failed_ = false;             // the face has written a terminal frame
    bool advised_ = false;
    bool silent_ = false;
    bool responded_ = false;
};

} // namespace sim
