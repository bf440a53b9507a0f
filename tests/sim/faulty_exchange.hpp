#pragma once
// Exchanges that stand between a request's real exchange and the embedded server's face.
//
// Rules:
// 1. Only run() decides the real exchange's fate; a fault that ends it stops the face where it stands first.
// 2. A wrapper never buffers an answer beyond one write of the face.
// 3. What hangs ends when the peer leaves: the handler's task is aborted then.

#include "tests/sim/service_faults.hpp"

namespace sim {

// How a fault ends an exchange, and which one is then counted.
struct fault_ending {
    enum class kind {
        reset,    // RST_STREAM(CANCEL)
        leave,    // RST_STREAM(INTERNAL_ERROR), behind a response that was begun
        finish,   // END_STREAM
        terminal, // a terminal frame, then END_STREAM
    };
    kind how = kind::reset;
    std::optional<fault> counts;
};

// Passes everything on.
class wrapped_exchange : public net::server_exchange {
public:
    wrapped_exchange(parts_ptr parts, net::server_exchange& real, service_request on);

    // The face's handler on this exchange, and what a fault makes of the end.
    net::task<> run();

    net::task<net::result<std::size_t>> read_some(net::asio::mutable_buffer into) override;
    net::task<net::error_code> write(std::span<const net::asio::const_buffer> from) override;
    net::task<net::error_code> finish() override;

    void reset() noexcept override { real_.reset(); }

    void refuse() noexcept override { real_.refuse(); }

    void give_up_body() noexcept override { real_.give_up_body(); }

    const net::request_head& request() const override { return real_.request(); }

    unsigned http_version() const override { return real_.http_version(); }

    net::task<net::error_code> respond(net::response_head head, bool end = false) override;

    bool responded() const override { return real_.responded(); }

    std::string peer() const override { return real_.peer(); }

protected:
    // Neither returns; the first call of end_here counts.
    net::task<> end_here(fault_ending how);
    net::task<> hang();
    net::task<net::error_code> send(std::string bytes); // to the real one

    const parts_ptr parts_;
    net::server_exchange& real_;
    const service_request on_;

private:
    net::task<> carry_out(fault_ending how);

    net::condition changed_;
    net::condition silence_; // never notified
    std::optional<fault_ending> ending_;
    bool served_ = false;
    std::uint64_t body_bytes_ = 0;
    bool body_told_ = false;
};

// The request is served; the answer goes nowhere.
class swallowing_exchange final : public wrapped_exchange {
public:
    using wrapped_exchange::wrapped_exchange;

    net::task<net::error_code> write(std::span<const net::asio::const_buffer> from) override;
    net::task<net::error_code> finish() override;

    void reset() noexcept override {}

    net::task<net::error_code> respond(net::response_head head, bool end = false) override;

    bool responded() const override { return status_ != 0; }

    bool applied() const { return status_ == 200; }

private:
    unsigned status_ = 0;
};

// The answer's head comes late.
class slow_exchange final : public wrapped_exchange {
public:
    using wrapped_exchange::wrapped_exchange;

    net::task<net::error_code> respond(net::response_head head, bool end = false) override;
};

// What a request left behind when its connection went is applied after a drawn time, unless the
// service stops before; counted as ack_after_reset if it was. `body`: whole.
void apply_late(const parts_ptr& parts, const net::request_head& head, std::string body,
                const service_request& on);

std::string joined(std::span<const net::asio::const_buffer> pieces);

} // namespace sim
