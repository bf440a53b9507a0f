#pragma once
// Bounds operations on an exchange: when the deadline passes the exchange is reset, the operation ends with
// operation_aborted, and outcome() turns that into timed_out. Costs nothing without a deadline.

#include "net/http.hpp"

namespace s2 {

class exchange_deadline {
public:
    exchange_deadline(net::environment& env, net::time_point when, net::http_body& guarded)
        : timer_(when == net::never ? nullptr : env.make_timer()) {
        if (timer_)
            timer_->start(when, [this, &guarded] {
                expired_ = true;
                guarded.reset();
            });
    }

    exchange_deadline(const exchange_deadline&) = delete;
    exchange_deadline& operator=(const exchange_deadline&) = delete;

    bool expired() const { return expired_; }

    net::error_code outcome(net::error_code ec) const {
        return expired_ && ec ? net::make_error_code(net::error::timed_out) : ec;
    }

private:
    std::unique_ptr<net::timer> timer_;
    bool expired_ = false;
};

} // namespace s2
