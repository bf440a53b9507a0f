// What waits in net/task, aborted at each of its suspensions.
#include "net/task/condition.hpp"
#include "net/task/stop_token.hpp"
#include "net/task/task_group.hpp"
#include "tests/unit/net/each_suspension.hpp"

namespace net::test {
namespace {

using namespace std::chrono_literals;

struct waits_for_a_condition {
    explicit waits_for_a_condition(test_world& in)
        : world(in)
        , changed(in)
        , steps(4, [this] { changed.notify(); }) {
        steps[3] = [this] {
            holds = true;
            changed.notify();
        };
    }

    task<void> body() {
        co_await changed.wait();
        ++passed;
        co_await changed.wait();
        ++passed;
        const bool notified = co_await changed.wait_until(world.now() + 1h);
        EXPECT_TRUE(notified);
        ++passed;
        co_await wait_for(changed, [&] { return holds; }, world.now() + 1h);
        ++passed;
    }

    task<void> afterwards(cut_at where) {
        EXPECT_FALSE(changed.has_waiters());
        EXPECT_EQ(world.alarms_pending(), 0U);
        // A notify is never lost to an abort of the same turn.
        EXPECT_EQ(passed, where.step + (where.succeeded() ? 1 : 0));
        // The condition is as good as before for the next one.
        co_await with_task_group(world, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> { co_await changed.wait(); });
            co_await world.settle();
            changed.notify();
            co_await group.join();
        });
    }

    test_world& world;
    condition changed;
    bool holds = false;
    std::size_t passed = 0;
    std::vector<std::function<void()>> steps;
};

TEST(each_suspension, of_who_waits_for_a_condition) {
    abort_at_each_suspension<waits_for_a_condition>();
}

// A body with a group of its own, whose children leave one by one.
struct waits_for_children {
    explicit waits_for_children(test_world& in)
        : world(in)
        , gates{condition(in), condition(in), condition(in)} {
        for (auto& gate : gates)
            steps.push_back([&gate] { gate.notify(); });
    }

    struct counted {
        explicit counted(std::size_t& alive)
            : alive_(alive) {
            ++alive_;
        }

        ~counted() { --alive_; }

        counted(const counted&) = delete;
        counted& operator=(const counted&) = delete;

        std::size_t& alive_;
    };

    task<void> body() {
        co_await with_task_group(world, [this](task_group& group) -> task<void> {
            for (auto& gate : gates)
                group.spawn([this, &gate]() -> task<void> {
                    const counted here(alive);
                    co_await gate.wait();
                    ++finished;
                });
            co_await group.join_down_to(2);
            co_await group.join_down_to(1);
            co_await group.join();
            joined = true;
        });
    }

    task<void> afterwards(cut_at where) {
        EXPECT_EQ(alive, 0U) << "a scope is left by its children first";
        EXPECT_EQ(finished, where.step + (where.succeeded() ? 1 : 0));
        EXPECT_LE(joined, finished == gates.size());
        for (auto& gate : gates)
            EXPECT_FALSE(gate.has_waiters());
        co_return;
    }

    test_world& world;
    std::array<condition, 3> gates;
    std::size_t alive = 0;
    std::size_t finished = 0;
    bool joined = false;
    std::vector<std::function<void()>> steps;
};

TEST(each_suspension, of_who_waits_for_children) {
    abort_at_each_suspension<waits_for_children>();
}

struct waits_for_a_stop {
    explicit waits_for_a_stop(test_world& in)
        : world(in)
        , stop(in)
        , steps{[this] { stop.drain(world.now() + 1h); }, [this] { stop.abort(); }} {}

    task<void> body() {
        while (!stop.stopping())
            co_await stop.changed().wait();
        ++passed;
        while (!stop.aborting())
            co_await stop.changed().wait_until(stop.deadline());
        ++passed;
    }

    task<void> afterwards(cut_at where) {
        EXPECT_FALSE(stop.changed().has_waiters());
        EXPECT_EQ(world.alarms_pending(), 0U);
        EXPECT_EQ(passed, where.step + (where.succeeded() ? 1 : 0));
        co_return;
    }

    test_world& world;
    stop_source stop;
    std::size_t passed = 0;
    std::vector<std::function<void()>> steps;
};

TEST(each_suspension, of_who_waits_for_a_stop) {
    abort_at_each_suspension<waits_for_a_stop>();
}

} // namespace
} // namespace net::test
