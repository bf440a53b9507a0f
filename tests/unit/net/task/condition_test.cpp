#include "net/task/condition.hpp"
#include "tests/unit/net/system/loop.hpp"

#include <gmock/gmock.h>

namespace net::test {
namespace {

class condition_test : public system_loop {
protected:
    condition changed{env};
};

TEST_F(condition_test, notify_wakes_all_that_wait_and_none_that_come_later) {
    std::vector<int> woken;
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            for (int i = 0; i < 3; ++i)
                group.spawn([&, i]() -> task<void> {
                    co_await changed.wait();
                    woken.push_back(i);
                });
            co_await sleep_until(env, in(1ms));
            EXPECT_TRUE(changed.has_waiters());
            changed.notify();
            EXPECT_FALSE(changed.has_waiters());
            EXPECT_TRUE(woken.empty()); // not inside notify()
            group.spawn([&]() -> task<void> {
                co_await changed.wait();
                woken.push_back(3);
            });
            co_await group.join_down_to(1);
            EXPECT_THAT(woken, testing::ElementsAre(0, 1, 2));
            changed.notify();
            co_await group.join();
        });
    });
    EXPECT_THAT(woken, testing::ElementsAre(0, 1, 2, 3));
}

TEST_F(condition_test, a_notify_without_waiters_is_not_remembered) {
    changed.notify();
    run([&]() -> task<void> {
        const bool notified = co_await changed.wait_until(in(1ms));
        EXPECT_FALSE(notified);
    });
}

TEST_F(condition_test, a_deadline_that_has_passed_still_yields_once) {
    run([&]() -> task<void> {
        const bool notified = co_await changed.wait_until(env.now() - 1s);
        EXPECT_FALSE(notified);
        EXPECT_FALSE(changed.has_waiters());
    });
}

// The first of both decides, in whichever order they come within one turn.
TEST_F(condition_test, a_notify_before_the_deadline_of_the_same_turn_counts) {
    run([&]() -> task<void> {
        const auto when = in(2ms);
        auto earlier = env.make_timer();
        earlier->start(when, [&] { changed.notify(); });
        const bool notified = co_await changed.wait_until(when);
        EXPECT_TRUE(notified);
    });
}

TEST_F(condition_test, a_notify_after_the_deadline_of_the_same_turn_does_not) {
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            auto later = env.make_timer();
            const auto when = in(5ms);
            bool notified = true;
            group.spawn([&]() -> task<void> { notified = co_await changed.wait_until(when); });
            co_await sleep_until(env, in(1ms));
            later->start(when + 1ns, [&] { changed.notify(); });
            co_await group.join();
            EXPECT_FALSE(notified);
        });
    });
}

TEST_F(condition_test, an_abort_while_waiting_throws_and_leaves_no_waiter) {
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            error_code seen;
            group.spawn([&]() -> task<void> {
                try {
                    co_await changed.wait();
                } catch (const boost::system::system_error& failure) {
                    seen = failure.code();
                }
            });
            co_await sleep_until(env, in(1ms));
            group.abort();
            co_await group.join();
            EXPECT_TRUE(is_cancelled(seen));
            EXPECT_FALSE(changed.has_waiters());
        });
    });
}

TEST_F(condition_test, an_abort_after_the_notify_of_the_same_turn_comes_too_late_for_the_wait) {
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            bool went_on = false;
            bool threw_next = false;
            group.spawn([&]() -> task<void> {
                co_await changed.wait();
                went_on = true;
                try {
                    co_await changed.wait();
                } catch (const boost::system::system_error&) {
                    threw_next = true;
                }
            });
            co_await sleep_until(env, in(1ms));
            group.abort(); // heard in a later turn than the notify
            changed.notify();
            co_await group.join();
            EXPECT_TRUE(went_on);
            EXPECT_TRUE(threw_next);
        });
    });
}

TEST_F(condition_test, a_waiter_may_destroy_the_condition_it_was_woken_by) {
    run([&]() -> task<void> {
        auto own = std::make_unique<condition>(env);
        int woken = 0;
        int found_it_there = 0;
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            for (int i = 0; i < 2; ++i)
                group.spawn([&]() -> task<void> {
                    co_await own->wait();
                    ++woken;
                    found_it_there += own ? 1 : 0;
                    own.reset(); // the other one is awake, too
                });
            co_await sleep_until(env, in(1ms));
            own->notify();
            co_await group.join();
        });
        EXPECT_EQ(woken, 2);
        EXPECT_EQ(found_it_there, 1);
    });
}

TEST_F(condition_test, wait_for_asks_first_and_once_more_at_the_deadline) {
    run([&]() -> task<void> {
        const bool at_once = co_await wait_for(changed, [] { return true; }, env.now());
        EXPECT_TRUE(at_once);
        int asked = 0;
        const bool at_last = co_await wait_for(changed, [&] { return ++asked == 2; }, in(1ms));
        EXPECT_TRUE(at_last);
        const bool never_held = co_await wait_for(changed, [] { return false; }, in(1ms));
        EXPECT_FALSE(never_held);
    });
}

TEST_F(condition_test, sleep_until_sleeps_until_then) {
    run([&]() -> task<void> {
        const auto when = in(3ms);
        co_await sleep_until(env, when);
        EXPECT_GE(env.now(), when);
    });
}

// Under the sanitizers: nothing leaks, nothing is touched after its end, in either order of destruction.
TEST(condition_end, a_loop_destroyed_with_waiting_tasks_destroys_them) {
    int destroyed = 0;

    struct counted {
        int& count;

        ~counted() { ++count; }
    };

    {
        asio::io_context loop;
        system_environment env(loop);
        auto shared = std::make_unique<condition>(env);
        auto waits = [&](bool with_deadline) -> task<void> {
            const counted one{destroyed};
            condition own(env);
            if (with_deadline)
                co_await shared->wait_until(env.now() + 1h);
            else
                co_await own.wait();
        };
        for (const bool with_deadline : {false, true, false, true})
            asio::co_spawn(loop, waits(with_deadline), [](std::exception_ptr) { FAIL(); });
        loop.poll();
        EXPECT_TRUE(shared->has_waiters());
    }
    EXPECT_EQ(destroyed, 4);
}

} // namespace
} // namespace net::test
