#include "net/task/task_group.hpp"
#include "tests/unit/net/system/loop.hpp"

#include <boost/asio/detached.hpp>

#include <gmock/gmock.h>

namespace net::test {
namespace {

class task_group_test : public system_loop {
protected:
    // Runs until it is aborted, and counts that.
    task<void> linger(int& aborted) {
        try {
            co_await sleep_until(env, never);
        } catch (const boost::system::system_error& failure) {
            aborted += is_cancelled(failure.code());
            throw;
        }
    }

    static task<void> fail(const char* why) {
        throw std::runtime_error(why);
        co_return;
    }

    std::string failure_of(std::function<task<void>(task_group&)> body) {
        std::string said = "nothing";
        run([&]() -> task<void> {
            try {
                co_await with_task_group(env, body);
            } catch (const std::exception& failure) {
                said = failure.what();
            }
        });
        return said;
    }
};

TEST_F(task_group_test, a_child_starts_in_a_turn_of_its_own) {
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            bool started = false;
            group.spawn([&]() -> task<void> {
                started = true;
                co_return;
            });
            EXPECT_FALSE(started);
            EXPECT_EQ(group.size(), 1U);
            co_await group.join();
            EXPECT_TRUE(started);
        });
    });
}

TEST_F(task_group_test, a_child_aborted_before_its_start_never_starts) {
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            bool started = false;
            const auto body = [&]() -> task<void> {
                started = true;
                co_return;
            };
            group.spawn(body());
            group.spawn(body);
            group.abort();
            group.spawn(body);
            group.spawn(body());
            EXPECT_EQ(group.size(), 2U);
            co_await group.join();
            EXPECT_FALSE(started);
        });
    });
}

TEST_F(task_group_test, leaving_the_body_aborts_the_children_and_waits_for_them) {
    int aborted = 0;
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn(linger(aborted));
            group.spawn(linger(aborted));
            co_await sleep_until(env, in(1ms));
        });
        EXPECT_EQ(aborted, 2);
    });
}

TEST_F(task_group_test, the_first_failure_of_a_child_aborts_its_siblings_and_is_thrown) {
    int aborted = 0;
    EXPECT_EQ(failure_of([&](task_group& group) -> task<void> {
                  group.spawn(linger(aborted));
                  group.spawn(fail("first"));
                  group.spawn(fail("second"));
                  group.spawn(linger(aborted));
                  co_await group.join();
                  ADD_FAILURE() << "join() has hidden the failure";
              }),
              "first");
    EXPECT_LE(aborted, 2);
}

TEST_F(task_group_test, a_failure_of_the_body_is_not_hidden_by_what_it_causes) {
    EXPECT_EQ(failure_of([&](task_group& group) -> task<void> {
                  group.spawn([&]() -> task<void> {
                      try {
                          co_await sleep_until(env, never);
                      } catch (const boost::system::system_error&) {
                          throw std::runtime_error("consequence");
                      }
                  });
                  co_await sleep_until(env, in(1ms));
                  throw std::runtime_error("cause");
              }),
              "cause");
}

TEST_F(task_group_test, a_failure_while_being_aborted_is_still_told) {
    EXPECT_EQ(failure_of([&](task_group& group) -> task<void> {
                  group.spawn([&]() -> task<void> {
                      try {
                          co_await sleep_until(env, never);
                      } catch (const boost::system::system_error&) {
                          throw std::runtime_error("disk full");
                      }
                  });
                  co_await sleep_until(env, in(1ms));
                  group.abort();
              }),
              "disk full");
}

TEST_F(task_group_test, an_abort_goes_down_through_nested_scopes_and_is_waited_for) {
    int aborted = 0;
    bool went_on = false;
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& outer) -> task<void> {
            outer.spawn([&]() -> task<void> {
                co_await with_task_group(env, [&](task_group& middle) -> task<void> {
                    middle.spawn(linger(aborted));
                    middle.spawn([&]() -> task<void> {
                        co_await with_task_group(env, [&](task_group& inner) -> task<void> {
                            inner.spawn(linger(aborted));
                            inner.spawn(linger(aborted));
                            co_await inner.join();
                        });
                        went_on = true;
                    });
                    co_await middle.join();
                });
                went_on = true;
            });
            co_await sleep_until(env, in(2ms));
            outer.abort();
            co_await outer.join();
            EXPECT_EQ(aborted, 3);
        });
    });
    EXPECT_FALSE(went_on);
}

