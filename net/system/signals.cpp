#include "net/system/signals.hpp"

#include <boost/asio/signal_set.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <unistd.h>
#include <utility>
#include <vector>

namespace net {

struct system_signals::state : std::enable_shared_from_this<state> {
    state(asio::io_context& loop, std::function<void(int)> call)
        : signals(loop)
        , callback(std::move(call)) {}

    asio::signal_set signals;
    std::function<void(int)> callback;

    void listen() {
        signals.async_wait([weak = weak_from_this()](const error_code& ec, int signal) {
            const auto alive = weak.lock();
            if (!alive || ec)
                return;
            alive->listen();
            alive->callback(signal);
        });
    }
};

namespace {

bool ignored(int signal) {
    struct sigaction now{};
    return ::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

// All that end a process by default and are not its own faults.
std::vector<int> fatal_from_outside() {
    std::vector<int> all{SIGTERM, SIGINT,  SIGQUIT, SIGPWR,    SIGXCPU, SIGUSR1,
                         SIGUSR2, SIGALRM, SIGPROF, SIGVTALRM, SIGPOLL, SIGSTKFLT};
    for (int real_time = SIGRTMIN; real_time <= SIGRTMAX; ++real_time)
        all.push_back(real_time);
    if (!ignored(SIGHUP))
        all.push_back(SIGHUP);
    return all;
}

} // namespace

system_signals::system_signals(asio::io_context& loop, std::function<void(int)> callback)
    : state_(std::make_shared<state>(loop, std::move(callback))) {
    sigset_t ours;
    sigemptyset(&ours);
    for (const int each : fatal_from_outside()) {
        error_code kept; // a debugger or a checker of memory keeps some of the real-time signals for itself
        state_->signals.add(each, kept);
        if (!kept)
            sigaddset(&ours, each);
    }
    ::pthread_sigmask(SIG_UNBLOCK, &ours, nullptr); // whoever started us may have left them blocked
    state_->listen();
}

system_signals::~system_signals() = default;

void fail_calls_instead_of_signals() {
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
}

void reap_children() {
    std::signal(SIGCHLD, SIG_IGN);
    while (::waitpid(-1, nullptr, WNOHANG) > 0)
        continue; // those that ended before
}

bool standard_error_is_terminal() {
    return ::isatty(STDERR_FILENO) == 1;
}

void notify_service_manager(std::string_view state) {
    const char* name = std::getenv("NOTIFY_SOCKET");
    const std::size_t length = name ? std::strlen(name) : 0;
    sockaddr_un address{};
    if (length < 2 || length >= sizeof address.sun_path || (name[0] != '/' && name[0] != '@'))
        return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    const int from = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (from < 0)
        return;
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    ::sendto(from, state.data(), state.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
             reinterpret_cast<sockaddr*>(&address), size);
    ::close(from);
}

namespace {

constexpr std::size_t shown_name_max = 256;

// Read inside a signal handler: plain memory, published by the atomic end.
struct watched_range {
    std::atomic<std::uintptr_t> begin{0};
    std::atomic<std::uintptr_t> end{0}; // 0: the slot is free
    char file[shown_name_max];
};

std::array<watched_range, watched_ranges_max> watched;

void say(const char* text) {
    if (::write(STDERR_FILENO, text, std::strlen(text)) < 0)
        return; // nobody listens, and the process is about to end anyway
}

void on_bus_error(int signal, siginfo_t* info, void*) {
    const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
    for (const auto& one : watched) {
        if (at < one.begin.load(std::memory_order_relaxed) || at >= one.end.load(std::memory_order_acquire))
            continue;
        say("ringtail: storage lost under the mapped file ");
        say(one.file);
        say(" (no space on a thin or copy-on-write disk, an I/O error, or truncated from outside)\n");
        ::_exit(5);
    }
    std::signal(signal, SIG_DFL); // the fault repeats when we return, and then takes its usual course
}

void install_once() {
    static const bool installed = [] {
        struct sigaction action{};
        action.sa_sigaction = on_bus_error;
        action.sa_flags = SA_SIGINFO;
        ::sigaction(SIGBUS, &action, nullptr);
        return true;
    }();
    static_cast<void>(installed);
}

} // namespace

bus_error_watch::bus_error_watch(const void* begin, std::size_t size, std::string_view file) {
    install_once();
    for (std::size_t i = 0; i < watched.size(); ++i) {
        auto& one = watched[i];
        if (one.end.load(std::memory_order_relaxed) != 0)
            continue;
        const std::size_t shown = file.copy(one.file, shown_name_max - 1);
        one.file[shown] = '\0';
        const auto first = reinterpret_cast<std::uintptr_t>(begin);
        one.begin.store(first, std::memory_order_relaxed);
        one.end.store(first + size, std::memory_order_release);
        slot_ = i;
        return;
    }
}

bus_error_watch::~bus_error_watch() {
    if (slot_ < watched_ranges_max)
        watched[slot_].end.store(0, std::memory_order_release);
}

bus_error_watch::bus_error_watch(bus_error_watch&& other) noexcept
    : slot_(std::exchange(other.slot_, watched_ranges_max)) {}

bus_error_watch& bus_error_watch::operator=(bus_error_watch&& other) noexcept {
    std::swap(slot_, other.slot_);
    return *this;
}

} // namespace net
