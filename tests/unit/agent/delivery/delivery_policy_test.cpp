// What a stream's delivery does next: a table of what follows from how it stands, and its pauses step by step.
#include "agent/delivery/delivery_policy.hpp"

#include <gtest/gtest.h>

namespace agent {
namespace {

using namespace std::chrono_literals;
using pause = s2::writer_pause;
using step_kind = delivery_step::kind;

constexpr delivery_step act{}, close_it{step_kind::close_session}, leave{step_kind::leave};
constexpr net::duration idle_close = 30s;

// Random bits that make 100 ms of a first failure's pause, and something else of any later one's.
constexpr std::uint64_t first_ones = 200'000'001;

net::time_point at(net::duration since_start) {
    return net::time_point(since_start);
}

delivery_step until(net::duration since_start) {
    return {step_kind::wait, at(since_start)};
}

s2::error refused(std::optional<std::chrono::milliseconds> retry_after = {}) {
    return s2::error::from_response(503, R"({"code":"unavailable","message":"busy"})", retry_after);
}

// The pause first, as the delivery does it.
delivery_step after_pause(delivery_policy& policy, net::duration now, bool may_retry = true) {
    policy.pausing(at(now), may_retry);
    return policy.next(at(now), {});
}

delivery_policy begun() {
    delivery_policy policy(idle_close);
    policy.begin(at(0s));
    return policy;
}

TEST(delivery_policy_test, what_follows_where_nothing_has_failed) {
    const delivery_step wait{step_kind::wait};

    const struct {
        const char* why;
        bool retiring;
        delivery_facts facts;
        net::duration now;
        delivery_step expected;
    } rows[] = {
        {"the writer has something to do", false, {}, 1h, act},
        {"the same before it retires", true, {.quiet = true}, 1h, act},
        {"for an ack", false, {.resting = true, .session_open = true}, 1h, wait},
        {"for the linger's end", false, {.resting = true, .batch_due = at(7s)}, 1s, until(7s)},
        {"before the first session", false, {.resting = true, .quiet = true}, 1h, wait},
        {"an idle session", false, {true, true, true, true}, 29s, until(30s)},
        {"an idle session for long", false, {true, true, true, true}, 30s, close_it},
        {"one with something out", false, {true, false, true, true}, 1h, wait},
        {"one that is being closed", false, {true, true, true, false}, 1h, wait},
        {"leaves with something left", true, {true, false, true, true}, 1s, wait},
        {"leaves with something left before the first session", true, {.resting = true}, 1s, wait},
        {"leaves with a session", true, {true, true, true, true}, 1s, close_it},
        {"leaves behind its session's end", true, {true, true, true, false}, 1s, wait},
        {"leaves", true, {true, true, false, false}, 1s, leave},
    };

    for (const auto& row : rows) {
        auto policy = begun();
        policy.retire(row.retiring);
        EXPECT_EQ(policy.next(at(row.now), row.facts), row.expected) << row.why;
        EXPECT_EQ(policy.condition(), stream_condition::idle);
    }
}

TEST(delivery_policy_test, the_idle_close_counts_from_the_last_that_went_through) {
    const delivery_facts idle{true, true, true, true};
    delivery_policy policy(idle_close);
    policy.begin(at(5s));
    EXPECT_EQ(policy.next(at(5s), idle), until(35s));
    EXPECT_TRUE(policy.on_progress(at(10s)));
    EXPECT_FALSE(policy.on_progress(at(20s))) << "it stands as before";
    EXPECT_EQ(policy.next(at(49s), idle), until(50s));
    policy.on_session_end(at(49s));
    EXPECT_EQ(policy.next(at(50s), idle), until(79s));
}

TEST(delivery_policy_test, a_failure_backs_off_longer_each_time_until_something_goes_through) {
    auto policy = begun();
    EXPECT_TRUE(policy.on_failure(pause::back_off, refused(), at(0s), 100'000'000));
    EXPECT_EQ(policy.condition(), stream_condition::failing);
    EXPECT_EQ(policy.reason(), refused().text());
    EXPECT_EQ(after_pause(policy, 99ms), until(100ms));
    EXPECT_EQ(after_pause(policy, 100ms), act);
    EXPECT_EQ(after_pause(policy, 50ms), act) << "a pause that is over stays over";
    EXPECT_FALSE(policy.on_failure(pause::back_off, refused(), at(1s), 200'000'000));
    EXPECT_EQ(after_pause(policy, 1s), until(1200ms));
    EXPECT_TRUE(policy.on_progress(at(2s)));
    EXPECT_EQ(policy.condition(), stream_condition::delivering);
    EXPECT_EQ(policy.reason(), "");
    policy.on_failure(pause::back_off, refused(2s), at(2s), 0);
    EXPECT_EQ(after_pause(policy, 2s), until(4s)) << "as the server asked";
}

TEST(delivery_policy_test, what_goes_through_makes_the_next_failure_the_first) {
    auto policy = begun();
    for (int failures = 0; failures < 8; ++failures)
        policy.on_failure(pause::back_off, refused(), at(0s), first_ones);
    EXPECT_EQ(after_pause(policy, 0s), until(200'000'001ns));
    policy.on_progress(at(10s));
    policy.on_failure(pause::back_off, refused(), at(10s), first_ones);
    EXPECT_EQ(after_pause(policy, 10s), until(10s + 100ms));
}

TEST(delivery_policy_test, a_pause_is_told_as_long_as_it_lasts) {
    auto policy = begun();
    EXPECT_FALSE(policy.pausing(at(0s), true));
    policy.on_failure(pause::back_off, refused(), at(0s), first_ones);
    EXPECT_TRUE(policy.pausing(at(99ms), true));
    EXPECT_FALSE(policy.pausing(at(100ms), true));
    policy.on_failure(pause::park_stream, refused(), at(1s), 0);
    EXPECT_TRUE(policy.pausing(at(5s), true));
    EXPECT_TRUE(policy.pausing(at(6s), false)) << "its turn has not come";
    EXPECT_FALSE(policy.pausing(at(7s), true));
}

TEST(delivery_policy_test, a_backoff_waits_for_nobodys_turn) {
    auto policy = begun();
    policy.on_failure(pause::back_off, refused(), at(0s), first_ones);
    EXPECT_EQ(after_pause(policy, 100ms, false), act);
}

TEST(delivery_policy_test, a_flush_ends_the_backoff_that_it_meets_and_no_later_one) {
    auto policy = begun();
    policy.flush();
    policy.on_failure(pause::back_off, refused(), at(0s), 100'000'000);
    EXPECT_EQ(after_pause(policy, 0s), until(100ms)) << "it was flushed while nothing waited";
    policy.flush();
    EXPECT_EQ(after_pause(policy, 0s), act);
    policy.on_failure(pause::back_off, refused(), at(0s), first_ones);
    EXPECT_EQ(after_pause(policy, 0s), until(100ms)) << "the first again";
}

// The attempt that is under way began before the wish: its failure is no answer to it.
TEST(delivery_policy_test, a_flush_that_meets_an_attempt_is_followed_by_another_at_once) {
    auto policy = begun();
    for (int failures = 0; failures < 8; ++failures)
        policy.on_failure(pause::back_off, refused(), at(0s), 100'000'000);
    EXPECT_EQ(after_pause(policy, 10s), act);
    policy.flush();
    policy.on_failure(pause::back_off, refused(), at(10s), 100'000'000);
    EXPECT_EQ(after_pause(policy, 10s), act);
    policy.on_failure(pause::back_off, refused(), at(10s), first_ones);
    EXPECT_EQ(after_pause(policy, 10s), until(10s + 100ms)) << "once, and the first again";
}

TEST(delivery_policy_test, what_was_hurried_and_came_through_hurries_no_later_failure) {
    auto policy = begun();
    policy.on_failure(pause::back_off, refused(), at(0s), 100'000'000);
    EXPECT_EQ(after_pause(policy, 10s), act);
    policy.flush();
    policy.on_progress(at(10s));
    policy.on_failure(pause::back_off, refused(), at(20s), 100'000'000);
    EXPECT_EQ(after_pause(policy, 20s), until(20s + 100ms));
}

TEST(delivery_policy_test, what_was_hurried_and_refused_hurries_no_later_failure) {
    auto policy = begun();
    policy.on_failure(pause::back_off, refused(), at(0s), first_ones);
    EXPECT_EQ(after_pause(policy, 1s), act);
    policy.flush();
    policy.on_failure(pause::park_stream, refused(), at(1s), 0);
    EXPECT_EQ(after_pause(policy, 6s), act);
    policy.on_failure(pause::back_off, refused(), at(6s), 100'000'000);
    EXPECT_EQ(after_pause(policy, 6s), until(6s + 100ms));
}

TEST(delivery_policy_test, a_refusal_parks_and_is_tried_again_when_its_turn_comes) {
    for (const auto what : {pause::park_sink, pause::park_stream}) {
        auto policy = begun();
        EXPECT_TRUE(policy.on_failure(what, refused(), at(1s), 0));
        EXPECT_EQ(policy.condition(),
                  what == pause::park_sink ? stream_condition::sink_parked : stream_condition::stream_parked);
        EXPECT_EQ(policy.refused_at(), at(1s));
        policy.flush();
        EXPECT_EQ(after_pause(policy, 5s), until(6s)) << "a flush leaves it alone";
        EXPECT_EQ(after_pause(policy, 6s, false), until(7s));
        EXPECT_FALSE(policy.trying_again());
        EXPECT_EQ(after_pause(policy, 7s), act);
        EXPECT_TRUE(policy.trying_again());
        EXPECT_TRUE(policy.on_failure(what, refused(), at(8s), 0))
            << "who waits for it is told of each answer";
        EXPECT_FALSE(policy.trying_again());
        EXPECT_EQ(after_pause(policy, 8s), until(13s));
    }
}

TEST(delivery_policy_test, a_parked_stream_is_tried_again_at_once_when_it_is_told_to) {
    auto policy = begun();
    policy.retry_parked();
    EXPECT_FALSE(policy.trying_again()) << "it is not parked";
    policy.on_failure(pause::park_stream, refused(), at(0s), 0);
    policy.retry_parked();
    EXPECT_TRUE(policy.trying_again());
    EXPECT_EQ(after_pause(policy, 0s, false), act) << "whose turn it is";
    EXPECT_TRUE(policy.on_progress(at(1s)));
    EXPECT_FALSE(policy.trying_again());
    EXPECT_EQ(policy.condition(), stream_condition::delivering);
}

TEST(delivery_policy_test, a_refused_stream_asks_for_its_turn_once_it_has_waited) {
    auto policy = begun();
    EXPECT_FALSE(policy.asks_for_its_turn(at(1h)));
    policy.on_failure(pause::back_off, refused(), at(0s), first_ones);
    EXPECT_FALSE(policy.asks_for_its_turn(at(1h))) << "a backoff needs none";
    policy.on_failure(pause::park_stream, refused(), at(1s), 0);
    EXPECT_FALSE(policy.asks_for_its_turn(at(5s)));
    EXPECT_TRUE(policy.asks_for_its_turn(at(6s)));
    EXPECT_FALSE(policy.pausing(at(6s), true));
    EXPECT_FALSE(policy.asks_for_its_turn(at(6s))) << "it has it";
}

TEST(delivery_policy_test, what_is_no_failure_changes_nothing) {
    for (const auto what : {pause::none, pause::cancelled}) {
        auto policy = begun();
        EXPECT_FALSE(policy.on_failure(what, refused(), at(0s), 1));
        EXPECT_EQ(policy.condition(), stream_condition::idle);
        EXPECT_EQ(after_pause(policy, 0s), act);
    }
}

} // namespace
} // namespace agent
