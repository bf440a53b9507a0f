#pragma once
// The world, as the rest of the program may see it: clocks, timers, randomness, connections, files and the
// one helper thread. net/system_* is the real one; tests/sim has the other. Nothing else in agent, s2 or net
// touches Asio timers, sockets, the file system, the clock or the random source.

#include "net/clock.hpp"
#include "net/endpoint.hpp"
#include "net/files.hpp"
#include "net/result.hpp"
#include "net/stream.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace net {

// One shot. After cancel(), or the destructor, the callback does not run.
class timer {
public:
    virtual ~timer() = default;
    virtual void start(time_point when, std::function<void()> callback) = 0; // replaces a running one
    virtual void cancel() noexcept = 0;
};

class listener {
public:
    virtual ~listener() = default;
    // Ends with operation_aborted after close(). Any other error is the kernel's; net/accepting.hpp has the
    // rule for each.
    virtual task<result<std::unique_ptr<stream>>> accept() = 0;
    virtual endpoint local() const = 0; // with the real port where 0 was asked for
    virtual void close() noexcept = 0;
};

// File descriptors of this process.
struct descriptor_supply {
    std::size_t limit = 1024; // how many it may have, raised as far as it may be
    std::size_t open = 16;    // how many it has now
};

class environment {
public:
    virtual ~environment() = default;

    virtual asio::any_io_executor executor() = 0;
    virtual time_point now() const = 0;
    virtual wall_micros wall_now() const = 0;
    virtual std::unique_ptr<timer> make_timer() = 0;

    // From the kernel at the moment of use (getrandom), never from a generator of ours: clones of a VM share
    // its state.
    virtual void random_bytes(std::span<std::byte> out) = 0;

    // Resolves where needed and connects; error::timed_out at the deadline. TCP streams have TCP_NODELAY set.
    virtual task<result<std::unique_ptr<stream>>> dial(const endpoint& to, time_point deadline) = 0;
    virtual result<std::unique_ptr<listener>> listen(const endpoint& at) = 0;

    // What a name to listen on stands for, found here and now; net/listening.hpp listens on all of it.
    virtual result<std::vector<endpoint>> addresses_of(const endpoint& at) {
        return std::vector<endpoint>{at};
    }

    // On a Unix socket that others may use, too. error::group_refused: this process may not give it that
    // group. Where files have no permissions, nothing else than listen().
    virtual result<std::unique_ptr<listener>> listen_for(const endpoint& path, const socket_access& /*who*/) {
        return listen(path);
    }

    // Standard input as a stream (also when it is a regular file).
    virtual result<std::unique_ptr<stream>> standard_input() = 0;

    // A file, FIFO or device to read from in the same way.
    virtual result<std::unique_ptr<stream>> open_input(const std::filesystem::path& /*file*/) {
        return make_error_code(boost::system::errc::function_not_supported);
    }

    virtual file_system& files() = 0;

    // Tells the service manager ("READY=1", "STOPPING=1", "WATCHDOG=1"); without one, nothing.
    virtual void notify_supervisor(std::string_view /*state*/) {}

    // An identity of this boot of this machine, another one after a reboot or a machine crash. Empty: it is
    // not known.
    virtual std::string boot_id() const = 0;

    // The limit is raised by asking.
    virtual descriptor_supply descriptors() { return {}; }

    // Runs work on the one helper thread, in order, and completes on the loop. Not cancellable once it runs:
    // an aborted waiter still waits for the end. The simulated world runs it inline.
    virtual task<void> on_helper_impl(std::function<void()> work) = 0;
};

// The typed face of on_helper_impl: value = co_await on_helper(env, f).
template <class F>
auto on_helper(environment& env, F work) -> task<std::invoke_result_t<F&>> {
    using value_type = std::invoke_result_t<F&>;
    if constexpr (std::is_void_v<value_type>) {
        co_await env.on_helper_impl(std::function<void()>(std::ref(work)));
    } else {
        std::optional<value_type> value;
        std::function<void()> call = [&] { value.emplace(work()); };
        co_await env.on_helper_impl(std::move(call));
        co_return std::move(*value);
    }
}

// Uniform in [0, bound); bound > 0. Jitter and the like.
std::uint64_t random_below(environment& env, std::uint64_t bound);
// A random (version 4) UUID in its textual form, 36 characters.
std::string random_uuid(environment& env);

} // namespace net
