#include "net/server/accepting.hpp"
#include "net/system/resolve.hpp"
#include "tests/unit/net/system/loop.hpp"

#include <boost/asio/local/stream_protocol.hpp>

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>
#include <unistd.h>

namespace net::test {
namespace {

namespace errc = boost::system::errc;

class system_dial_test : public system_loop {
protected:
    std::filesystem::path dir;

    void SetUp() override {
        char name[] = "/tmp/ringtail-dial-XXXXXX";
        dir = ::mkdtemp(name);
    }

    void TearDown() override { std::filesystem::remove_all(dir); }

    endpoint socket_path() const { return endpoint::unix_path((dir / "s").string()); }

    task<void> exchange(listener& at) {
        auto dialled = co_await env.dial(at.local(), in(5s));
        EXPECT_TRUE(dialled);
        auto accepted = co_await at.accept();
        EXPECT_TRUE(accepted);
        if (!dialled || !accepted)
            co_return;
        co_await send(**dialled, "ping");
        const auto heard = co_await receive(**accepted, 4);
        EXPECT_EQ(*heard, "ping");
        co_await send(**accepted, "pong");
        co_await (*accepted)->shutdown_write();
        const auto rest = co_await receive_all(**dialled);
        EXPECT_EQ(*rest, "pong");
    }
};

TEST_F(system_dial_test, tcp_over_ipv4_carries_bytes_both_ways) {
    auto at = env.listen(endpoint::tcp("127.0.0.1", 0));
    ASSERT_TRUE(at);
    EXPECT_NE((*at)->local().port, 0);
    run([&]() -> task<void> { return exchange(**at); });
}

TEST_F(system_dial_test, tcp_over_ipv6_carries_bytes_both_ways) {
    auto at = env.listen(endpoint::tcp("::1", 0));
    if (!at)
        GTEST_SKIP() << "no IPv6 here: " << at.error().message();
    run([&]() -> task<void> { return exchange(**at); });
}

TEST_F(system_dial_test, a_name_is_resolved_and_every_address_tried) {
    auto at = env.listen(endpoint::tcp("127.0.0.1", 0));
    ASSERT_TRUE(at);
    run([&]() -> task<void> {
        const auto to =
            endpoint::tcp("localhost", (*at)->local().port); // may be ::1 first, where nobody listens
        auto dialled = co_await env.dial(to, in(5s));
        EXPECT_TRUE(dialled) << dialled.error().message();
    });
}

TEST_F(system_dial_test, a_refusal_an_unknown_name_and_a_deadline_are_told_apart) {
    auto at = env.listen(endpoint::tcp("127.0.0.1", 0));
    ASSERT_TRUE(at);
    const auto gone = (*at)->local();
    (*at)->close();
    run([&]() -> task<void> {
        const auto refused = co_await env.dial(gone, in(5s));
        EXPECT_EQ(refused.error(), errc::make_error_condition(errc::connection_refused));
        const auto unknown = co_await env.dial(endpoint::tcp("no-such-host.invalid", 80), in(30s));
        EXPECT_EQ(unknown.error(), error::unresolved);
    });
}

TEST_F(system_dial_test, a_deadline_that_has_passed_is_timed_out) {
    auto at = env.listen(endpoint::tcp("127.0.0.1", 0));
    ASSERT_TRUE(at);
    run([&]() -> task<void> {
        const auto late = co_await env.dial(endpoint::tcp("localhost", 9), env.now());
        EXPECT_EQ(late.error(), error::timed_out);
    });
}

// A listener whose queue is full lets further connections hang in SYN.
TEST_F(system_dial_test, a_connection_that_hangs_ends_at_the_deadline_or_by_abort) {
    asio::ip::tcp::acceptor deaf(loop, {asio::ip::make_address("127.0.0.1"), 0}, true);
    deaf.listen(0);
    const auto to = endpoint::tcp("127.0.0.1", deaf.local_endpoint().port());
    run([&]() -> task<void> {
        std::vector<std::unique_ptr<stream>> filling;
        error_code ending;
        for (int i = 0; i < 8 && !ending; ++i) {
            auto one = co_await env.dial(to, in(300ms));
            if (one)
                filling.push_back(std::move(*one));
            else
                ending = one.error();
        }
        EXPECT_EQ(ending, error::timed_out);
        bool ended = false;
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                const auto one = co_await env.dial(to, never);
                ended = true;
                EXPECT_TRUE(is_cancelled(one.error()));
            });
            co_await sleep_until(env, in(20ms));
            group.abort();
            co_await group.join();
            EXPECT_TRUE(ended);
        });
    });
}

