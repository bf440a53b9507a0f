#pragma once
// Bounds a stretch of operations that take no deadline of their own, on a stream or on an exchange: when it
// passes, the stream is closed or the exchange reset, the operation ends with operation_aborted, and
// outcome() turns that into timed_out. Cancelled stays cancelled. Costs nothing without a deadline.

#include "net/environment.hpp"

namespace net {

class deadline_guard {
public:
    template <class Guarded>
    deadline_guard(environment& env, time_point when, Guarded& guarded)
        : timer_(when == never ? nullptr : env.make_timer()) {
        if (timer_)
            timer_->start(when, [this, &guarded] {
                expired_ = true;
                if constexpr (requires { guarded.close(); })
                    guarded.close();
                else
                    guarded.reset();
            });
    }

    deadline_guard(const deadline_guard&) = delete;
    deadline_guard& operator=(const deadline_guard&) = delete;

    bool expired() const { return expired_; }

    error_code outcome(error_code ec) const {
        return expired_ && ec ? make_error_code(error::timed_out) : ec;
    }

private:
    std::unique_ptr<timer> timer_;
    bool expired_ = false;
};

} // namespace net
