#pragma once
// One HTTP/2 connection as a machine: bytes in, bytes out, no Asio and no clock. nghttp2 does framing,
// HPACK and the windows; this class says what a stream is to us and how each one ends.
//
// Invariants:
// 1. What is kept is bounded: received bytes by the advertised windows (the connection's opens only as
//    bodies are read, a stream's as more of its body is wanted), bytes to send by outbox_bytes_max per
//    stream (more is lent by the writer and read in place), header fields by header_bytes_max, frames
//    waiting for the transport by queued_frames_max, resets by a token bucket.
// 2. A stream's entry lives until nghttp2 has closed the stream *and* its owner has released it.
// 3. `failure` is set once, when the stream ends in any other way than with both ENDs (or the response's
//    END and RST_STREAM(NO_ERROR)). Bytes received before it stay readable, unless we gave the stream up
//    ourselves.

#include "net/byte_queue.hpp"
#include "net/clock.hpp"
#include "net/http/message.hpp"
#include "net/http2/lent_buffers.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

struct nghttp2_session;

namespace net {

enum class http2_role { client, server };

struct http2_options {
    std::uint32_t stream_window = 2 * 1024 * 1024;
    std::uint32_t connection_window = 5 * 1024 * 1024;
    std::uint32_t concurrent_streams_max = 200; // what a server allows
    std::size_t header_bytes_max = 16 * 1024;   // as SETTINGS_MAX_HEADER_LIST_SIZE counts
};

struct http2_stream {
    std::int32_t id = 0;
    request_head request;   // server: valid with head_received
    response_head response; // client: valid with head_received
    bool head_received = false;
    bool end_received = false; // the peer has ended its body; what is in the inbox is all that there will be
    bool head_sent = false;    // server: a response was submitted
    bool end_queued = false;   // our body is over
    bool end_sent = false;
    bool closed = false;
    error_code failure;
    std::uint64_t handed_over_bytes = 0; // of our body, to the transport
    byte_queue inbox;
    bool body_given_up = false; // server: nobody waits for more of it

private:
    friend class http2_session;
    byte_queue outbox;              // small writes, copied
    lent_buffers lent;              // one large write, in place
    std::size_t header_bytes = 0;   // of the head being received
    std::uint64_t taken_bytes = 0;  // of the peer's body
    std::size_t unopened_bytes = 0; // of these, for which the stream's window has not been opened again
    bool released = false;
    bool reset_here = false;     // by our RST_STREAM
    bool reset_received = false; // by the peer's
    bool reset_after_end = false;
    bool torn = false; // a write was taken back half sent
    bool bodiless = false;
    bool changed = false;
};

class http2_session {
public:
    static constexpr std::size_t outbox_bytes_max = 16 * 1024;
    static constexpr std::size_t queued_frames_max = 4096;
    static constexpr std::uint32_t reset_burst = 200; // RST_STREAM and broken requests of a peer, at once
    static constexpr std::uint32_t resets_per_second = 33;

    http2_session(http2_role role, const http2_options& options);
    ~http2_session();
    http2_session(const http2_session&) = delete;
    http2_session& operator=(const http2_session&) = delete;

    // Bytes from the transport. An error ends the connection (what send() still yields is the GOAWAY that
    // says why).
    error_code receive(std::string_view bytes, time_point now);
    // Appends frames until `out` holds `limit` bytes or there is nothing more. Only bodies are cut to fit:
    // other frames may go over the limit.
    error_code send(std::string& out, std::size_t limit);
    bool wants_send() const;
    // After a GOAWAY of ours with no stream left, or an error of the protocol.
    bool over() const;
    // The transport is lost or closed: ends every stream with this failure.
    void fail(error_code why);

    // Client. Opening: only when may_open(); nothing is waited for.
    bool may_open() const;
    result<std::int32_t> open(const request_head& head, bool end);

    bool going_away() const { return goaway_received_ || goaway_queued_ || ids_exhausted_; }

    // Server. Requests whose head is complete, in order.
    std::optional<std::int32_t> next_request();
    error_code respond(std::int32_t id, const response_head& head, bool end);

    // Both.
    http2_stream* find(std::int32_t id);

    std::size_t open_streams() const { return open_; } // heads complete, not closed

    // Takes received bytes out, and opens the connection's window accordingly.
    std::size_t read(http2_stream& from, asio::mutable_buffer into);
    // The reader waits for more than it has taken: the stream's window opens by what it took. A server
    // opens it no earlier than its first window has been used, so that a reader that can't go on yet has no
    // more than that in memory, and takes nothing from the connection's other streams.
    void want_more(http2_stream& from);
    // Why nothing can be written (any more), if so.
    error_code write_error(const http2_stream& to) const;
    // Takes a copy if it is small; else the buffers, and the array that names them, must stay until
    // lending() is false or take_back() is called.
    void write(http2_stream& to, std::span<const asio::const_buffer> from);

    bool lending(const http2_stream& to) const { return !to.lent.empty(); }

    void take_back(http2_stream& to);
    error_code finish(http2_stream& to);
    void reset(http2_stream& which);
    void refuse(http2_stream& which); // server: says that nothing of the request was processed
    // The owner leaves: an unfinished exchange is reset (server: 500 where no response was begun).
    void release(std::int32_t id);
    // GOAWAY; open streams go on. over() once they have ended.
    void drain();

    // Streams with news since the last call.
    std::vector<std::int32_t> take_changed();

    struct callbacks; // nghttp2's side, in callbacks.hpp

private:
    http2_stream& add(std::int32_t id);
    void mark(http2_stream& changed);
    void end_stream(http2_stream& which, std::uint32_t code);
    void head_complete(http2_stream& which, bool end);
    void refuse_head(http2_stream& which);
    void erase_if_done(std::int32_t id);
    void spend_reset();
    void submit_final_goaway();
    void give_up(http2_stream& which, std::uint32_t code);
    void submit_reset(http2_stream& which, std::uint32_t code);
    error_code failure_of(const http2_stream& which, std::uint32_t code) const;

    http2_role role_;
    http2_options options_;
    nghttp2_session* session_ = nullptr;
    std::unordered_map<std::int32_t, std::unique_ptr<http2_stream>> streams_;
    std::deque<std::int32_t> requests_;
    std::vector<std::int32_t> changed_;
    std::string* out_ = nullptr; // where send() collects
    std::size_t out_limit_ = 0;  // and up to how much
    std::size_t open_ = 0;
    std::int32_t goaway_last_id_ = 0;
    bool goaway_received_ = false;
    bool goaway_queued_ = false;
    bool final_goaway_queued_ = false;
    bool settings_received_ = false;
    bool ids_exhausted_ = false;
    bool flooded_ = false;
    std::uint64_t reset_tokens_;
    time_point now_{};
    time_point refilled_{};
};

} // namespace net
