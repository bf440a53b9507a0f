#include "agent/service/part_task.hpp"
#include "tests/unit/agent/agent_world.hpp"

#include <stdexcept>

namespace agent::test {
namespace {

struct part_task_test : testing::Test {
    agent_world env;
    config configuration;
    service_core core{env, configuration, nullptr};
    part_task task{core, "a part"};
    net::condition let_end{env};
    bool may_end = false;
    bool aborted = false;

    net::task<> until_let() {
        try {
            co_await net::wait_for(let_end, [this] { return may_end; });
        } catch (const boost::system::system_error&) {
            aborted = true;
            throw;
        }
    }

    void run(const std::function<net::task<>()>& body) {
        env.world.run([&]() -> net::task<> {
            co_await net::with_task_group(env, [&](net::task_group& tasks) -> net::task<> {
                core.tasks = &tasks;
                co_await body();
            });
        });
    }
};

TEST_F(part_task_test, one_that_was_never_started_has_ended) {
    EXPECT_TRUE(task.ended());
    run([&]() -> net::task<> { co_await task.wait_for_end(net::never); });
}

TEST_F(part_task_test, what_ends_in_time_is_not_aborted) {
    run([&]() -> net::task<> {
        task.start([this] { return until_let(); });
        EXPECT_FALSE(task.ended());
        co_await env.world.settle();
        may_end = true;
        let_end.notify();
        co_await task.wait_for_end(env.now() + std::chrono::seconds(1));
        EXPECT_TRUE(task.ended());
        EXPECT_FALSE(aborted);
    });
}

TEST_F(part_task_test, what_can_not_end_is_aborted_at_the_deadline_and_waited_for) {
    run([&]() -> net::task<> {
        task.start([this] { return until_let(); });
        const auto deadline = env.now() + std::chrono::seconds(1);
        co_await task.wait_for_end(deadline);
        EXPECT_GE(env.now(), deadline);
        EXPECT_TRUE(task.ended());
        EXPECT_TRUE(aborted);
        EXPECT_FALSE(core.part_failed);
    });
}

TEST_F(part_task_test, its_end_is_announced) {
    run([&]() -> net::task<> {
        task.start([this] { return until_let(); });
        co_await net::with_task_group(env, [&](net::task_group& group) -> net::task<> {
            bool heard = false;
            group.spawn([&]() -> net::task<> {
                co_await task.ended_now().wait();
                heard = task.ended();
            });
            co_await env.world.settle();
            EXPECT_FALSE(heard);
            may_end = true;
            let_end.notify();
            co_await group.join();
            EXPECT_TRUE(heard);
        });
    });
}

TEST_F(part_task_test, a_failure_is_the_agents) {
    run([&]() -> net::task<> {
        task.start([]() -> net::task<> {
            throw std::runtime_error("not thought of");
            co_return;
        });
        co_await net::wait_for(core.stop.changed(), [&] { return core.stop.given(); });
        EXPECT_TRUE(core.part_failed);
        EXPECT_EQ(core.stop.state().cause(), teardown_cause::failure);
        co_await task.wait_for_end(net::never);
    });
}

} // namespace
} // namespace agent::test
