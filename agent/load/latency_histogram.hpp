#pragma once
// How often each latency was seen, in buckets that grow with it: 64 to each doubling, so that a value that is
// read back is at most 1.6 % above one that was recorded. Fixed size, nothing allocated after the first
// record; plain.

#include "net/clock.hpp"

#include <cstdint>
#include <vector>

namespace agent {

class latency_histogram {
public:
    void record(net::duration latency, std::uint64_t times = 1); // below zero counts as zero

    std::uint64_t count() const { return count_; }

    net::duration max() const { return max_; } // exact

    net::duration mean() const;

    // At least this share (0 to 1) of all latencies is not above it; zero where there are none.
    net::duration percentile(double share) const;
    // How many lie in buckets that begin below it.
    std::uint64_t count_below(net::duration limit) const;

private:
    std::vector<std::uint64_t> buckets_; // by bucket_of; empty before the first record
    std::uint64_t count_ = 0;
    net::duration max_{};
    double sum_ = 0; // nanoseconds
};

} // namespace agent
