#include "net/task/stop_token.hpp"
#include "tests/unit/net/system/loop.hpp"

#include <type_traits>

namespace net::test {
namespace {

// Whoever holds a token sees and waits, and can't stop anything, nor wake those who wait for the stop.
template <class Held>
constexpr bool can_drain = requires(Held held) { held.drain(never); };
template <class Held>
constexpr bool can_abort = requires(Held held) { held.abort(); };
template <class Held>
constexpr bool can_announce = requires(Held held) { held.changed().notify(); };

static_assert(can_drain<stop_source&> && can_abort<stop_source&>);
static_assert(!can_drain<stop_token> && !can_abort<stop_token> && !can_announce<stop_token>);
static_assert(!can_drain<const stop_source&> && !can_abort<const stop_source&>);
static_assert(!can_announce<stop_source&>); // but by stopping
static_assert(!std::is_convertible_v<stop_token, stop_source&>);
static_assert(!std::is_constructible_v<stop_token, stop_source>); // of a source that is about to go

class stop_token_test : public system_loop {
protected:
    stop_source source{env};

    // What `wait` has come to after `act`, in a turn of its own; nothing: it still waits.
    std::optional<error_code> outcome_after(const std::function<task<void>(stop_token)>& wait,
                                            const std::function<task<void>(task_group&)>& act) {
        std::optional<error_code> ended;
        run([&]() -> task<void> {
            co_await with_task_group(env, [&](task_group& group) -> task<void> {
                group.spawn([&]() -> task<void> {
                    std::optional<error_code> seen = error_code();
                    try {
                        co_await wait(source);
                    } catch (const boost::system::system_error& failure) {
                        seen = failure.code();
                    }
                    ended = seen;
                });
                co_await sleep_until(env, in(1ms));
                EXPECT_FALSE(ended);
                co_await act(group);
                co_await sleep_until(env, in(1ms));
            });
        });
        return ended;
    }
};

task<void> begun(stop_token stop) {
    return stop.begun();
}

task<void> over(stop_token stop) {
    return stop.over();
}

TEST_F(stop_token_test, stages_only_rise_and_a_drain_only_comes_nearer) {
    const stop_token token = source;
    EXPECT_FALSE(token.stopping());
    const auto soon = in(1s);
    source.drain(soon);
    source.drain(soon + 1s);
    EXPECT_EQ(token.stage(), stop_stage::drain);
    EXPECT_EQ(token.deadline(), soon);
    source.abort();
    source.drain(env.now());
    EXPECT_TRUE(token.aborting());
}

TEST_F(stop_token_test, a_stop_has_begun_with_its_drain) {
    const auto ended = outcome_after(begun, [&](task_group&) -> task<void> {
        source.drain(in(1h));
        co_return;
    });
    EXPECT_EQ(ended, error_code());
}

TEST_F(stop_token_test, what_has_begun_or_is_over_is_not_waited_for) {
    source.abort();
    run([&]() -> task<void> {
        const stop_token token = source;
        co_await token.begun();
        co_await token.over();
    });
}

TEST_F(stop_token_test, it_is_over_at_the_deadline_that_came_nearer_meanwhile) {
    source.drain(in(1h));
    const auto ended = outcome_after(over, [&](task_group&) -> task<void> {
        const auto nearer = in(2ms);
        source.drain(nearer);
        co_await sleep_until(env, nearer + 1ms);
    });
    EXPECT_EQ(ended, error_code());
}

TEST_F(stop_token_test, it_is_over_with_an_abort_and_not_with_a_drain) {
    source.drain(in(1h));
    const auto ended = outcome_after(over, [&](task_group&) -> task<void> {
        source.drain(in(30min));
        co_await sleep_until(env, in(1ms));
        source.abort();
    });
    EXPECT_EQ(ended, error_code());
}

TEST_F(stop_token_test, a_task_that_is_aborted_first_says_so) {
    const auto ended = outcome_after(begun, [&](task_group& group) -> task<void> {
        group.abort();
        co_return;
    });
    ASSERT_TRUE(ended);
    EXPECT_TRUE(is_cancelled(*ended));
}

TEST_F(stop_token_test, an_abort_of_the_task_behind_the_stop_comes_too_late_for_the_wait) {
    const auto ended = outcome_after(begun, [&](task_group& group) -> task<void> {
        group.abort(); // heard in a later turn than the stop
        source.drain(in(1h));
        co_return;
    });
    EXPECT_EQ(ended, error_code());
}

} // namespace
} // namespace net::test
