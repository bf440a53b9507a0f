#include "tests/sim/faulty_read_session.hpp"

#include "s2/local/negotiation.hpp"

namespace sim {

faulty_read_session::faulty_read_session(parts_ptr parts, net::server_exchange& real, service_request on,
                                         fault meets)
    : wrapped_exchange(std::move(parts), real, std::move(on))
    , meets_(meets)
    , left_(parts_->faults.source().below(answer_bytes_max)) {}

net::task<net::error_code> faulty_read_session::respond(net::response_head head, bool end) {
    const auto type = s2::local::media_of(net::find_field(head.fields, "content-type"));
    framed_ = type == s2::local::media::session;
    met_ = head.status != 200;
    const net::error_code lost = co_await wrapped_exchange::respond(std::move(head), end);
    co_return lost;
}

net::task<net::error_code> faulty_read_session::write(std::span<const net::asio::const_buffer> from) {
    constexpr std::size_t flags_at = 3;
    constexpr unsigned terminal_flag = 0x80;
    constexpr unsigned reconnect_advised_flag = 0x10;
    std::string bytes = joined(from); // one frame, or one event
    if (!met_ && left_ < bytes.size()) {
        met_ = true;
        co_await meet();
    }
    left_ -= std::min<std::uint64_t>(left_, bytes.size());
    if (advised_ && (static_cast<unsigned char>(bytes[flags_at]) & terminal_flag) == 0)
        bytes[flags_at] = static_cast<char>(bytes[flags_at] | reconnect_advised_flag);
    const net::error_code lost = co_await send(std::move(bytes));
    co_return lost;
}

// Returns where the session goes on.
net::task<> faulty_read_session::meet() {
    using kind = fault_ending::kind;
    if (meets_ == fault::slow_ack) {
        co_await parts_->slowly(slow_ack_min, slow_ack_max);
        parts_->fired(meets_, on_);
        co_return;
    }
    if (meets_ == fault::never_answers) {
        parts_->fired(meets_, on_);
        co_await hang();
    }
    if (meets_ == fault::reconnect_advised && framed_) {
        advised_ = true;
        parts_->fired(meets_, on_);
        co_return;
    }
    if (meets_ == fault::rst_stream || !framed_) {
        fault_ending broken{kind::leave, std::nullopt};
        if (meets_ == fault::rst_stream)
            broken.counts = meets_;
        co_await end_here(broken);
    }
    const fault_ending told{kind::terminal, meets_};
    co_await end_here(told);
}

} // namespace sim
