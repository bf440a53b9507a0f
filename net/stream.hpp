#pragma once
// A byte stream in both directions: TCP, TLS over another stream, a Unix socket, an in-process pair, standard
// input, or a simulated pipe. At most one read and one write may be outstanding at a time.

#include "net/result.hpp"

#include <boost/asio/buffer.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace net {

class stream {
public:
    virtual ~stream() = default; // closes

    // At least one byte, or an error; error::eof when the peer has ended its direction.
    virtual task<result<std::size_t>> read_some(asio::mutable_buffer into) = 0;
    // All bytes, or an error.
    virtual task<error_code> write(std::span<const asio::const_buffer> from) = 0;
    // Ends our direction; the peer reads eof. Reading stays possible.
    virtual task<error_code> shutdown_write() = 0;

    // Nothing more is read: a read under way ends, with eof or an error. Writing stays possible where the
    // transport can tell the two apart.
    virtual void shutdown_read() noexcept { close(); }

    // At once, both directions; outstanding operations end with operation_aborted. Idempotent.
    virtual void close() noexcept = 0;

    // What TLS agreed on ("h2", "http/1.1"), else empty.
    virtual std::string alpn() const { return {}; }

    // Another process writes what is read, and says where it ends: a pipe or a socket of the intake, no file
    // and no device; of a named pipe once its first writer has come.
    virtual bool has_writer() const { return false; }

    // The other side, for logs: "127.0.0.1:4000".
    virtual std::string peer() const = 0;
};

} // namespace net
