#pragma once
// The shape of every outcome in net: a value or an error_code. Three endings are told apart everywhere:
//   cancelled  asio::error::operation_aborted: somebody closed the object or aborted the task; nobody's fault
//   timed out  net::error::timed_out: a deadline that the caller gave has passed
//   failed     anything else
// A task that is aborted (task_group::abort) sees operation_aborted as a value from the operation it waits
// in; its next co_await then throws system_error(operation_aborted), which ends the task. So clean-up never
// awaits.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <type_traits>

namespace net {

namespace asio = boost::asio;
using boost::system::error_code;

template <class T>
using result = boost::system::result<T, error_code>;

// Every coroutine of the project. Lazy: nothing runs before it is awaited or spawned into a task_group.
template <class T = void>
using task = asio::awaitable<T>;

enum class error {
    eof = 1,        // the peer ended its direction in an orderly way
    timed_out,      // a deadline of ours
    limit_exceeded, // a documented bound (header size, body size, line length, connections)
    protocol,       // the peer broke the protocol; the connection is of no further use
    going_away,     // HTTP/2 GOAWAY: the request was not processed, or the connection takes no new ones
    refused_stream, // HTTP/2 REFUSED_STREAM: the request was not processed
    stream_reset,   // HTTP/2 RST_STREAM with another code: it may have been processed
    tls_verify,     // the peer's certificate does not hold
    tls_alpn,       // the peer does not speak the application protocol that was asked for
    unresolved,     // the name has no address
    locked,         // another process holds the file lock
    corrupt,        // stored bytes fail their check
    group_refused,  // this process may not give a file that group
    proxy_refused,  // a proxy does not let us through
};

const boost::system::error_category& error_category() noexcept;
error_code make_error_code(error value) noexcept;

inline bool is_cancelled(const error_code& ec) noexcept {
    return ec == asio::error::operation_aborted;
}

// Of descriptors or memory: it passes, and says nothing about what was asked for.
bool is_shortage(const error_code& ec) noexcept;

inline bool is_eof(const error_code& ec) noexcept {
    return ec == make_error_code(error::eof);
}

inline bool is_timed_out(const error_code& ec) noexcept {
    return ec == make_error_code(error::timed_out);
}

} // namespace net

namespace boost::system {
template <>
struct is_error_code_enum<net::error> : std::true_type {};
} // namespace boost::system
