#include "tests/sim/faulty_exchange.hpp"

#include "net/assert.hpp"
#include "s2/frame.hpp"

#include <exception>

namespace sim {
namespace {

// A request whose client has gone.
class replayed_exchange final : public net::server_exchange {
public:
    replayed_exchange(net::request_head head, std::string body)
        : head_(std::move(head))
        , body_(std::move(body)) {}

    net::task<net::result<std::size_t>> read_some(net::asio::mutable_buffer into) override {
        const std::string_view left = std::string_view(body_).substr(taken_);
        if (left.empty())
            co_return net::make_error_code(net::error::eof);
        const std::size_t count = net::asio::buffer_copy(into, net::asio::buffer(left));
        taken_ += count;
        co_return count;
    }

    net::task<net::error_code> write(std::span<const net::asio::const_buffer> from) override {
        if (answer_.empty())
            answer_ = joined(from);
        co_return net::error_code();
    }

    net::task<net::error_code> finish() override { co_return net::error_code(); }

    void reset() noexcept override {}

    void give_up_body() noexcept override {}

    const net::request_head& request() const override { return head_; }

    unsigned http_version() const override { return 2; }

    net::task<net::error_code> respond(net::response_head head, bool) override {
        status_ = head.status;
        co_return net::error_code();
    }

    bool responded() const override { return status_ != 0; }

    std::string peer() const override { return "gone"; }

    // A session's first frame is an ack, or the terminal one.
    bool applied(bool session) const {
        constexpr std::size_t flags_at = 3;
        constexpr unsigned terminal = 0x80;
        if (status_ != 200 || !session)
            return status_ == 200;
        return answer_.size() > flags_at && (static_cast<unsigned char>(answer_[flags_at]) & terminal) == 0;
    }

private:
    net::request_head head_;
    std::string body_;
    std::size_t taken_ = 0;
    unsigned status_ = 0;
    std::string answer_; // what was written first
};

} // namespace

wrapped_exchange::wrapped_exchange(parts_ptr parts, net::server_exchange& real, service_request on)
    : parts_(std::move(parts))
    , real_(real)
    , on_(std::move(on))
    , changed_(parts_->env)
    , silence_(parts_->env) {}

net::task<> wrapped_exchange::run() {
    auto serve = [this]() -> net::task<> {
        std::exception_ptr failed;
        try {
            co_await parts_->inner(*this);
        } catch (...) {
            failed = std::current_exception();
        }
        served_ = true;
        changed_.notify();
        if (failed)
            std::rethrow_exception(failed);
    };
    auto until_the_end = [this, &serve](net::task_group& group) -> net::task<> {
        group.spawn(serve);
        co_await net::wait_for(changed_, [this] { return served_ || ending_.has_value(); });
    };
    co_await net::with_task_group(parts_->env, until_the_end);
    if (ending_)
        co_await carry_out(*ending_);
}

net::task<> wrapped_exchange::carry_out(fault_ending how) {
    using kind = fault_ending::kind;
    if (how.how == kind::terminal) {
        NET_ASSERT(how.counts.has_value(), "a terminal frame says what happened");
        const auto told = failure_of(*how.counts, on_);
        std::string frame;
        s2::encode_terminal_frame(told.status, told.body, frame);
        const net::error_code lost = co_await send(std::move(frame));
        if (lost)
            co_return;
    }
    if (how.how == kind::terminal || how.how == kind::finish) {
        const net::error_code lost = co_await real_.finish();
        if (lost)
            co_return;
    }
    if (how.how == kind::reset)
        real_.reset();
    if (how.counts)
        parts_->fired(*how.counts, on_);
}

net::task<> wrapped_exchange::end_here(fault_ending how) {
    if (!ending_)
        ending_ = how;
    changed_.notify();
    co_await hang();
}

net::task<> wrapped_exchange::hang() {
    while (true)
        co_await silence_.wait();
}

net::task<net::error_code> wrapped_exchange::send(std::string bytes) {
    if (bytes.empty())
        co_return net::error_code();
    const net::asio::const_buffer whole(bytes.data(), bytes.size());
    const std::span<const net::asio::const_buffer> from(&whole, 1);
    const net::error_code lost = co_await real_.write(from);
    co_return lost;
}

net::task<net::result<std::size_t>> wrapped_exchange::read_some(net::asio::mutable_buffer into) {
    const auto got = co_await real_.read_some(into);
    if (got) {
        body_bytes_ += *got;
        if (parts_->tiny_window != 0 && body_bytes_ > parts_->tiny_window && !parts_->tiny_window_fired) {
            parts_->tiny_window_fired = true;
            parts_->fired(fault::tiny_windows, on_);
        }
    } else if (!body_told_) {
        body_told_ = true;
        if (on_.kind != request_kind::append_session)
            raise(parts_->watch.unary_body_bytes_max, body_bytes_);
        if (parts_->watch.on_body)
            parts_->watch.on_body(on_.stream, body_bytes_);
    }
    co_return got;
}

net::task<net::error_code> wrapped_exchange::write(std::span<const net::asio::const_buffer> from) {
    return real_.write(from);
}

net::task<net::error_code> wrapped_exchange::finish() {
    return real_.finish();
}

net::task<net::error_code> wrapped_exchange::respond(net::response_head head, bool end) {
    return real_.respond(std::move(head), end);
}

net::task<net::error_code> swallowing_exchange::write(std::span<const net::asio::const_buffer>) {
    co_return net::error_code();
}

net::task<net::error_code> swallowing_exchange::finish() {
    co_return net::error_code();
}

net::task<net::error_code> swallowing_exchange::respond(net::response_head head, bool) {
    status_ = head.status;
    co_return net::error_code();
}

net::task<net::error_code> slow_exchange::respond(net::response_head head, bool end) {
    co_await parts_->slowly(slow_ack_min, slow_ack_max);
    const net::error_code lost = co_await real_.respond(std::move(head), end);
    if (!lost)
        parts_->fired(fault::slow_ack, on_);
    co_return lost;
}

void apply_late(const parts_ptr& parts, const net::request_head& head, std::string body,
                const service_request& on) {
    if (!parts->late)
        return;
    parts->late->spawn([parts, head, body = std::move(body), on]() -> net::task<> {
        co_await parts->slowly(late_min, late_max);
        replayed_exchange again(head, body);
        co_await parts->inner(again);
        if (again.applied(on.kind == request_kind::append_session))
            parts->fired(fault::ack_after_reset, on);
    });
}

std::string joined(std::span<const net::asio::const_buffer> pieces) {
    std::string all;
    for (const auto& piece : pieces)
        all.append(static_cast<const char*>(piece.data()), piece.size());
    return all;
}

} // namespace sim
