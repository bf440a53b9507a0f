#include "net/connection_places.hpp"
#include "net/task_group.hpp"
#include "test_world.hpp"

namespace net::test {
namespace {

TEST(connection_places, are_given_back_with_the_last_copy) {
    test_world world;
    const auto places = std::make_shared<connection_places>(world, 2, 1);
    auto first = places->take();
    const auto copy = first;
    const auto second = places->take();
    EXPECT_TRUE(first && second);
    EXPECT_FALSE(places->take());
    first.reset();
    EXPECT_FALSE(places->take());
    EXPECT_EQ(places->taken(), 2U);
    const auto refusal = places->take_refusal();
    EXPECT_TRUE(refusal);
    EXPECT_FALSE(places->take_refusal());
}

TEST(connection_places, who_waits_for_one_is_woken) {
    test_world world;
    const auto places = std::make_shared<connection_places>(world, 1, 0);
    auto held = places->take();
    connection_places::place taken;
    world.run([&]() -> task<void> {
        co_await with_task_group(world, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                co_await wait_for(places->freed(), [&] { return (taken = places->take()) != nullptr; });
            });
            co_await world.settle();
            EXPECT_FALSE(taken);
            held.reset();
            co_await group.join();
        });
    });
    EXPECT_TRUE(taken);
}

TEST(connection_places, outlive_who_made_them_as_long_as_one_is_taken) {
    test_world world;
    connection_places::place held;
    {
        const auto places = std::make_shared<connection_places>(world, 1, 0);
        held = places->take();
    }
    held.reset();
    EXPECT_FALSE(held);
}

} // namespace
} // namespace net::test
