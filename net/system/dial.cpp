#include "net/system/dial.hpp"

#include "net/system/resolve.hpp"
#include "net/system/stream.hpp"
#include "net/task/condition.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/un.h>

#include <fcntl.h>

namespace net {
namespace {

using asio::ip::tcp;
using unix_protocol = asio::local::stream_protocol;

// Connects, or closes the socket: no answer in time is error::timed_out.
template <class Protocol>
task<error_code> connect(environment& env, asio::basic_stream_socket<Protocol>& socket,
                         typename Protocol::endpoint to, time_point deadline) {
    error_code ec;
    socket.open(to.protocol(), ec);
    if (ec)
        co_return ec;
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
    bool expired = false;
    const auto alarm = env.make_timer();
    alarm->start(deadline, [&socket, &expired] {
        expired = true;
        error_code ignored; // close ends the attempt, whatever it says
        socket.close(ignored);
    });
    co_await socket.async_connect(to, asio::redirect_error(asio::use_awaitable, ec));
    if (expired)
        co_return error::timed_out; // also where it had just succeeded: the socket is closed
    if (ec == asio::error::timed_out)
        ec = error::timed_out; // the kernel's own patience was shorter
    co_return ec;
}

// The look-up can't be interrupted, so it owns all it touches, and is left behind when nobody waits for it
// any more.
task<result<tcp_addresses>> resolve(environment& env, system_helper_thread& resolver, std::string host,
                                    std::uint16_t port, time_point deadline) {
    if (const auto address = as_address(host, port))
        co_return tcp_addresses{*address};

    auto found = std::make_shared<result<tcp_addresses>>(error_code(error::unresolved));
    bool done = false;
    condition changed(env);
    auto work = [found, host, port] { *found = resolve_blocking(host, port); };
    auto report = [&done, &changed] {
        done = true;
        changed.notify();
    };
    const auto asked = resolver.enqueue(work, report, system_helper_thread::at_end::left_behind);
    while (!done) {
        const bool in_time = co_await changed.wait_until(deadline);
        if (!in_time && !done)
            co_return error_code(error::timed_out);
    }
    co_return std::move(*found);
}

task<result<std::unique_ptr<stream>>> dial_unix(environment& env, std::string path, time_point deadline) {
    if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
        co_return boost::system::errc::make_error_code(boost::system::errc::filename_too_long);
    unix_protocol::socket socket(env.executor());
    const unix_protocol::endpoint to(path);
    const error_code ec = co_await connect<unix_protocol>(env, socket, to, deadline);
    if (ec)
        co_return ec;
    co_return make_unix_stream(std::move(socket));
}

// An equal share of what is left, for each address that has not been tried.
time_point share(time_point now, time_point deadline, std::size_t addresses_left) {
    if (deadline == never || deadline <= now)
        return deadline;
    return now + (deadline - now) / static_cast<std::int64_t>(addresses_left);
}

} // namespace

task<result<std::unique_ptr<stream>>> system_dial(environment& env, system_helper_thread& resolver,
                                                  endpoint to, time_point deadline) {
    if (to.type == endpoint::kind::unix_socket) {
        auto connected = co_await dial_unix(env, to.host, deadline);
        co_return connected;
    }
    const auto addresses = co_await resolve(env, resolver, to.host, to.port, deadline);
    if (!addresses)
        co_return addresses.error();
    error_code first_failure;
    for (std::size_t i = 0; i < addresses->size(); ++i) {
        tcp::socket socket(env.executor());
        const auto until = share(env.now(), deadline, addresses->size() - i);
        const error_code ec = co_await connect<tcp>(env, socket, (*addresses)[i], until);
        if (!ec)
            co_return make_tcp_stream(std::move(socket), true);
        if (is_cancelled(ec))
            co_return ec;
        if (deadline != never && env.now() >= deadline)
            co_return error_code(error::timed_out);
        if (!first_failure)
            first_failure = ec;
    }
    co_return first_failure;
}

} // namespace net
