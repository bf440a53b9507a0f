#include "net/task/deadline.hpp"
#include "tests/unit/net/stream_pair.hpp"
#include "tests/unit/net/system/loop.hpp"

namespace net::test {
namespace {

class deadline_test : public system_loop {};

TEST_F(deadline_test, a_read_without_an_answer_is_timed_out) {
    run([&]() -> task<void> {
        auto [one, other] = make_pair(env);
        const deadline_guard guard(env, in(2ms), *one);
        const auto got = co_await receive(*one, 1);
        EXPECT_TRUE(is_cancelled(got.error()));
        EXPECT_EQ(guard.outcome(got.error()), error::timed_out);
        EXPECT_TRUE(guard.expired());
    });
}

TEST_F(deadline_test, in_time_it_changes_nothing) {
    run([&]() -> task<void> {
        auto [one, other] = make_pair(env);
        {
            const deadline_guard guard(env, in(1h), *one);
            co_await send(*other, "x");
            const auto got = co_await receive(*one, 1);
            EXPECT_EQ(*got, "x");
            EXPECT_FALSE(guard.outcome({}));
            EXPECT_EQ(guard.outcome(error::eof), error::eof);
        } // the guard's timer is no work any more
        const deadline_guard unbounded(env, never, *one);
        EXPECT_FALSE(unbounded.expired());
    });
}

TEST_F(deadline_test, an_abort_stays_cancelled) {
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            auto [one, other] = make_pair(env);
            const auto body = [&]() -> task<void> {
                const deadline_guard guard(env, in(1h), *one);
                const auto got = co_await receive(*one, 1);
                EXPECT_TRUE(is_cancelled(guard.outcome(got.error())));
            };
            group.spawn(body);
            co_await sleep_until(env, in(1ms));
            group.abort();
            co_await group.join();
        });
    });
}

} // namespace
} // namespace net::test
