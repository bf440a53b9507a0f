#pragma once
// When the records that wait become a batch (product "S2 delivery"): `linger` after the first of them, or
// early by count or bytes, or at once when somebody flushes. What then goes is all that waits, up to the
// protocol's batch limits; so a batch that had to wait for a free place in flight grows meanwhile, and
// throughput is not bound by the small limits.
//
// The deadline is absolute and set by the first record: a trickle of later ones never postpones it.

#include "net/clock.hpp"
#include "s2/types.hpp"

#include <optional>

namespace agent {

struct batch_limits {
    net::duration linger = std::chrono::milliseconds(100);
    std::size_t records = 50;
    std::uint64_t metered_bytes = 1024 * 1024;
};

class batcher {
public:
    explicit batcher(batch_limits limits)
        : limits_(limits) {}

    // Whether one more record fits into the batch that is being gathered (the protocol's limits).
    bool fits(std::uint64_t metered_bytes) const {
        return records_ < s2::batch_records_max &&
               metered_bytes_ + metered_bytes <= s2::batch_metered_bytes_max;
    }

    void add(std::uint64_t metered_bytes, net::time_point now) {
        if (records_++ == 0)
            due_at_ = net::saturating_add(now, limits_.linger);
        metered_bytes_ += metered_bytes;
        if (records_ >= limits_.records || metered_bytes_ >= limits_.metered_bytes)
            early_ = true;
    }

    // The next record did not fit: there is no point in waiting for company.
    void full() { early_ = records_ > 0; }

    // Ends the linger of what waits now.
    void flush() { early_ = records_ > 0; }

    bool empty() const { return records_ == 0; }

    bool due(net::time_point now) const { return records_ > 0 && (early_ || now >= due_at_); }

    // When it becomes due by time alone; net::never when nothing waits.
    net::time_point deadline() const {
        if (records_ == 0)
            return net::never;
        return early_ ? net::time_point::min() : due_at_;
    }

    std::size_t records() const { return records_; }

    std::uint64_t metered_bytes() const { return metered_bytes_; }

    void taken() {
        records_ = 0;
        metered_bytes_ = 0;
        early_ = false;
    }

private:
    batch_limits limits_;
    std::size_t records_ = 0;
    std::uint64_t metered_bytes_ = 0;
    net::time_point due_at_ = net::never;
    bool early_ = false;
};

} // namespace agent
