#pragma once
// A read session whose answer meets a fault behind a drawn number of its bytes: it breaks, falls silent,
// pauses, or is told to move. Where it ends before that, nothing happens.

#include "tests/sim/faulty_exchange.hpp"

#include <array>

namespace sim {

class faulty_read_session final : public wrapped_exchange {
public:
    static constexpr std::uint64_t answer_bytes_max = 16 * 1024; // before the fault

    // What may happen to it once it has been answered. Server-sent events have no terminal frames: there all
    // that ends a session is an RST_STREAM.
    static constexpr std::array faults{fault::rst_stream,   fault::reconnect_advised, fault::server_draining,
                                       fault::error_500,    fault::error_503,         fault::error_504,
                                       fault::rate_limited, fault::never_answers,     fault::slow_ack};

    faulty_read_session(parts_ptr parts, net::server_exchange& real, service_request on, fault meets);

    net::task<net::error_code> write(std::span<const net::asio::const_buffer> from) override;
    net::task<net::error_code> respond(net::response_head head, bool end = false) override;

private:
    net::task<> meet();

    const fault meets_;
    std::uint64_t left_; // bytes of the answer until then
    bool framed_ = false;
    bool met_ = false;
    bool advised_ = false;
};

} // namespace sim
