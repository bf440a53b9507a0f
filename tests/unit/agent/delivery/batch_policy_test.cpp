#include "agent/delivery/batch_policy.hpp"
#include "agent/delivery/pause_detector.hpp"

#include <gtest/gtest.h>

namespace agent {
namespace {

using namespace std::chrono_literals;

net::time_point at(net::duration since_start) {
    return net::time_point(since_start);
}

constexpr batch_limits limits{.linger = 100ms, .records = 50, .metered_bytes = 1000, .in_flight = 4};
constexpr auto most = in_flight_metered_bytes_max;

TEST(batch_policy_test, when_what_waits_becomes_a_batch) {
    const batch_decision freeze{batch_decision::kind::freeze}, nothing{},
        ack{batch_decision::kind::await_ack};
    const batch_decision linger{batch_decision::kind::wait, at(1100ms)};

    const struct {
        const char* why;
        batch_facts facts;
        net::duration now;
        batch_decision expected;
    } rows[] = {
        {"nothing waits", {}, 1h, nothing},
        {"nothing waits, whoever flushes", {.flush = true}, 1h, nothing},
        {"nothing waits, and nothing could go", {.in_flight = 4}, 1h, nothing},
        {"within the linger of the first", {.waiting = {49, 999, at(1s)}}, 1099ms, linger},
        {"at its end", {.waiting = {1, 1, at(1s)}}, 1100ms, freeze},
        {"enough records", {.waiting = {50, 50, at(1s)}}, 1s, freeze},
        {"enough bytes", {.waiting = {1, 1000, at(1s)}}, 1s, freeze},
        {"the next does not fit", {.waiting = {1, 1, at(1s), true}}, 1s, freeze},
        {"somebody flushes", {.waiting = {1, 1, at(1s)}, .flush = true}, 1s, freeze},
        {"within the linger, others out", {.waiting = {1, 1, at(1s)}, .in_flight = 3}, 1s, linger},
        {"the last place", {.waiting = {1, 1, at(1s)}, .in_flight = 3}, 2s, freeze},
        {"no place", {.waiting = {1, 1, at(1s)}, .flush = true, .in_flight = 4}, 2s, ack},
        {"the last bytes", {{1, 9, at(1s)}, false, 1, most - 9}, 2s, freeze},
        {"too many bytes", {{1, 10, at(1s)}, false, 1, most - 9}, 2s, ack},
        {"whatever its size, where nothing is out", {{1, most + 1, at(1s)}, false, 0, 0}, 2s, freeze},
    };

    for (const auto& row : rows)
        EXPECT_EQ(decide_batch(limits, row.facts, at(row.now)), row.expected) << row.why;
}

TEST(batch_policy_test, the_longest_linger_ends_never) {
    const batch_limits forever{.linger = net::duration::max()};
    const batch_facts facts{.waiting = {1, 1, at(1s)}};
    const batch_decision nothing{};
    EXPECT_EQ(decide_batch(forever, facts, at(2s)), nothing);
}

TEST(batch_policy_test, what_waits_grows_to_the_protocols_limits) {
    EXPECT_TRUE((waiting_records{s2::batch_records_max - 1, 0}).fits(1));
    EXPECT_FALSE((waiting_records{s2::batch_records_max, 0}).fits(1));
    EXPECT_TRUE((waiting_records{1, s2::batch_metered_bytes_max - 1}).fits(1));
    EXPECT_FALSE((waiting_records{1, s2::batch_metered_bytes_max}).fits(1));
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
