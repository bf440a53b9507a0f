#include "net/retry.hpp"

#include <gtest/gtest.h>

namespace net {
namespace {

using namespace std::chrono_literals;

constexpr time_point start{1h};
constexpr std::uint64_t longest_wait = UINT64_MAX;

TEST(retry_test, the_bound_doubles_up_to_the_longest) {
    retry again({100ms, 5s, never});
    std::vector<duration> bounds;
    for (int i = 0; i < 8; ++i) {
        bounds.push_back(again.bound());
        again.next(start, 0);
    }
    EXPECT_EQ(bounds, (std::vector<duration>{100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5s, 5s}));
    for (int i = 0; i < 100; ++i)
        again.next(start, 0);
    EXPECT_EQ(again.bound(), 5s);
}

TEST(retry_test, the_wait_is_anything_up_to_the_bound) {
    const auto wait = [](std::uint64_t random) {
        return *retry({100ms, 5s, never}).next(start, random) - start;
    };
    EXPECT_EQ(wait(0), 0ns);
    EXPECT_EQ(wait(100'000'000), 100ms);
    EXPECT_EQ(wait(100'000'001), 0ns);
    EXPECT_LE(wait(longest_wait), 100ms);
}

TEST(retry_test, the_server_may_ask_for_more) {
    retry again({100ms, 5s, never});
    EXPECT_EQ(*again.next(start, 0, 7s), start + 7s);
}

TEST(retry_test, nothing_is_tried_after_the_deadline) {
    retry again({100ms, 5s, start + 50ms});
    EXPECT_EQ(again.next(start, 50'000'000), start + 50ms);
    EXPECT_EQ(again.next(start + 50ms, 1), std::nullopt);
    EXPECT_EQ(again.attempts(), 2U);
}

TEST(retry_test, a_success_begins_anew) {
    retry again({100ms, 5s, never});
    again.next(start, 0);
    again.next(start, 0);
    EXPECT_EQ(again.attempts(), 2U);
    again.succeeded();
    EXPECT_EQ(again.attempts(), 0U);
    EXPECT_EQ(again.bound(), 100ms);
}

TEST(retry_test, the_end_of_time_is_no_overflow) {
    EXPECT_EQ(*retry({100ms, 5s, never}).next(never - 1ns, 99), never);
}

} // namespace
} // namespace net
