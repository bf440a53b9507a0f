#include "agent/load/latency_histogram.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace agent {
namespace {

using namespace std::chrono_literals;

TEST(latency_histogram, without_a_record_is_all_zero) {
    const latency_histogram none;
    EXPECT_EQ(none.count(), 0u);
    EXPECT_EQ(none.max(), 0ns);
    EXPECT_EQ(none.mean(), 0ns);
    EXPECT_EQ(none.percentile(0.5), 0ns);
    EXPECT_EQ(none.count_below(1h), 0u);
}

TEST(latency_histogram, percentiles_of_a_hundred) {
    latency_histogram some;
    for (int ms = 1; ms <= 100; ++ms)
        some.record(std::chrono::milliseconds(ms));
    const auto near = [](net::duration value, net::duration expected) {
        return value >= expected && value <= expected + expected / 60;
    };
    EXPECT_TRUE(near(some.percentile(0.5), 50ms)) << some.percentile(0.5).count();
    EXPECT_TRUE(near(some.percentile(0.99), 99ms)) << some.percentile(0.99).count();
    EXPECT_EQ(some.percentile(1), 100ms);
    EXPECT_EQ(some.max(), 100ms);
    EXPECT_EQ(some.mean(), 50500us);
    EXPECT_TRUE(near(some.percentile(0), 1ms));
}

TEST(latency_histogram, counts_many_at_once_and_the_smallest_and_largest) {
    latency_histogram some;
    some.record(-5ms, 3);
    some.record(0ns);
    some.record(net::duration::max(), 2);
    EXPECT_EQ(some.count(), 6u);
    EXPECT_EQ(some.count_below(1ns), 4u);
    EXPECT_EQ(some.count_below(0ns), 0u);
    EXPECT_EQ(some.percentile(0.5), 0ns);
    EXPECT_EQ(some.percentile(0.9), net::duration::max());
    EXPECT_EQ(some.count_below(net::duration::max()), 6u);
}

TEST(latency_histogram, a_limit_at_a_power_of_two_parts_exactly) {
    latency_histogram some;
    some.record(1023ns);
    some.record(1024ns);
    EXPECT_EQ(some.count_below(1024ns), 1u);
    EXPECT_EQ(some.count_below(1025ns), 2u);
}

RC_GTEST_PROP(latency_histogram, a_percentile_is_at_most_a_64th_above_the_exact_one,
              (std::vector<std::uint32_t> values)) {
    RC_PRE(!values.empty());
    latency_histogram some;
    for (const auto value : values)
        some.record(net::duration(value));
    std::sort(values.begin(), values.end());
    const auto share = *rc::gen::inRange(0, 1001) / 1000.0;
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    const net::duration exact(values[rank == 0 ? 0 : rank - 1]);
    const auto told = some.percentile(share);
    RC_ASSERT(told >= exact);
    RC_ASSERT(told <= exact + exact / 64 + 1ns);
}

} // namespace
} // namespace agent
