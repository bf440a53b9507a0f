#include "net/task/contained.hpp"
#include "net/task/task_group.hpp"
#include "tests/unit/net/test_world.hpp"

#include <gmock/gmock.h>

namespace net::test {
namespace {

template <class Exception>
task<void> fail(Exception why) {
    throw why;
    co_return;
}

TEST(contained, a_failure_is_told_and_reaches_nobody) {
    test_world world;
    std::vector<std::string> told;
    const auto report = [&](const std::string& line) { told.push_back(line); };
    bool sibling_left = false;
    world.run([&]() -> task<void> {
        co_await with_task_group(world, [&](task_group& group) -> task<void> {
            condition go(world);
            group.spawn([&]() -> task<void> {
                co_await go.wait();
                sibling_left = true;
            });
            group.spawn(contained(fail(std::runtime_error("why")), "one", report));
            group.spawn(contained(fail(boost::system::system_error(make_error_code(error::protocol))), "two",
                                  report));
            group.spawn(contained(fail(7), "three", report));
            group.spawn(contained(fail(std::runtime_error("unheard")), "four", {}));
            co_await group.join_down_to(1);
            go.notify();
            co_await group.join();
        });
    });
    EXPECT_TRUE(sibling_left);
    EXPECT_THAT(told, testing::ElementsAre("one: why", testing::HasSubstr("two: protocol error"),
                                           testing::StartsWith("three: ")));
}

TEST(contained, an_abort_goes_through) {
    test_world world;
    std::vector<std::string> told;
    bool went_on = false;
    world.run([&]() -> task<void> {
        co_await with_task_group(world, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                auto forever = sleep_until(world, never);
                co_await contained(std::move(forever), "it", [&](const auto& line) { told.push_back(line); });
                went_on = true;
            });
            co_await world.settle();
            group.abort();
            co_await group.join();
        });
    });
    EXPECT_TRUE(told.empty());
    EXPECT_FALSE(went_on);
}

} // namespace
} // namespace net::test