TEST_F(system_dial_test, a_unix_socket_is_private_and_goes_with_its_listener) {
    auto at = env.listen(socket_path());
    ASSERT_TRUE(at) << at.error().message();
    struct stat status{};
    ASSERT_EQ(::stat(socket_path().host.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    run([&]() -> task<void> { return exchange(**at); });
    (*at)->close();
    EXPECT_FALSE(std::filesystem::exists(socket_path().host));
}

TEST_F(system_dial_test, a_unix_socket_lets_in_whom_it_is_told_to) {
    struct stat status{};
    for (const mode_t umask_now : {0000U, 0077U, 0777U}) {
        const mode_t before = ::umask(umask_now);
        auto at = env.listen_for(socket_path(), {0660, ::getegid()});
        ::umask(before);
        ASSERT_TRUE(at) << at.error().message();
        ASSERT_EQ(::stat(socket_path().host.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 07777, 0660U);
        EXPECT_EQ(status.st_gid, ::getegid());
        run([&]() -> task<void> { return exchange(**at); });
    }
}

TEST_F(system_dial_test, a_group_that_may_not_be_given_leaves_nothing_behind) {
    const bool root = ::geteuid() == 0;
    ASSERT_EQ(::chmod(dir.c_str(), 0777), 0);
    if (root) {
        ASSERT_EQ(::seteuid(65534), 0);
    }
    const auto at = env.listen_for(socket_path(), {0660, 54321U});
    if (root) {
        ASSERT_EQ(::seteuid(0), 0);
    }
    EXPECT_EQ(at.error(), error::group_refused);
    EXPECT_FALSE(std::filesystem::exists(socket_path().host));
}

TEST_F(system_dial_test, a_live_unix_socket_is_left_to_its_owner) {
    auto at = env.listen(socket_path());
    ASSERT_TRUE(at);
    const auto second = env.listen(socket_path());
    EXPECT_EQ(second.error(), errc::make_error_condition(errc::address_in_use));
    run([&]() -> task<void> {
        auto question = co_await (*at)->accept(); // whether anybody listens; it has hung up
        EXPECT_TRUE(question);
        co_await exchange(**at);
    });
}

TEST_F(system_dial_test, a_stale_unix_socket_is_replaced) {
    {
        asio::local::stream_protocol::acceptor left(
            loop, asio::local::stream_protocol::endpoint(socket_path().host));
    } // the file stays behind, as after a kill -9
    ASSERT_TRUE(std::filesystem::exists(socket_path().host));
    auto at = env.listen(socket_path());
    ASSERT_TRUE(at) << at.error().message();
    run([&]() -> task<void> { return exchange(**at); });
}

TEST_F(system_dial_test, what_is_not_a_socket_is_never_replaced) {
    std::ofstream(socket_path().host) << "precious";
    const auto at = env.listen(socket_path());
    EXPECT_EQ(at.error(), errc::make_error_condition(errc::address_in_use));
    EXPECT_EQ(std::filesystem::file_size(socket_path().host), 8U);
}

TEST_F(system_dial_test, a_listener_does_not_remove_its_successors_socket) {
    auto first = env.listen(socket_path());
    ASSERT_TRUE(first);
    std::filesystem::remove(socket_path().host);
    auto second = env.listen(socket_path());
    ASSERT_TRUE(second);
    (*first)->close();
    EXPECT_TRUE(std::filesystem::exists(socket_path().host));
}

TEST_F(system_dial_test, a_path_too_long_for_a_socket_is_said_so) {
    const auto path = endpoint::unix_path("/tmp/" + std::string(200, 'x'));
    EXPECT_EQ(env.listen(path).error(), errc::make_error_condition(errc::filename_too_long));
    run([&]() -> task<void> {
        const auto dialled = co_await env.dial(path, in(1s));
        EXPECT_EQ(dialled.error(), errc::make_error_condition(errc::filename_too_long));
    });
}

TEST_F(system_dial_test, accept_ends_when_the_listener_closes) {
    auto at = env.listen(endpoint::tcp("127.0.0.1", 0));
    ASSERT_TRUE(at);
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                const auto one = co_await (*at)->accept();
                EXPECT_TRUE(is_cancelled(one.error()));
                const auto next = co_await (*at)->accept();
                EXPECT_TRUE(is_cancelled(next.error()));
            });
            co_await sleep_until(env, in(5ms));
            (*at)->close();
            co_await group.join();
        });
    });
}

TEST_F(system_dial_test, a_shortage_of_descriptors_is_waited_out) {
    auto at = env.listen(endpoint::tcp("127.0.0.1", 0));
    ASSERT_TRUE(at);
    run([&]() -> task<void> {
        auto dialled = co_await env.dial((*at)->local(), in(5s));
        EXPECT_TRUE(dialled);
        std::vector<int> hoard;
        rlimit before{};
        ::getrlimit(RLIMIT_NOFILE, &before);
        const rlimit few{128, before.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &few);
        for (int one = ::dup(0); one >= 0; one = ::dup(0))
            hoard.push_back(one);
        EXPECT_FALSE(hoard.empty());
        std::size_t turns = 0;
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            bool accepted = false;
            stop_source stop(env);
            accepting incoming(env, **at, {});
            group.spawn([&]() -> task<void> {
                const auto one = co_await incoming.next(stop);
                accepted = one != nullptr;
            });
            co_await sleep_until(env, in(250ms));
            EXPECT_FALSE(accepted);
            for (const int one : hoard)
                ::close(one);
            co_await group.join();
            EXPECT_TRUE(accepted);
            ++turns;
        });
        ::setrlimit(RLIMIT_NOFILE, &before);
        EXPECT_EQ(turns, 1U);
    });
}

TEST(system_resolve_test, the_families_alternate_beginning_with_the_preferred_one) {
    const auto v4 = [](const char* text) { return *as_address(text, 1); };
    const tcp_addresses preferred{v4("::1"), v4("::2"), v4("::3"), v4("10.0.0.1")};
    EXPECT_THAT(interleaved(preferred),
                testing::ElementsAre(v4("::1"), v4("10.0.0.1"), v4("::2"), v4("::3")));
    EXPECT_TRUE(interleaved({}).empty());
}

} // namespace
} // namespace net::test
