#include "tests/unit/net/system/loop.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <limits>
#include <set>
#include <thread>
#include <unistd.h>

namespace net::test {
namespace {

class system_environment_test : public system_loop {};

TEST_F(system_environment_test, a_timer_runs_its_callback_once_and_not_before_its_time) {
    const auto when = in(5ms);
    int calls = 0;
    auto alarm = env.make_timer();
    alarm->start(when, [&] {
        ++calls;
        EXPECT_GE(env.now(), when);
    });
    loop.run_for(patience);
    EXPECT_EQ(calls, 1);
}

TEST_F(system_environment_test, descriptors_are_counted_and_their_limit_is_raised) {
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit low{std::min<rlim_t>(before.rlim_max, 100), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    const auto first = env.descriptors();
    EXPECT_EQ(first.limit, std::min<rlim_t>(before.rlim_max, std::numeric_limits<int>::max()));
    rlimit now{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
    EXPECT_EQ(now.rlim_cur, before.rlim_max);
    const int one = ::dup(STDERR_FILENO);
    const int other = ::dup(STDERR_FILENO);
    EXPECT_EQ(env.descriptors().open, first.open + 2);
    ::close(one);
    ::close(other);
    EXPECT_EQ(env.descriptors().open, first.open);
    ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(system_environment_test, a_cancelled_timer_stays_silent_even_where_it_was_already_due) {
    int calls = 0;
    auto first = env.make_timer();
    auto second = env.make_timer();
    // Both are due in one turn of the loop: whichever runs first silences the other, whose handler is queued
    // already.
    first->start(env.now(), [&] {
        ++calls;
        second->cancel();
    });
    second->start(env.now(), [&] {
        ++calls;
        first.reset();
    });
    loop.run_for(patience);
    EXPECT_EQ(calls, 1);
}

TEST_F(system_environment_test, starting_a_timer_again_replaces_what_ran) {
    std::vector<int> calls;
    auto alarm = env.make_timer();
    alarm->start(env.now(), [&] { calls.push_back(1); });
    alarm->start(in(1ms), [&] { calls.push_back(2); });
    loop.run_for(patience);
    EXPECT_THAT(calls, testing::ElementsAre(2));
}

TEST_F(system_environment_test, a_callback_may_destroy_or_restart_its_own_timer) {
    int calls = 0;
    auto alarm = env.make_timer();
    std::function<void()> again = [&] {
        if (++calls < 3)
            alarm->start(env.now(), again);
        else
            alarm.reset();
    };
    alarm->start(env.now(), again);
    loop.run_for(patience);
    EXPECT_EQ(calls, 3);
}

TEST_F(system_environment_test, a_timer_for_never_gives_the_loop_no_work) {
    auto alarm = env.make_timer();
    alarm->start(never, [] { FAIL(); });
    EXPECT_EQ(loop.run(), 0U);
}

TEST_F(system_environment_test, the_wall_clock_is_the_systems) {
    const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    EXPECT_NEAR(static_cast<double>(env.wall_now()), static_cast<double>(now), 60e6);
}

TEST_F(system_environment_test, random_bytes_fill_the_whole_span) {
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        std::string drawn(64, '\0');
        env.random_bytes(std::as_writable_bytes(std::span(drawn)));
        EXPECT_NE(drawn.substr(48), std::string(16, '\0'));
        seen.insert(drawn);
    }
    EXPECT_EQ(seen.size(), 100U);
}

TEST_F(system_environment_test, random_below_reaches_all_values_and_none_else) {
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 1000; ++i)
        seen.insert(random_below(env, 5));
    EXPECT_THAT(seen, testing::ElementsAre(0, 1, 2, 3, 4));
    EXPECT_EQ(random_below(env, 1), 0U);
}

TEST_F(system_environment_test, a_uuid_is_a_random_one_of_version_4) {
    const auto id = random_uuid(env);
    EXPECT_THAT(id,
                testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
    EXPECT_NE(id, random_uuid(env));
}

TEST_F(system_environment_test, the_boot_id_does_not_change_within_a_boot) {
    EXPECT_EQ(env.boot_id().size(), 36U);
    EXPECT_EQ(env.boot_id(), env.boot_id());
}

TEST_F(system_environment_test, helper_work_runs_elsewhere_in_order_and_completes_on_the_loop) {
    std::vector<int> order;
    const auto here = std::this_thread::get_id();
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            for (int i = 0; i < 20; ++i)
                group.spawn([&, i]() -> task<void> {
                    const auto there = co_await on_helper(env, [&, i] {
                        order.push_back(i);
                        return std::this_thread::get_id();
                    });
                    EXPECT_NE(there, here);
                    EXPECT_EQ(std::this_thread::get_id(), here);
                });
            co_await group.join();
        });
    });
    std::vector<int> expected(20);
    for (int i = 0; i < 20; ++i)
        expected[static_cast<std::size_t>(i)] = i;
    EXPECT_EQ(order, expected);
}

