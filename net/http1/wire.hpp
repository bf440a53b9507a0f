#pragma once
// HTTP/1.1 in bytes, without I/O: heads as text, and Beast's parser fed from a buffer. A body comes out piece
// by piece into memory of the caller's, whether it has a length, is chunked, or lasts until the end.

#include "net/http/message.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace net {

// How the end of a body is found.
enum class http1_framing { none, length, chunked, until_close };

struct http1_request {
    request_head head;
    bool version_11 = true;
    bool keep_alive = true;
    bool expects_continue = false;
};

struct http1_response {
    response_head head;
    bool keep_alive = true;
};

enum class http1_persistence { close, keep_alive }; // of the connection, behind this message

enum class http1_body { sent, left_out }; // the latter behind a head that tells its length all the same

struct http1_response_form {
    http1_framing framing = http1_framing::none;
    http1_body body = http1_body::sent;
    http1_persistence behind = http1_persistence::close;
    bool version_11 = true; // of the request
};

// Fields of the framing are written by these, and ignored in `head` (content-length is kept where it is the
// framing, or stands for a body that is left out). asio::error::invalid_argument where a line break or the
// like in the head would make something else of the message.
result<std::string> http1_request_text(const request_head& head, http1_framing framing);
result<std::string> http1_response_text(const response_head& head, http1_response_form form);
std::string http1_chunk_head(std::uint64_t size);
constexpr std::string_view http1_chunk_tail = "\r\n";
constexpr std::string_view http1_last_chunk = "0\r\n\r\n";

// One message. Errors: limit_exceeded (head), protocol (everything else that is not HTTP/1).
class http1_parser {
public:
    virtual ~http1_parser() = default;

    struct step {
        std::size_t taken = 0;    // of the input
        std::size_t produced = 0; // of the body
        error_code failed;
    };

    // Fed with all bytes that are there, from the first one not taken; until head_done().
    virtual step head(std::string_view bytes) = 0;
    virtual bool head_done() const = 0;
    // After the head. Nothing taken and nothing produced: more input is needed.
    virtual step body(std::string_view bytes, asio::mutable_buffer into) = 0;
    // The transport has ended: is that the end of the message?
    virtual bool ends_with_transport() = 0;
    virtual bool done() const = 0;
};

class http1_request_parser : public http1_parser {
public:
    static std::unique_ptr<http1_request_parser> make(std::size_t header_bytes_max);
    virtual result<http1_request> request() = 0; // after the head; protocol: well formed, but not acceptable
};

class http1_response_parser : public http1_parser {
public:
    // `bodiless`: the response to a HEAD.
    static std::unique_ptr<http1_response_parser> make(std::size_t header_bytes_max, bool bodiless);
    virtual http1_response response() = 0; // after the head
};

} // namespace net
