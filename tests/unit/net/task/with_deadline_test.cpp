#include "net/task/with_deadline.hpp"
#include "tests/unit/net/system/loop.hpp"

namespace net::test {
namespace {

class with_deadline_test : public system_loop {
protected:
    condition let_go{env};
    bool may_go = false;
    bool aborted = false;

    task<result<int>> seven_when_let() {
        try {
            co_await wait_for(let_go, [this] { return may_go; });
        } catch (const boost::system::system_error&) {
            aborted = true;
            throw;
        }
        co_return 7;
    }

    static task<result<int>> fail() { co_return make_error_code(error::going_away); }

    void let() {
        may_go = true;
        let_go.notify();
    }
};

TEST_F(with_deadline_test, in_time_it_changes_nothing) {
    run([&]() -> task<void> {
        may_go = true;
        const auto got = co_await with_deadline(env, in(1h), seven_when_let());
        EXPECT_EQ(*got, 7);
        const auto failed = co_await with_deadline(env, in(1h), fail());
        EXPECT_EQ(failed.error(), make_error_code(error::going_away));
        const auto unbounded = co_await with_deadline(env, never, seven_when_let());
        EXPECT_EQ(*unbounded, 7);
    });
}

TEST_F(with_deadline_test, what_takes_too_long_is_aborted_and_has_left) {
    run([&]() -> task<void> {
        const auto got = co_await with_deadline(env, in(2ms), seven_when_let());
        EXPECT_EQ(got.error(), make_error_code(error::timed_out));
        EXPECT_TRUE(aborted);
    });
}

TEST_F(with_deadline_test, a_success_of_the_same_turn_as_the_deadline_counts) {
    run([&]() -> task<void> {
        const auto when = in(2ms);
        auto earlier = env.make_timer();
        earlier->start(when, [&] { let(); });
        const auto got = co_await with_deadline(env, when, seven_when_let());
        EXPECT_EQ(*got, 7);
    });
}

TEST_F(with_deadline_test, an_abort_before_the_success_is_passed_on) {
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            error_code seen;
            group.spawn([&]() -> task<void> {
                try {
                    (void)co_await with_deadline(env, in(1h), seven_when_let());
                } catch (const boost::system::system_error& failure) {
                    seen = failure.code();
                }
            });
            co_await sleep_until(env, in(1ms));
            group.abort();
            co_await group.join();
            EXPECT_TRUE(is_cancelled(seen));
            EXPECT_TRUE(aborted);
        });
    });
}

TEST_F(with_deadline_test, an_abort_behind_the_success_finds_the_work_done) {
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> { (void)co_await with_deadline(env, in(1h), seven_when_let()); });
            co_await sleep_until(env, in(1ms));
            group.abort(); // heard in a later turn than the success
            let();
            co_await group.join();
            EXPECT_FALSE(aborted);
        });
    });
}

} // namespace
} // namespace net::test