TEST_F(system_environment_test, an_exception_of_helper_work_reaches_who_waits) {
    run([&]() -> task<void> {
        bool caught = false;
        try {
            co_await on_helper(env, []() { throw std::runtime_error("disk on fire"); });
        } catch (const std::runtime_error& failure) {
            caught = std::string_view(failure.what()) == "disk on fire";
        }
        EXPECT_TRUE(caught);
    });
}

TEST_F(system_environment_test, an_aborted_waiter_waits_for_the_end_of_its_work) {
    bool work_ended = false;
    bool left_before = false;
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            std::atomic<bool> begun = false;
            std::atomic<bool> go = false;
            group.spawn([&]() -> task<void> {
                struct at_exit {
                    bool& ended;
                    bool& left_early;
                    ~at_exit() { left_early = !ended; }
                } const check{work_ended, left_before};
                co_await on_helper(env, [&] {
                    begun = true;
                    while (!go)
                        std::this_thread::yield();
                    work_ended = true;
                });
            });
            while (!begun)
                co_await sleep_until(env, in(1ms));
            group.abort();
            co_await sleep_until(env, in(5ms));
            EXPECT_EQ(group.size(), 1U);
            go = true;
            co_await group.join();
        });
    });
    EXPECT_TRUE(work_ended);
    EXPECT_FALSE(left_before);
}

TEST(system_environment_end, work_in_progress_is_waited_for_and_queued_work_is_dropped) {
    using helper = system_helper_thread;
    bool ended = false;
    bool second = false;
    asio::io_context loop;
    auto thread = std::make_unique<helper>(loop);
    auto token = std::make_shared<int>();
    std::weak_ptr<int> queued = token;
    // The first work ends only after the queue is cleared, which the destructor does before it waits.
    auto hold = [&] {
        while (!queued.expired())
            std::this_thread::yield();
        ended = true;
    };
    auto dropped = [&second, kept = std::move(token)] { second = true; };
    std::atomic<bool> begun = false;
    auto begin = [&] {
        begun = true;
        hold();
    };
    const auto report = [] { FAIL(); };
    const auto first_asked = thread->enqueue(begin, report, helper::at_end::waited_for);
    const auto second_asked = thread->enqueue(std::move(dropped), report, helper::at_end::waited_for);
    while (!begun)
        std::this_thread::yield();
    thread.reset();
    EXPECT_TRUE(ended);
    EXPECT_FALSE(second);
    loop.poll();
}

TEST(system_environment_end, a_look_up_that_hangs_is_left_behind) {
    using helper = system_helper_thread;

    struct shared_state {
        std::atomic<bool> begun = false;
        std::atomic<bool> go = false;
        std::atomic<bool> ended = false;
    };

    auto state = std::make_shared<shared_state>();
    asio::io_context loop;
    {
        helper thread(loop);
        auto hang = [state] {
            state->begun = true;
            while (!state->go)
                std::this_thread::yield();
            state->ended = true;
        };
        const auto asked = thread.enqueue(hang, [] { FAIL(); }, helper::at_end::left_behind);
        while (!state->begun)
            std::this_thread::yield();
    }
    EXPECT_FALSE(state->ended);
    state->go = true;
    while (!state->ended)
        std::this_thread::yield();
    EXPECT_EQ(loop.poll(), 0U);
}

} // namespace
} // namespace net::test
