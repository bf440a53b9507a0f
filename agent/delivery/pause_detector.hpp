#pragma once
// Notices that the VM was paused: the wall clock ran on while the monotonic clock stood still (product "S2
// delivery"). A connection that slept through it is not to be trusted.

#include "net/clock.hpp"

#include <cstdlib>

namespace agent {

class pause_detector {
public:
    static constexpr std::int64_t divergence_max_us = 2'000'000;

    // True once for each divergence beyond the bound since the last call (or construction).
    bool paused(net::time_point now, net::wall_micros wall) {
        const std::int64_t offset = wall - now.time_since_epoch().count() / 1000;
        const bool first = !known_;
        const bool diverged = !first && std::abs(offset - offset_) > divergence_max_us;
        if (first || diverged)
            offset_ = offset;
        known_ = true;
        return diverged;
    }

private:
    std::int64_t offset_ = 0;
    bool known_ = false;
};

} // namespace agent
