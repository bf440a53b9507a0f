#include "net/http/connection_places.hpp"
#include "net/task/task_group.hpp"
#include "tests/unit/net/test_world.hpp"

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
    const auto refusal = places->take_spare();
    EXPECT_TRUE(refusal);
    EXPECT_FALSE(places->take_spare());
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

using kind = standing::kind;

TEST(connection_places, make_room_where_the_least_is_lost) {
    const time_point now{std::chrono::hours(1)};
    const auto ago = [now](kind what, int seconds) {
        return standing{what, now - std::chrono::seconds(seconds)};
    };
    using choice = std::optional<std::size_t>;
    const auto chosen = [now](std::vector<standing> all) { return who_makes_room(all, now); };
    EXPECT_EQ(chosen({}), choice{});
    EXPECT_EQ(chosen({ago(kind::works, 1000)}), choice{});
    EXPECT_EQ(chosen({ago(kind::body_stalls, 900), ago(kind::no_request, 2), ago(kind::no_request, 3)}),
              choice{2});
    EXPECT_EQ(chosen({ago(kind::write_stalls, 900), ago(kind::body_stalls, 2), ago(kind::body_stalls, 3)}),
              choice{2});
    EXPECT_EQ(chosen({ago(kind::works, 1), ago(kind::write_stalls, 16), ago(kind::write_stalls, 15)}),
              choice{1});
    // A client that is merely slow.
    EXPECT_EQ(chosen({ago(kind::write_stalls, 14)}), choice{});
}

struct somebody final : connection_places::occupant {
    standing now;
    int evictions = 0;

    standing stands() const override { return now; }

    void evict() noexcept override { ++evictions; }
};

TEST(connection_places, of_an_evicted_connection_are_free_at_once_and_only_once) {
    test_world world;
    const auto places = std::make_shared<connection_places>(world, 1, 0);
    somebody idle;
    idle.now = {standing::kind::no_request, world.now()};
    auto first = places->take();
    {
        const connection_places::seat::taken_by here(first.get(), idle);
        const auto second = places->take_making_room();
        EXPECT_TRUE(second);
        EXPECT_EQ(idle.evictions, 1);
        EXPECT_FALSE(places->take_making_room()) << "nobody is left who may go";
        EXPECT_EQ(places->taken(), 1U);
    }
    first.reset();
    EXPECT_EQ(places->taken(), 0U);
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
