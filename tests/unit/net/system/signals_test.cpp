#include "net/signal_orders.hpp"
#include "net/system/signals.hpp"
#include "tests/unit/net/system/loop.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <csignal>
#include <cstdlib>
#include <unistd.h>

namespace net::test {
namespace {

TEST(system_signals_test, each_signal_is_reported_on_the_loop) {
    asio::io_context loop;
    std::vector<int> seen;
    const system_signals signals(loop, [&](int signal) {
        seen.push_back(signal);
        if (seen.size() == 2)
            loop.stop();
        else
            std::raise(SIGINT); // the second one
    });
    std::raise(SIGTERM);
    loop.run_for(60s);
    EXPECT_THAT(seen, testing::ElementsAre(SIGTERM, SIGINT));
}

TEST(system_signals_test, hangup_is_reported) {
    asio::io_context loop;
    int seen = 0;
    const system_signals signals(loop, [&](int signal) {
        seen = signal;
        loop.stop();
    });
    std::raise(SIGHUP);
    loop.run_for(60s);
    EXPECT_EQ(seen, SIGHUP);
}

TEST(system_signals_test, whatever_kills_and_somebody_else_may_send_is_reported_also_where_it_was_blocked) {
    std::vector<int> all{SIGTERM, SIGINT,    SIGQUIT, SIGPWR,    SIGXCPU, SIGUSR1,  SIGUSR2, SIGALRM,
                         SIGPROF, SIGVTALRM, SIGPOLL, SIGSTKFLT, SIGHUP,  SIGRTMIN, SIGRTMAX};
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
    asio::io_context loop;
    std::vector<int> seen;
    const system_signals signals(loop, [&](int signal) {
        seen.push_back(signal);
        if (seen.size() == all.size())
            loop.stop();
    });
    for (const int each : all)
        std::raise(each);
    loop.run_for(60s);
    EXPECT_THAT(seen, testing::UnorderedElementsAreArray(all));
}

TEST(system_signals_test, a_hangup_that_was_ignored_stays_so) {
    std::signal(SIGHUP, SIG_IGN);
    asio::io_context loop;
    int seen = 0;
    const system_signals signals(loop, [&](int signal) {
        seen = signal;
        loop.stop();
    });
    std::raise(SIGHUP);
    std::raise(SIGTERM);
    loop.run_for(60s);
    std::signal(SIGHUP, SIG_DFL);
    EXPECT_EQ(seen, SIGTERM);
}

TEST(signal_orders_test, what_each_means) {
    signal_orders service(false);
    for (const int each : {SIGTERM, SIGINT, SIGQUIT, SIGPWR, SIGTERM})
        EXPECT_EQ(service.take(each), signal_order::leave);
    for (const int each :
         {SIGUSR1, SIGUSR2, SIGALRM, SIGPROF, SIGVTALRM, SIGPOLL, SIGSTKFLT, SIGRTMIN, SIGRTMAX})
        EXPECT_EQ(service.take(each), signal_order::nothing);
    for (int n = 0; n < 3; ++n)
        EXPECT_EQ(service.take(SIGHUP), signal_order::reload);
    // The same event, told more than once, is no second order.
    signal_orders interactive(true);
    EXPECT_EQ(interactive.take(SIGHUP), signal_order::leave);
    EXPECT_EQ(interactive.take(SIGHUP), signal_order::nothing);
    EXPECT_EQ(interactive.take(SIGXCPU), signal_order::leave);
    EXPECT_EQ(interactive.take(SIGXCPU), signal_order::nothing);
}

TEST(system_signals_test, a_file_that_grows_beyond_its_limit_is_an_error_only) {
    fail_calls_instead_of_signals();
    char name[] = "/tmp/ringtail-limit-XXXXXX";
    const int file = ::mkstemp(name);
    ::unlink(name);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit small{1, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    const auto written = ::pwrite(file, "x", 1, 10);
    const int why = errno;
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_EQ(written, -1);
    EXPECT_EQ(why, EFBIG);
    ::close(file);
}

TEST(system_signals_test, the_callback_may_end_the_reporting) {
    asio::io_context loop;
    std::unique_ptr<system_signals> signals;
    int calls = 0;
    signals = std::make_unique<system_signals>(loop, [&](int) {
        ++calls;
        signals.reset();
    });
    std::raise(SIGTERM);
    loop.run_for(60s); // ends: nothing waits any more
    EXPECT_EQ(calls, 1);
}

TEST(system_signals_test, a_write_to_a_peer_that_is_gone_is_an_error_only) {
    fail_calls_instead_of_signals();
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ::close(ends[0]);
    EXPECT_EQ(::write(ends[1], "x", 1), -1);
    EXPECT_EQ(errno, EPIPE);
    ::close(ends[1]);
}

class notify_test : public testing::Test {
protected:
    void TearDown() override { ::unsetenv("NOTIFY_SOCKET"); }

    // Binds a service manager's socket there ('@' for an abstract one) and says what it hears of this state,
    // where NOTIFY_SOCKET is its name and what is appended to it.
    static std::string heard_at(std::string name, std::string_view state, const std::string& appended = {}) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        name.copy(address.sun_path, sizeof address.sun_path - 1);
        if (name[0] == '@')
            address.sun_path[0] = '\0';
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        const int manager = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        EXPECT_EQ(::bind(manager, reinterpret_cast<sockaddr*>(&address), size), 0);
        ::setenv("NOTIFY_SOCKET", (name + appended).c_str(), 1);
        notify_service_manager(state);
        char buffer[256];
        const ssize_t count = ::recv(manager, buffer, sizeof buffer, 0);
        ::close(manager);
        return count < 0 ? "nothing" : std::string(buffer, static_cast<std::size_t>(count));
    }
};

TEST_F(notify_test, a_path_and_an_abstract_name_hear_the_state) {
    const auto path = "/tmp/ringtail-notify-" + std::to_string(::getpid());
    EXPECT_EQ(heard_at(path, "READY=1"), "READY=1");
    ::unlink(path.c_str());
    EXPECT_EQ(heard_at("@ringtail-notify-" + std::to_string(::getpid()),
                       "STOPPING=1\nEXTEND_TIMEOUT_USEC=10000000"),
              "STOPPING=1\nEXTEND_TIMEOUT_USEC=10000000");
}

TEST_F(notify_test, a_name_that_is_no_service_managers_is_told_nothing) {
    const auto relative = "ringtail-notify-" + std::to_string(::getpid());
    EXPECT_EQ(heard_at(relative, "READY=1"), "nothing");
    ::unlink(relative.c_str());
    // The longest name that there is, and one more letter: the socket of the beginning is another one.
    auto longest = "/tmp/ringtail-notify-" + std::to_string(::getpid());
    longest.append(sizeof sockaddr_un::sun_path - 1 - longest.size(), 'x');
    EXPECT_EQ(heard_at(longest, "READY=1"), "READY=1");
    ::unlink(longest.c_str());
    EXPECT_EQ(heard_at(longest, "READY=1", "x"), "nothing");
    ::unlink(longest.c_str());
}

TEST_F(notify_test, nobody_listening_leaves_nothing_open) {
    const int free_before = ::dup(STDERR_FILENO);
    ::close(free_before);
    notify_service_manager("READY=1");
    for (const char* name : {"", "/", "/no/such/socket"}) {
        ::setenv("NOTIFY_SOCKET", name, 1);
        notify_service_manager("READY=1");
    }
    const int free_after = ::dup(STDERR_FILENO);
    ::close(free_after);
    EXPECT_EQ(free_after, free_before);
}

} // namespace
} // namespace net::test
