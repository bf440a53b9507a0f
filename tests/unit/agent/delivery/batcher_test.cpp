#include "agent/delivery/batcher.hpp"
#include "agent/delivery/pause_detector.hpp"

#include <gtest/gtest.h>

namespace agent {
namespace {

using namespace std::chrono_literals;

net::time_point at(net::duration since_start) {
    return net::time_point(since_start);
}

TEST(batcher_test, the_linger_counts_from_the_first_record_and_is_never_postponed) {
    batcher one({.linger = 100ms, .records = 50, .metered_bytes = 1000});
    EXPECT_EQ(one.deadline(), net::never);
    EXPECT_FALSE(one.due(at(1h)));
    for (int i = 0; i < 10; ++i)
        one.add(10, at(i * 9ms));
    EXPECT_EQ(one.deadline(), at(100ms));
    EXPECT_FALSE(one.due(at(99ms)));
    EXPECT_TRUE(one.due(at(100ms)));
}

TEST(batcher_test, count_and_bytes_end_the_linger_early) {
    batcher by_count({.linger = 1h, .records = 3, .metered_bytes = 1000});
    by_count.add(1, at(0ms));
    by_count.add(1, at(0ms));
    EXPECT_FALSE(by_count.due(at(0ms)));
    by_count.add(1, at(0ms));
    EXPECT_TRUE(by_count.due(at(0ms)));

    batcher by_bytes({.linger = 1h, .records = 50, .metered_bytes = 1000});
    by_bytes.add(999, at(0ms));
    EXPECT_FALSE(by_bytes.due(at(0ms)));
    by_bytes.add(1, at(0ms));
    EXPECT_TRUE(by_bytes.due(at(0ms)));
}

TEST(batcher_test, a_batch_that_must_wait_grows_to_the_protocols_limits) {
    batcher one({.linger = 0ms, .records = 1, .metered_bytes = 1});
    std::size_t taken = 0;
    while (one.fits(100)) {
        one.add(100, at(0ms));
        ++taken;
    }
    EXPECT_EQ(taken, s2::batch_records_max);

    batcher large({.linger = 0ms, .records = 1, .metered_bytes = 1});
    EXPECT_TRUE(large.fits(s2::batch_metered_bytes_max));
    large.add(s2::batch_metered_bytes_max, at(0ms));
    EXPECT_FALSE(large.fits(1));
}

TEST(batcher_test, a_flush_concerns_what_waits_now) {
    batcher one({.linger = 1h, .records = 50, .metered_bytes = 1000});
    one.flush();
    EXPECT_FALSE(one.due(at(0ms))) << "nothing waits";
    one.add(1, at(0ms));
    EXPECT_FALSE(one.due(at(0ms)));
    one.flush();
    EXPECT_TRUE(one.due(at(0ms)));
    one.taken();
    one.add(1, at(0ms));
    EXPECT_FALSE(one.due(at(0ms)));
}

TEST(pause_detector_test, notices_a_divergence_of_the_clocks_once) {
    pause_detector one;
    EXPECT_FALSE(one.paused(at(0s), 1'000'000'000));
    EXPECT_FALSE(one.paused(at(60s), 1'060'000'000)) << "both clocks ran";
    EXPECT_FALSE(one.paused(at(61s), 1'062'900'000)) << "within the bound";
    EXPECT_TRUE(one.paused(at(62s), 4'662'000'000)) << "an hour asleep";
    EXPECT_FALSE(one.paused(at(63s), 4'663'000'000));
    EXPECT_TRUE(one.paused(at(64s), 1'064'000'000)) << "set back";
}

} // namespace
} // namespace agent
