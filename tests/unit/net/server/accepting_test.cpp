#include "net/server/accepting.hpp"
#include "tests/unit/net/test_listener.hpp"
#include "tests/unit/net/test_world.hpp"

#include <gmock/gmock.h>

#include <map>

namespace net::test {
namespace {

using namespace std::chrono_literals;

constexpr int errors_max = 133; // EHWPOISON, Linux's last

error_code kernel(int number) {
    return {number, boost::system::system_category()};
}

const std::map<int, accept_trouble>& known_errors() {
    using enum accept_trouble;
    static const std::map<int, accept_trouble> known{
        {EMFILE, shortage},      {ENFILE, shortage},    {ENOBUFS, shortage}, {ENOMEM, shortage},
        {ECONNABORTED, passing}, {ECONNRESET, passing}, {EPERM, passing},    {ETIMEDOUT, passing},
        {EINTR, passing},        {EAGAIN, passing},     {ENETDOWN, passing}, {EPROTO, passing},
        {ENOPROTOOPT, passing},  {EHOSTDOWN, passing},  {ENONET, passing},   {EHOSTUNREACH, passing},
        {EOPNOTSUPP, passing},   {ENETUNREACH, passing}};
    return known;
}

accept_trouble expected(int number) {
    const auto found = known_errors().find(number);
    return found == known_errors().end() ? accept_trouble::other : found->second;
}

TEST(classify_accept, every_error_of_the_kernel) {
    for (int number = 1; number <= errors_max; ++number) {
        EXPECT_EQ(classify_accept(kernel(number)), expected(number)) << kernel(number).message();
        EXPECT_EQ(classify_accept({number, boost::system::generic_category()}), expected(number));
    }
    EXPECT_EQ(classify_accept(error::protocol), accept_trouble::other);
}

TEST(accept_policy, waits_longer_each_time_and_tells_of_a_change_only) {
    accept_policy policy;
    const std::vector<duration> waits{1s, 2s, 4s, 8s, 10s, 10s};
    for (std::size_t i = 0; i < waits.size(); ++i) {
        EXPECT_EQ(policy.failed(kernel(EINVAL)), (accept_policy::verdict{waits[i], i == 0}));
    }
    EXPECT_TRUE(policy.failed(kernel(EBADF)).tell);
    EXPECT_TRUE(policy.accepted());
    EXPECT_FALSE(policy.accepted());
    const auto again = policy.failed(kernel(EBADF));
    EXPECT_EQ(again.wait, 1s);
    EXPECT_TRUE(again.tell);
}

TEST(accept_policy, a_shortage_and_what_passes_are_not_told) {
    accept_policy policy;
    for (int i = 0; i < 1000; ++i) {
        EXPECT_EQ(policy.failed(kernel(EMFILE)), (accept_policy::verdict{accept_shortage_wait, false}));
    }
    for (int i = 0; i < accept_passing_max; ++i) {
        EXPECT_EQ(policy.failed(kernel(ENETDOWN)), accept_policy::verdict{});
    }
    // It does not seem to pass.
    EXPECT_EQ(policy.failed(kernel(ENETDOWN)).wait, accept_first_wait);
    EXPECT_TRUE(policy.accepted());
    EXPECT_EQ(policy.failed(kernel(ENETDOWN)).wait, 0s);
}

class accepting_test : public testing::Test {
protected:
    accepting_test()
        : stop(world)
        , at(world)
        , incoming(world, at, [this](const std::string& line) { told.push_back(line); }) {}

    test_world world;
    stop_source stop;
    test_listener at;
    std::vector<std::string> told;
    accepting incoming;
};

TEST_F(accepting_test, no_error_ends_it) {
    world.run([&]() -> task<void> {
        for (int number = 1; number <= errors_max; ++number) {
            if (number == ECANCELED)
                continue; // a closed listener's
            const auto begin = world.now();
            at.fail(number);
            const auto peer = at.dial();
            const auto accepted = co_await incoming.next(stop);
            EXPECT_TRUE(accepted) << kernel(number).message();
            const auto waited = world.now() - begin;
            const auto trouble = expected(number);
            EXPECT_EQ(waited, trouble == accept_trouble::passing    ? 0s
                              : trouble == accept_trouble::shortage ? accept_shortage_wait
                                                                    : accept_first_wait)
                << kernel(number).message();
        }
    });
    EXPECT_FALSE(at.closed());
}

TEST_F(accepting_test, the_log_hears_of_an_error_once_and_of_its_end) {
    world.run([&]() -> task<void> {
        for (int i = 0; i < 5; ++i)
            at.fail(EINVAL);
        at.fail(EBADF);
        const auto peer = at.dial();
        const auto accepted = co_await incoming.next(stop);
        EXPECT_TRUE(accepted);
    });
    EXPECT_THAT(told, testing::ElementsAre(testing::HasSubstr("Invalid argument"),
                                           testing::HasSubstr("Bad file descriptor"),
                                           testing::HasSubstr("accepted again")));
}

TEST_F(accepting_test, a_stop_ends_the_wait_for_the_next_try) {
    world.run([&]() -> task<void> {
        co_await with_task_group(world, [&](task_group& group) -> task<void> {
            bool left = false;
            group.spawn([&]() -> task<void> {
                const auto accepted = co_await incoming.next(stop);
                left = true;
                EXPECT_FALSE(accepted);
            });
            at.fail(EINVAL);
            co_await world.settle();
            EXPECT_FALSE(left);
            const auto now = world.now();
            stop.drain(now);
            co_await group.join();
            EXPECT_TRUE(left);
            EXPECT_EQ(world.now(), now);
        });
    });
}

TEST_F(accepting_test, a_closed_listener_ends_it) {
    world.run([&]() -> task<void> {
        at.close();
        const auto accepted = co_await incoming.next(stop);
        EXPECT_FALSE(accepted);
        EXPECT_EQ(at.accepts, 1U);
    });
    EXPECT_TRUE(told.empty());
}

} // namespace
} // namespace net::test