// A child that needs several turns to leave keeps an aborted scope open; a second abort changes nothing.
TEST_F(task_group_test, a_scope_waits_for_a_child_that_takes_its_time) {
    bool left = false;
    bool scope_ended_before = false;
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& outer) -> task<void> {
            outer.spawn([&]() -> task<void> {
                struct at_end {
                    bool& child_left;
                    bool& too_early;
                    ~at_end() { too_early = !child_left; }
                } const check{left, scope_ended_before};
                co_await with_task_group(env, [&](task_group& inner) -> task<void> {
                    inner.spawn([&]() -> task<void> {
                        co_await on_helper(env, [] { std::this_thread::sleep_for(10ms); }); // not cancellable
                        left = true;
                    });
                    co_await inner.join();
                });
            });
            co_await sleep_until(env, in(2ms));
            outer.abort();
            co_await sleep_until(env, in(1ms));
            outer.abort();
            co_await outer.join();
        });
    });
    EXPECT_FALSE(scope_ended_before);
}

TEST_F(task_group_test, join_down_to_waits_for_some) {
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            condition go(env);
            for (int i = 0; i < 3; ++i)
                group.spawn([&]() -> task<void> { co_await go.wait(); });
            group.spawn([]() -> task<void> { co_return; });
            co_await group.join_down_to(3);
            EXPECT_EQ(group.size(), 3U);
            go.notify();
            co_await group.join();
        });
    });
}

TEST_F(task_group_test, a_child_may_spawn_siblings) {
    int ran = 0;
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            std::function<task<void>()> more = [&]() -> task<void> {
                if (++ran < 100)
                    group.spawn(more);
                co_return;
            };
            group.spawn(more);
            co_await group.join();
        });
    });
    EXPECT_EQ(ran, 100);
}

TEST_F(task_group_test, a_group_that_is_a_member_is_joined_by_whoever_owns_it) {
    int aborted = 0;
    task_group group(env);
    run([&]() -> task<void> {
        group.spawn(linger(aborted));
        co_await sleep_until(env, in(1ms));
        group.abort();
        co_await group.join();
    });
    EXPECT_EQ(aborted, 1);
}

TEST(task_group_end, a_loop_destroyed_with_running_tasks_destroys_them) {
    int destroyed = 0;

    struct counted {
        int& count;

        ~counted() { ++count; }
    };

    for (const int turns : {0, 1, 2, 3, 5, 8, 100}) {
        asio::io_context loop;
        system_environment env(loop);
        destroyed = 0;
        auto body = [&](task_group& group) -> task<void> {
            const counted mine{destroyed};
            for (int i = 0; i < 3; ++i)
                group.spawn([&]() -> task<void> {
                    const counted one{destroyed};
                    co_await sleep_until(env, env.now() + 1h);
                });
            co_await group.join();
        };
        asio::co_spawn(loop, with_task_group(env, body), [](std::exception_ptr) { FAIL(); });
        for (int i = 0; i < turns; ++i)
            loop.poll_one();
    }
    EXPECT_EQ(destroyed, 4); // of the last round
}

TEST(task_group_end, a_loop_destroyed_in_the_middle_of_an_abort_destroys_all) {
    int started = 0;
    int alive = 0;
    int alive_at_the_end = 0; // of all rounds together

    struct counted {
        counted(int& all, int& now)
            : count(now) {
            ++all;
            ++count;
        }

        counted(const counted&) = delete;
        counted& operator=(const counted&) = delete;

        ~counted() { --count; }

        int& count;
    };

    for (int turns = 0; turns < 30; ++turns) {
        asio::io_context loop;
        system_environment env(loop);
        auto body = [&](task_group& group) -> task<void> {
            for (int i = 0; i < 3; ++i)
                group.spawn([&]() -> task<void> {
                    const counted outer(started, alive);
                    co_await with_task_group(env, [&](task_group& inner) -> task<void> {
                        inner.spawn([&]() -> task<void> {
                            const counted one(started, alive);
                            co_await sleep_until(env, never);
                        });
                        co_await inner.join();
                    });
                });
            co_await sleep_until(env, env.now());
            group.abort();
            co_await group.join();
        };
        asio::co_spawn(loop, with_task_group(env, body), asio::detached);
        for (int i = 0; i < turns; ++i)
            loop.poll_one();
        alive_at_the_end += alive;
        // Destroyed in reverse: the environment, then the loop with what is left in it.
    }
    EXPECT_EQ(alive, 0);
    EXPECT_GT(alive_at_the_end, 0); // else nothing was there to be destroyed
    EXPECT_GT(started, 100);
}

} // namespace
} // namespace net::test
