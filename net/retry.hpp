#pragma once
// Retry as an object: attempts, capped exponential backoff with full jitter, an optional deadline. A plain
// struct; the caller gives the time and a random number, and waits.

#include "net/clock.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace net {

struct retry_policy {
    duration first = std::chrono::milliseconds(100);
    duration longest = std::chrono::seconds(5);
    time_point deadline = never;
};

class retry {
public:
    explicit retry(retry_policy policy)
        : policy_(policy) {}

    // The bound of the next wait: the wait itself is uniform in [0, bound] (full jitter).
    duration bound() const {
        const int shift = std::min<std::uint32_t>(attempts_, 30);
        if (policy_.first > policy_.longest / (std::int64_t{1} << shift))
            return policy_.longest;
        return policy_.first * (std::int64_t{1} << shift);
    }

    // When to try again, or nothing when that would be past the deadline. `random` is any 64 random bits;
    // `at_least` is what the server asked for (retry-after-ms).
    std::optional<time_point> next(time_point now, std::uint64_t random,
                                   duration at_least = duration::zero()) {
        const auto span = static_cast<std::uint64_t>(bound().count()) + 1;
        const duration wait = std::max(duration(static_cast<std::int64_t>(random % span)), at_least);
        ++attempts_;
        const time_point when = saturating_add(now, wait);
        if (when > policy_.deadline)
            return std::nullopt;
        return when;
    }

    void succeeded() { attempts_ = 0; }

    std::uint32_t attempts() const { return attempts_; } // failures since the last success

private:
    retry_policy policy_;
    std::uint32_t attempts_ = 0;
};

} // namespace net
