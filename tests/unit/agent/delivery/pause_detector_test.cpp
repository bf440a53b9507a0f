#include "agent/delivery/pause_detector.hpp"

#include <gtest/gtest.h>

namespace agent {
namespace {

using namespace std::chrono_literals;

constexpr net::wall_micros wall_start = 1'700'000'000'000'000;

// A look after so much time on the monotonic clock, and so much on the wall's.
bool paused(pause_detector& detector, net::duration monotonic, std::chrono::microseconds wall) {
    return detector.paused(net::time_point(monotonic), wall_start + wall.count());
}

TEST(pause_detector_rules, the_first_look_notices_nothing) {
    pause_detector detector;
    EXPECT_FALSE(paused(detector, 7s, 0s));
    EXPECT_FALSE(paused(detector, 67s, 60s)) << "both clocks ran";
}

TEST(pause_detector_rules, the_bound_is_exact) {
    constexpr std::chrono::microseconds most{pause_detector::divergence_max_us};
    pause_detector within;
    EXPECT_FALSE(paused(within, 0s, 0s));
    EXPECT_FALSE(paused(within, 10s, 10s + most));
    pause_detector beyond;
    EXPECT_FALSE(paused(beyond, 0s, 0s));
    EXPECT_TRUE(paused(beyond, 10s, 10s + most + 1us));
}

TEST(pause_detector_rules, a_clock_set_back_is_one_too) {
    constexpr std::chrono::microseconds most{pause_detector::divergence_max_us};
    pause_detector detector;
    EXPECT_FALSE(paused(detector, 0s, 0s));
    EXPECT_FALSE(paused(detector, 10s, 10s - most));
    EXPECT_TRUE(paused(detector, 11s, 11s - most - 1us));
}

TEST(pause_detector_rules, each_pause_is_noticed_once) {
    pause_detector detector;
    EXPECT_FALSE(paused(detector, 0s, 0s));
    EXPECT_TRUE(paused(detector, 1s, 1h));
    EXPECT_FALSE(paused(detector, 2s, 1h + 1s));
    EXPECT_TRUE(paused(detector, 3s, 2h)) << "the next one counts anew";
}

} // namespace
} // namespace agent
