#pragma once
// Bounds a stretch of stream operations that take no deadline of their own: when it passes, the stream is
// closed, the operation ends with operation_aborted, and outcome() turns that into timed_out. Cancelled stays
// cancelled.

#include "net/environment.hpp"

namespace net {

class deadline_guard {
public:
    deadline_guard(environment& env, time_point when, stream& guarded)
        : timer_(when == never ? nullptr : env.make_timer()) {
        if (timer_)
            timer_->start(when, [this, &guarded] {
                expired_ = true;
                guarded.close();
            });
    }

    bool expired() const { return expired_; }

    error_code outcome(error_code ec) const {
        return expired_ && ec ? make_error_code(error::timed_out) : ec;
    }

private:
    std::unique_ptr<timer> timer_;
    bool expired_ = false;
};

} // namespace net
