#pragma once
// What the kernel and the service manager tell a process, and what it tells them.

#include "net/result.hpp"

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace net {

// Calls back on the loop for each signal that somebody else may send and that would kill, as long as it
// lives; the loop does not run out of work before. The callback may destroy it. What each means:
// net/signal_orders. A SIGHUP that was ignored before (nohup) stays so.
class system_signals {
public:
    system_signals(asio::io_context& loop, std::function<void(int signal)> callback);
    ~system_signals();
    system_signals(const system_signals&) = delete;
    system_signals& operator=(const system_signals&) = delete;

private:
    struct state;
    std::shared_ptr<state> state_;
};

// A peer that is gone (SIGPIPE) and a limit on the size of files (SIGXFSZ) are errors of the call, EPIPE
// and EFBIG, not the end of the process.
void fail_calls_instead_of_signals();

// This program has no children of its own, but may get others': those of the shell that it replaced, and as
// process 1 every orphan. The kernel then keeps nothing of them.
void reap_children();

// Whether a person reads standard error as it comes.
bool standard_error_is_terminal();

// Sends to the socket named by NOTIFY_SOCKET (a path, or "@name" for an abstract one); without the
// variable, nothing. A message that can't be sent is lost, as sd_notify(3) has it: the service manager's
// own deadlines apply.
void notify_service_manager(std::string_view state);

// Mapped storage can vanish under our feet: a fault in a watched range writes the file's name to standard
// error and ends the process with exit code 5; any other fault takes its usual course. At most
// watched_ranges_max ranges at a time; a range beyond these is not watched (its fault is an ordinary
// SIGBUS).
constexpr std::size_t watched_ranges_max = 512;

class bus_error_watch {
public:
    bus_error_watch() = default;
    bus_error_watch(const void* begin, std::size_t size, std::string_view file);
    ~bus_error_watch();
    bus_error_watch(bus_error_watch&& other) noexcept;
    bus_error_watch& operator=(bus_error_watch&& other) noexcept;

private:
    std::size_t slot_ = watched_ranges_max; // none
};

} // namespace net
