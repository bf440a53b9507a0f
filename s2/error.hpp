#pragma once
// Every way an S2 call can fail, in one value, and the one function that turns it into what to do (§2.4,
// §6.4).

#include "s2/types.hpp"

#include <boost/assert/source_location.hpp>

#include <chrono>

namespace s2 {

struct error {
    // What kind of thing went wrong. Only one group of the members below is meaningful for each.
    enum class kind {
        transport,   // `transport`: no HTTP answer (connecting, TLS, connection lost, deadline, cancelled)
        api,         // `status`, `code`, `message`: an answer with the standard body, or a terminal frame
        condition,   // 412: seq_num_mismatch or fencing_token_mismatch
        range,       // 416: `tail`
        protocol,    // an answer that breaks the protocol: `message` says how
        invalid,     // refused by our own checks before anything was sent: `message`
        credentials, // no usable token to send: `message`
    };

    kind what = kind::transport;
    net::error_code transport;
    unsigned status = 0;
    std::string code;    // the server's, e.g. "stream_not_found"
    std::string message; // the server's words, or ours
    std::optional<std::uint64_t> seq_num_mismatch;
    std::optional<std::string> fencing_token_mismatch;
    std::optional<stream_position> tail;
    std::optional<std::chrono::milliseconds> retry_after;
    // False only where the request provably never left us (resolve, connect, TLS, no stream opened).
    bool sent = true;

    static error from_transport(net::error_code ec, bool request_sent, std::string context = {});
    static error from_protocol(std::string message);
    static error from_invalid(std::string message);
    static error from_credentials(std::string message);
    // An HTTP status with its body (JSON or anything else), or a terminal frame's.
    static error from_response(unsigned status, std::string_view body,
                               std::optional<std::chrono::milliseconds> retry_after = {});

    // The same with the body as it was read. Where that was cut off on the way (`lost` says by what), the
    // status alone may mean anything: the call counts as lost with its connection.
    static error from_answer(unsigned status, const net::result<std::string>& body, net::error_code lost);

    // "404 stream_not_found: …", "cannot connect to 127.0.0.1:4000: Connection refused". Never holds a token.
    std::string text() const;

    bool is_code(std::string_view expected) const { return what == kind::api && code == expected; }

    bool operator==(const error&) const = default;
};

// What a failed call asks for.
enum class verdict {
    cancelled, // we gave up ourselves
    // Only `retry` and `condition_failed` promise that nothing landed; with any other, batches in flight are
    // ambiguous.
    retry,            // provably without effect: nothing of it landed
    retry_ambiguous,  // it may have landed
    condition_failed, // 412: look at the mismatch
    range,            // 416
    not_found,        // 404 stream_not_found: create, or treat as gone
    gone,             // 409 stream_deletion_pending
    exists,           // 409 resource_already_exists
    park_sink,        // no retry cures it: bad token, missing basin, nothing that speaks S2
    park_stream,      // a missing permission for this stream
    fatal,            // a bug of ours or of the server: refused as malformed or invalid, protocol broken
};

verdict classify(const error& failure);
std::string_view name_of(verdict value);

template <class T>
using result = boost::system::result<T, error>;

// boost::system::result calls this from value() on a failure.
[[noreturn]] void throw_exception_from_error(const error& failure, const boost::source_location& location);

} // namespace s2
