#pragma once
// Aborts a task at each of its suspensions in turn: before what it waits for has come, in the turn in which it has come, and in
// the turn in which it is about to come. A scene is made anew for each:
//
//     struct scene {
//         explicit scene(test_world& world);
//         task<void> body();                        // what is aborted
//         std::vector<std::function<void()>> steps; // step n lets suspension n succeed
//         task<void> afterwards(cut_at where);      // when the body has left: what must hold now
//     };

#include "tests/unit/net/test_world.hpp"

#include <string>
#include <vector>

namespace net::test {

enum class abort_comes { instead, behind, ahead };

struct cut_at {
    std::size_t step = 0;
    abort_comes when = abort_comes::instead;

    // Whether what was waited for has come at all.
    bool succeeded() const { return when != abort_comes::instead; }

    std::string text() const {
        const char* names[] = {"instead of", "behind", "ahead of"};
        return std::string("the abort comes ") + names[static_cast<int>(when)] + " step " +
               std::to_string(step);
    }
};

// In a scene that runs already. Returns when the body has left.
template <class Scene>
task<void> cut(test_world& world, Scene& scene, cut_at where) {
    co_await with_task_group(world, [&](task_group& group) -> task<void> {
        group.spawn([&] { return scene.body(); });
        co_await world.settle();
        for (std::size_t step = 0; step < where.step; ++step) {
            scene.steps[step]();
            co_await world.settle();
        }
        EXPECT_EQ(group.size(), 1U) << "the body does not wait for this step";
        if (where.when == abort_comes::behind)
            scene.steps[where.step]();
        group.abort();
        if (where.when == abort_comes::ahead)
            scene.steps[where.step]();
        co_await group.join();
    });
    co_await scene.afterwards(where);
}

// Every place to cut a scene of so many steps.
inline std::vector<cut_at> every_cut(std::size_t steps) {
    std::vector<cut_at> all;
    for (std::size_t step = 0; step < steps; ++step)
        for (const auto when : {abort_comes::instead, abort_comes::behind, abort_comes::ahead})
            all.push_back({step, when});
    return all;
}

// All of it, for a scene that needs nothing but a world.
template <class Scene>
void abort_at_each_suspension() {
    test_world counted;
    const auto steps = Scene(counted).steps.size();
    for (const auto where : every_cut(steps)) {
        SCOPED_TRACE(where.text());
        test_world world;
        world.run([&]() -> task<void> {
            Scene scene(world);
            co_await cut(world, scene, where);
        });
    }
}

} // namespace net::test
