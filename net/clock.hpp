#pragma once
// Time as data. Neither clock has a now(): only an environment can tell the time, so that a simulated world
// can.

#include <chrono>
#include <cstdint>

namespace net {

using duration = std::chrono::nanoseconds;

// Runs on while the wall clock jumps; stands still while a VM is paused.
struct monotonic_clock {
    using duration = net::duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<monotonic_clock>;
    static constexpr bool is_steady = true;
};

using time_point = monotonic_clock::time_point;

// Microseconds since 1970 (UTC), as events carry them.
using wall_micros = std::int64_t;

constexpr time_point never = time_point::max();

// when + by, without overflow at either end.
constexpr time_point saturating_add(time_point when, duration by) {
    if (by > duration::zero() && when > time_point::max() - by)
        return time_point::max();
    return when + by;
}

} // namespace net
