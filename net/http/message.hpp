#pragma once
// What HTTP/1.1 and HTTP/2, client and server, have in common: heads, and one exchange (a request and its
// response) with both bodies as byte streams that flow at the same time, each held back by its reader.

#include "net/environment.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace net {

struct http_field {
    std::string name; // lower case
    std::string value;
};

using http_fields = std::vector<http_field>;

// The first value of that name, else empty.
std::string_view find_field(const http_fields& fields, std::string_view lower_case_name);
// The value of a content-length field, if there is one that is a number.
std::optional<std::uint64_t> content_length(const http_fields& fields);

struct request_head {
    std::string method = "GET";
    std::string target = "/"; // path and query as on the wire
    std::string scheme;       // "http" or "https"
    std::string authority;    // Host or :authority
    http_fields fields;       // without pseudo-headers, host, content-length, transfer-encoding, connection
    std::optional<std::uint64_t> body_bytes; // its content-length, where a server was told one

    std::string_view path() const;  // target up to '?'
    std::string_view query() const; // after it
};

struct response_head {
    unsigned status = 200;
    http_fields fields;
};

// Both sides of one exchange. A body is a stream of its own: read_some gives error::eof at its orderly end,
// never silently. write waits for the peer's window or socket: there is no buffer that grows.
class http_body {
public:
    virtual ~http_body() = default;
    virtual task<result<std::size_t>> read_some(asio::mutable_buffer into) = 0;
    virtual task<error_code> write(std::span<const asio::const_buffer> from) = 0;
    virtual task<error_code> finish() = 0; // ends our body
    virtual void reset() noexcept = 0;     // RST_STREAM(CANCEL), or the connection's end in HTTP/1.1
};

// Server side. Destroyed unfinished, it is reset (RST_STREAM(INTERNAL_ERROR); HTTP/1.1: the connection
// closes). When the peer resets the request or its connection ends, the handler's task is aborted.
class server_exchange : public http_body {
public:
    virtual const request_head& request() const = 0;
    virtual unsigned http_version() const = 0; // 1 or 2
    // Sends the head; with `end` there is no body. Only once.
    virtual task<error_code> respond(response_head head, bool end = false) = 0;
    virtual bool responded() const = 0;
    virtual std::string peer() const = 0;
    // The request's body is not waited for any longer: a read of it under way, and every later one, ends with
    // timed_out. The response can still be sent.
    virtual void give_up_body() noexcept = 0;

    // RST_STREAM(REFUSED_STREAM): nothing of the request was processed, so that the client may repeat it.
    // Before any response. HTTP/1.1 has no word for it.
    virtual void refuse() noexcept { reset(); }
};

// The whole response at once, with content-length.
task<error_code> respond_with(server_exchange& exchange, response_head head, std::string_view body);
// The whole body, or error::limit_exceeded.
task<result<std::string>> read_body(http_body& body, std::uint64_t limit_bytes);

// Client side.
class client_exchange : public http_body {
public:
    // Waits for the response's head. In HTTP/2 it may come before our body is finished.
    virtual task<result<response_head>> response() = 0;
    // Of our body, to the transport. While it rises the peer takes what we send, however slowly; what has
    // not been handed over yet the peer can't know.
    virtual std::uint64_t handed_over_bytes() const = 0;
};

// One connection to a server.
class http_client {
public:
    virtual ~http_client() = default; // closes; open exchanges end with operation_aborted
    // Starts a request. `end`: it has no body. Waits while the peer's concurrent-streams limit is reached.
    virtual task<result<std::unique_ptr<client_exchange>>> open(request_head head, bool end) = 0;
    virtual bool usable() const = 0; // takes new requests: not closed, no GOAWAY, (HTTP/1.1) none in progress
    virtual std::size_t open_exchanges() const = 0;
    virtual task<void> close_gracefully() = 0; // GOAWAY, flushed; then closed
    virtual void close() noexcept = 0;
};

using http_handler = std::function<task<void>(server_exchange&)>;

// The named maxima of both versions. A peer that exceeds one gets 431, 413, REFUSED_STREAM or
// ENHANCE_YOUR_CALM.
struct http_limits {
    std::size_t header_bytes_max = 16 * 1024;
    std::size_t connections_max = 256;
    std::uint32_t concurrent_streams_max = 200; // HTTP/2, per connection
    std::uint32_t stream_window = 1024 * 1024;  // HTTP/2, advertised
    std::uint32_t connection_window = 4 * 1024 * 1024;
    duration header_timeout = std::chrono::seconds(30); // from the first byte of a request to its last header
    // a server connection without any request (no timer per request)
    duration idle_timeout = std::chrono::minutes(5);
};

} // namespace net
