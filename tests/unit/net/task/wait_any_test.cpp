#include "net/task/condition.hpp"
#include "tests/unit/net/system/loop.hpp"

#include <boost/asio/detached.hpp>

#include <memory>

namespace net::test {
namespace {

class wait_any_test : public system_loop {
protected:
    condition one{env};
    condition other{env};
};

TEST_F(wait_any_test, whichever_notifies_first_wakes_and_the_other_forgets) {
    for (auto* first : {&one, &other})
        run([&]() -> task<void> {
            co_await with_task_group(env, [&](task_group& group) -> task<void> {
                int woken = 0;
                group.spawn([&]() -> task<void> {
                    const bool notified = co_await wait_any(one, other);
                    EXPECT_TRUE(notified);
                    ++woken;
                });
                co_await sleep_until(env, in(1ms));
                EXPECT_TRUE(one.has_waiters());
                EXPECT_TRUE(other.has_waiters());
                first->notify();
                EXPECT_FALSE(one.has_waiters());
                EXPECT_FALSE(other.has_waiters());
                EXPECT_EQ(woken, 0); // not inside notify()
                one.notify();
                other.notify();
                co_await group.join();
                EXPECT_EQ(woken, 1);
            });
        });
}

TEST_F(wait_any_test, a_deadline_passes_and_leaves_no_waiter) {
    run([&]() -> task<void> {
        const bool notified = co_await wait_any_until(in(1ms), one, other);
        EXPECT_FALSE(notified);
        EXPECT_FALSE(one.has_waiters());
        EXPECT_FALSE(other.has_waiters());
    });
}

TEST_F(wait_any_test, a_notify_before_the_deadline_of_the_same_turn_counts) {
    run([&]() -> task<void> {
        const auto when = in(2ms);
        auto earlier = env.make_timer();
        earlier->start(when, [&] { other.notify(); });
        const bool notified = co_await wait_any_until(when, one, other);
        EXPECT_TRUE(notified);
    });
}

TEST_F(wait_any_test, the_same_condition_twice_is_the_same_as_once) {
    run([&]() -> task<void> {
        auto later = env.make_timer();
        later->start(in(1ms), [&] { one.notify(); });
        const bool notified = co_await wait_any(one, one);
        EXPECT_TRUE(notified);
        EXPECT_FALSE(one.has_waiters());
    });
}

TEST_F(wait_any_test, an_abort_while_waiting_throws_and_leaves_no_waiter) {
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            error_code seen;
            group.spawn([&]() -> task<void> {
                try {
                    co_await wait_any(one, other);
                } catch (const boost::system::system_error& failure) {
                    seen = failure.code();
                }
            });
            co_await sleep_until(env, in(1ms));
            group.abort();
            co_await group.join();
            EXPECT_TRUE(is_cancelled(seen));
            EXPECT_FALSE(one.has_waiters());
            EXPECT_FALSE(other.has_waiters());
        });
    });
}

TEST_F(wait_any_test, an_abort_after_the_notify_of_the_same_turn_comes_too_late_for_the_wait) {
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            bool went_on = false;
            bool threw_next = false;
            group.spawn([&]() -> task<void> {
                co_await wait_any(one, other);
                went_on = true;
                try {
                    co_await wait_any(one, other);
                } catch (const boost::system::system_error&) {
                    threw_next = true;
                }
            });
            co_await sleep_until(env, in(1ms));
            group.abort(); // heard in a later turn than the notify
            other.notify();
            co_await group.join();
            EXPECT_TRUE(went_on);
            EXPECT_TRUE(threw_next);
        });
    });
}

TEST_F(wait_any_test, a_waiter_may_destroy_the_conditions_it_was_woken_by) {
    run([&]() -> task<void> {
        auto first = std::make_unique<condition>(env);
        auto second = std::make_unique<condition>(env);
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                co_await wait_any(*first, *second);
                first.reset();
                second.reset();
            });
            co_await sleep_until(env, in(1ms));
            second->notify();
            first.reset(); // awake, the waiter is nothing to it any more
            co_await group.join();
        });
        EXPECT_FALSE(second);
    });
}

// A loop that ends destroys what waits in it; the conditions forget that, whichever of them goes first.
TEST(wait_any_of_a_loop_that_ends, a_destroyed_waiter_is_forgotten_by_both) {
    auto loop = std::make_unique<asio::io_context>();
    auto env = std::make_unique<system_environment>(*loop);
    condition one(*env);
    auto other = std::make_unique<condition>(*env);
    const auto wait = [&]() -> task<void> { co_await wait_any(one, *other); };
    asio::co_spawn(*loop, wait(), asio::detached);
    asio::co_spawn(*loop, wait(), asio::detached);
    loop->poll();
    EXPECT_TRUE(one.has_waiters());
    EXPECT_TRUE(other->has_waiters());
    other.reset(); // outside the loop a condition may go before its waiters
    env.reset();
    loop.reset();
    EXPECT_FALSE(one.has_waiters());
}

} // namespace
} // namespace net::test
