#include "agent/load/latency_histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace agent {
namespace {

constexpr unsigned bits = 6; // of a value's mantissa that choose its bucket
constexpr std::uint64_t per_doubling = 1u << bits;
constexpr std::size_t buckets = (64 - bits) * per_doubling;

// Exact below 128 ns; above that the leading bits behind the first one choose within its doubling.
std::size_t bucket_of(std::uint64_t value) {
    if (value < per_doubling)
        return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - bits;
    return shift * per_doubling + (value >> shift);
}

std::uint64_t lowest_of(std::size_t bucket) {
    if (bucket < per_doubling)
        return bucket;
    const auto shift = bucket / per_doubling - 1;
    return (bucket % per_doubling + per_doubling) << shift;
}

std::uint64_t value_of(net::duration latency) {
    return static_cast<std::uint64_t>(std::max(latency, net::duration::zero()).count());
}

} // namespace

void latency_histogram::record(net::duration latency, std::uint64_t times) {
    if (buckets_.empty())
        buckets_.resize(buckets);
    const auto value = value_of(latency);
    buckets_[bucket_of(value)] += times;
    count_ += times;
    max_ = std::max(max_, latency);
    sum_ += static_cast<double>(value) * static_cast<double>(times);
}

net::duration latency_histogram::mean() const {
    return count_ == 0 ? net::duration::zero()
                       : net::duration(std::llround(sum_ / static_cast<double>(count_)));
}

net::duration latency_histogram::percentile(double share) const {
    const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        seen += buckets_[i];
        if (seen > 0 && seen >= rank)
            return std::min(net::duration(lowest_of(i + 1) - 1), max_);
    }
    return max_;
}

std::uint64_t latency_histogram::count_below(net::duration limit) const {
    if (limit <= net::duration::zero() || buckets_.empty())
        return 0;
    const auto end = bucket_of(value_of(limit) - 1) + 1;
    return std::accumulate(buckets_.begin(), buckets_.begin() + static_cast<std::ptrdiff_t>(end),
                           std::uint64_t{0});
}

} // namespace agent
