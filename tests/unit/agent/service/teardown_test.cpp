#include "agent/service/teardown.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace agent {
namespace {

using namespace std::chrono_literals;
using enum teardown_cause;

net::time_point at(net::duration since_start) {
    return net::time_point(since_start);
}

TEST(teardown_test, a_signals_deadline_is_absolute) {
    teardown one(10s);
    EXPECT_FALSE(one.begun());
    one.begin(signal, at(5s));
    one.progressed(at(12s));
    EXPECT_EQ(one.deadline(), at(15s));
}

TEST(teardown_test, at_end_of_input_the_deadline_moves_with_the_acks) {
    teardown one(10s);
    one.begin(end_of_input, at(5s));
    EXPECT_EQ(one.deadline(), at(15s));
    one.progressed(at(12s));
    EXPECT_EQ(one.deadline(), at(22s));
    one.progressed(at(11s));
    EXPECT_EQ(one.deadline(), at(22s)) << "never backwards";
}

TEST(teardown_test, a_signal_after_the_end_of_input_sets_an_absolute_deadline) {
    teardown one(10s);
    one.begin(end_of_input, at(5s));
    one.begin(signal, at(7s));
    one.progressed(at(16s));
    EXPECT_EQ(one.deadline(), at(17s));
    EXPECT_FALSE(one.cut_short());
    EXPECT_EQ(one.cause(), end_of_input);
}

TEST(teardown_test, a_failures_deadline_is_absolute_and_the_next_failure_changes_nothing) {
    teardown one(10s);
    one.begin(failure, at(5s));
    one.begin(failure, at(6s));
    one.progressed(at(12s));
    EXPECT_EQ(one.deadline(), at(15s));
    EXPECT_TRUE(one.told_to_leave());
    EXPECT_FALSE(one.cut_short());
    EXPECT_EQ(one.cause(), failure);
    teardown other(10s);
    other.begin(signal, at(1s));
    other.begin(failure, at(2s));
    EXPECT_EQ(other.deadline(), at(11s));
    EXPECT_FALSE(other.cut_short());
    EXPECT_EQ(other.cause(), signal);
}

TEST(teardown_test, a_refusal_by_s2_does_not_tell_to_leave) {
    teardown one(10s);
    EXPECT_FALSE(one.told_to_leave());
    one.begin(parked, at(5s));
    EXPECT_FALSE(one.told_to_leave());
    one.begin(signal, at(6s));
    EXPECT_TRUE(one.told_to_leave());
    EXPECT_EQ(one.cause(), parked);
}

TEST(teardown_test, the_second_signal_cuts_it_short) {
    teardown one(10s);
    one.begin(signal, at(1s));
    one.begin(end_of_input, at(2s));
    EXPECT_FALSE(one.cut_short());
    one.begin(signal, at(3s));
    EXPECT_TRUE(one.cut_short());
    EXPECT_LT(one.deadline(), at(3s));
}

TEST(teardown_test, a_parked_sink_is_not_waited_for) {
    teardown one(10s);
    one.begin(parked, at(1s));
    EXPECT_LT(one.deadline(), at(1s));
}

TEST(teardown_test, a_refusal_after_the_end_of_input_cuts_nothing_short) {
    teardown one(10s);
    one.begin(end_of_input, at(1s));
    one.begin(parked, at(2s));
    EXPECT_EQ(one.cause(), end_of_input);
    EXPECT_FALSE(one.cut_short());
    EXPECT_EQ(one.deadline(), at(11s));
}

TEST(teardown_test, a_session_that_never_started_is_not_waited_for) {
    teardown one(10s);
    one.begin(no_start, at(1s));
    EXPECT_TRUE(one.cut_short());
    EXPECT_LT(one.deadline(), at(1s));
}

TEST(teardown_test, only_who_is_refused_still_takes_what_stands_in_the_input) {
    teardown refused(10s);
    refused.begin(parked, at(1s));
    EXPECT_EQ(refused.input_deadline(), at(1s) + waiting_input_grace);
    for (const auto cause : {failure, end_of_input, no_start}) {
        teardown other(10s);
        other.begin(cause, at(1s));
        EXPECT_LT(other.input_deadline(), at(1s));
    }
}

TEST(teardown_test, the_first_signal_leaves_producers_their_last_words_within_a_quarter_of_the_timeout) {
    struct row {
        net::duration timeout;
        net::duration grace;
        net::duration left;
    };

    constexpr row rows[] = {{8s, 2s, 2s},    {8s, 1s, 1s}, {8s, 3s, 2s},
                            {2s, 2s, 500ms}, {0s, 2s, 0s}, {8s, 0s, 0s}};
    for (const auto& [timeout, grace, left] : rows) {
        teardown one(timeout, grace);
        EXPECT_FALSE(one.reads_to_the_end());
        one.begin(signal, at(1s));
        EXPECT_TRUE(one.reads_to_the_end());
        EXPECT_EQ(one.input_deadline(), at(1s) + left);
        EXPECT_EQ(one.deadline(), at(1s) + timeout) << "the grace counts within it";
        one.begin(end_of_input, at(1100ms)); // their end, and what comes of it, changes nothing
        one.begin(parked, at(1200ms));
        EXPECT_EQ(one.input_deadline(), at(1s) + left);
        one.begin(signal, at(1300ms));
        EXPECT_FALSE(one.reads_to_the_end()) << "the second signal ends it";
        EXPECT_LT(one.input_deadline(), at(1s));
    }
}

TEST(teardown_test, a_signal_to_who_is_refused_leaves_producers_their_last_words_too) {
    teardown one(8s, 2s);
    one.begin(parked, at(1s));
    one.begin(signal, at(1s) + 50ms);
    EXPECT_EQ(one.input_deadline(), at(3s) + 50ms);
}

TEST(teardown_test, parked_wins_over_undelivered_also_where_the_last_attempt_met_something_else) {
    teardown refused(10s);
    refused.begin(parked, at(1s));
    EXPECT_EQ(refused.exit({true, true, false, false, false}), exit_code::parked);
    EXPECT_EQ(refused.exit({true, false, false, false, false}), exit_code::parked);
    EXPECT_EQ(refused.exit({false, false, false, false, false}), exit_code::durable);
    EXPECT_EQ(refused.exit({false, false, false, true, false}), exit_code::parked) << "the input was left";
    teardown signalled(10s);
    signalled.begin(signal, at(1s));
    EXPECT_EQ(signalled.exit({true, true, true, false, false}), exit_code::parked);
    EXPECT_EQ(signalled.exit({true, false, true, false, false}), exit_code::undelivered);
    EXPECT_EQ(signalled.exit({false, false, true, false, false}), exit_code::failure);
    EXPECT_EQ(signalled.exit({false, false, false, false, false}), exit_code::durable);
    EXPECT_EQ(signalled.exit({false, false, false, true, false}), exit_code::durable) << "by order";
    EXPECT_EQ(signalled.exit({true, true, true, false, true}), exit_code::unusable)
        << "what was owed went with it";
    EXPECT_EQ(signalled.exit({false, false, false, false, true}), exit_code::unusable);
}

TEST(teardown_test, the_steps_come_in_the_contracts_order_and_end) {
    using enum teardown_step;
    teardown one(10s);
    std::vector<teardown_step> seen;
    for (int i = 0; i < 7; ++i) {
        seen.push_back(one.step());
        one.next_step();
    }
    EXPECT_EQ(seen, (std::vector{stop_intake, end_session, deliver, close_files, close_ring, done, done}));
    for (const auto step : seen)
        EXPECT_FALSE(name_of(step).empty());
}

} // namespace
} // namespace agent
