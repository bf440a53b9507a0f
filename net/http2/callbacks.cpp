#include "net/http2/callbacks.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

namespace net {
namespace {

constexpr std::size_t frame_head_bytes = 9;

http2_session& self_of(void* user) {
    return *static_cast<http2_session*>(user);
}

// The peer's pseudo-headers and fields, one by one, into the head that they belong to.
void store_request_field(request_head& head, std::string_view name, std::string_view value) {
    if (name == ":method")
        head.method = value;
    else if (name == ":path")
        head.target = value;
    else if (name == ":scheme")
        head.scheme = value;
    else if (name == ":authority")
        head.authority = value;
    else if (name == "host") {
        if (head.authority.empty())
            head.authority = value;
    } else if (name == "content-length") {
        head.body_bytes = content_length({{std::string(name), std::string(value)}});
    } else if (!name.starts_with(':')) {
        head.fields.push_back({std::string(name), std::string(value)});
    }
}

void store_response_field(response_head& head, std::string_view name, std::string_view value) {
    if (name == ":status") {
        head.status = 0;
        for (const char digit : value)
            head.status = head.status * 10 + static_cast<unsigned>(digit - '0');
    } else if (!name.starts_with(':')) {
        head.fields.push_back({std::string(name), std::string(value)});
    }
}

} // namespace

nghttp2_session* http2_session::callbacks::make_session(http2_session& self, http2_role role) {
    nghttp2_session_callbacks* table = nullptr;
    nghttp2_option* option = nullptr;
    if (nghttp2_session_callbacks_new(&table) != 0 || nghttp2_option_new(&option) != 0)
        throw std::bad_alloc();
    nghttp2_session_callbacks_set_send_data_callback(table, send_data);
    nghttp2_session_callbacks_set_on_begin_headers_callback(table, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(table, header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table, data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(table, frame_received);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(table, invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(table, frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(table, stream_closed);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_outbound_ack(option, 1000);
    // nghttp2's own limit reads the clock; http2_session has one over the time that it is given.
    nghttp2_option_set_stream_reset_rate_limit(option, std::numeric_limits<std::uint32_t>::max(), 1);
    nghttp2_session* made = nullptr;
    const int code = role == http2_role::client ? nghttp2_session_client_new2(&made, table, &self, option)
                                                : nghttp2_session_server_new2(&made, table, &self, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(table);
    if (code != 0)
        throw std::bad_alloc();
    return made;
}

ssize_t http2_session::callbacks::read_body(nghttp2_session*, std::int32_t id, std::uint8_t*,
                                            std::size_t most, std::uint32_t* flags, nghttp2_data_source*,
                                            void* user) {
    auto& self = self_of(user);
    auto* stream = self.find(id);
    if (!stream)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    const std::size_t held = stream->outbox.size() + stream->lent.size();
    if (held == 0 && (!stream->end_queued || stream->torn))
        return NGHTTP2_ERR_DEFERRED;
    const std::size_t filled = self.out_->size() + frame_head_bytes;
    const auto count = std::min({held, most, filled < self.out_limit_ ? self.out_limit_ - filled : most});
    if (count == held && stream->end_queued && !stream->torn)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (count > 0)
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return static_cast<ssize_t>(count);
}

int http2_session::callbacks::send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head,
                                        std::size_t length, nghttp2_data_source*, void* user) {
    auto& self = self_of(user);
    auto* stream = self.find(frame->hd.stream_id);
    if (!stream)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    auto& out = *self.out_;
    out.append(reinterpret_cast<const char*>(head), frame_head_bytes);
    const auto copied = std::min(length, stream->outbox.size());
    out.append(stream->outbox.view().substr(0, copied));
    stream->outbox.take(copied);
    stream->handed_over_bytes += length;
    if (copied < length) {
        stream->lent.move_to(out, length - copied);
        if (stream->lent.empty())
            self.mark(*stream);
    }
    // Otherwise one call would copy everything that is lent and that the windows allow.
    return out.size() < self.out_limit_ ? 0 : NGHTTP2_ERR_PAUSE;
}

int http2_session::callbacks::begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& self = self_of(user);
    const auto id = frame->hd.stream_id;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        self.add(id).request.method.clear();
    if (auto* stream = self.find(id))
        stream->header_bytes = 0;
    return 0;
}

int http2_session::callbacks::header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                                     std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                                     std::uint8_t, void* user) {
    constexpr std::size_t field_overhead = 32; // RFC 9113, 6.5.2
    auto& self = self_of(user);
    auto* stream = self.find(frame->hd.stream_id);
    if (!stream || stream->released)
        return 0;
    stream->header_bytes += name_size + value_size + field_overhead;
    if (stream->header_bytes > self.options_.header_bytes_max || stream->head_received)
        return 0; // too many, or trailers, which nobody here uses
    const std::string_view name_text(reinterpret_cast<const char*>(name), name_size);
    const std::string_view value_text(reinterpret_cast<const char*>(value), value_size);
    if (self.role_ == http2_role::server)
        store_request_field(stream->request, name_text, value_text);
    else
        store_response_field(stream->response, name_text, value_text);
    return 0;
}

int http2_session::callbacks::data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id,
                                         const std::uint8_t* bytes, std::size_t size, void* user) {
    auto& self = self_of(user);
    auto* stream = self.find(id);
    if (!stream || stream->released || stream->reset_here) {
        nghttp2_session_consume(session, id, size);
        return 0;
    }
    stream->inbox.append({reinterpret_cast<const char*>(bytes), size});
    self.mark(*stream);
    return 0;
}

int http2_session::callbacks::frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& self = self_of(user);
    auto* stream = self.find(frame->hd.stream_id);
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (stream)
            self.head_complete(*stream, end);
        break;
    case NGHTTP2_DATA:
        if (stream && end) {
            stream->end_received = true;
            self.mark(*stream);
        }
        break;
    case NGHTTP2_RST_STREAM:
        if (stream)
            stream->reset_received = true;
        if (self.role_ == http2_role::server)
            self.spend_reset();
        break;
    case NGHTTP2_GOAWAY:
        self.goaway_received_ = true;
        self.goaway_last_id_ = frame->goaway.last_stream_id;
        break;
    case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
            self.settings_received_ = true;
        break;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 && self.goaway_queued_)
            self.submit_final_goaway();
        break;
    default:
        break;
    }
    return 0;
}

int http2_session::callbacks::invalid_frame(nghttp2_session*, const nghttp2_frame*, int, void* user) {
    self_of(user).spend_reset();
    return 0;
}

int http2_session::callbacks::frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& self = self_of(user);
    const bool body = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!body || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    if (auto* stream = self.find(frame->hd.stream_id)) {
        stream->end_sent = true;
        if (stream->reset_after_end && !stream->end_received)
            self.submit_reset(*stream, NGHTTP2_NO_ERROR);
    }
    return 0;
}

int http2_session::callbacks::stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code,
                                            void* user) {
    auto& self = self_of(user);
    if (auto* stream = self.find(id))
        self.end_stream(*stream, code);
    return 0;
}

void http2_session::head_complete(http2_stream& which, bool end) {
    if (end)
        which.end_received = true;
    mark(which);
    if (which.released || which.head_received)
        return;
    if (role_ == http2_role::client && which.response.status / 100 == 1) {
        which.response = {};
        return;
    }
    const bool too_large = which.header_bytes > options_.header_bytes_max;
    if (role_ == http2_role::client) {
        if (too_large) {
            which.failure = make_error_code(error::limit_exceeded);
            return submit_reset(which, NGHTTP2_CANCEL);
        }
        which.head_received = true;
        return;
    }
    which.head_received = true;
    ++open_;
    if (too_large)
        return refuse_head(which);
    requests_.push_back(which.id);
}

// Only this stream suffers: 431, and nothing of its body is wanted.
void http2_session::refuse_head(http2_stream& which) {
    spend_reset();
    which.request = {};
    // It fails only where the stream is gone: then there is nobody to tell.
    static_cast<void>(respond(which.id, response_head{431, {}}, true));
    release(which.id);
}

// A token bucket over what makes us work for nothing: resets, and requests that nghttp2 resets as malformed.
void http2_session::spend_reset() {
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now_ - refilled_).count();
    const auto refill =
        static_cast<std::uint64_t>(std::max<std::int64_t>(passed, 0)) * resets_per_second / 1000;
    if (refill > 0) {
        reset_tokens_ = std::min<std::uint64_t>(reset_burst, reset_tokens_ + refill);
        refilled_ = now_;
    }
    if (reset_tokens_ == 0)
        flooded_ = true;
    else
        --reset_tokens_;
}

error_code http2_session::failure_of(const http2_stream& which, std::uint32_t code) const {
    if (which.failure)
        return which.failure;
    if (role_ == http2_role::client && goaway_received_ && which.id > goaway_last_id_)
        return make_error_code(error::going_away);
    if (which.reset_here)
        return role_ == http2_role::server && which.end_sent ? error_code{} : asio::error::operation_aborted;
    if (which.reset_received) {
        if (code == NGHTTP2_REFUSED_STREAM)
            return make_error_code(error::refused_stream);
        if (code == NGHTTP2_NO_ERROR && which.end_received && role_ == http2_role::client)
            return {};
        return make_error_code(error::stream_reset);
    }
    if (code == NGHTTP2_REFUSED_STREAM)
        return make_error_code(error::refused_stream);
    return code == NGHTTP2_NO_ERROR ? error_code{} : make_error_code(error::protocol);
}

void http2_session::end_stream(http2_stream& which, std::uint32_t code) {
    if (!which.closed) {
        which.failure = failure_of(which, code);
        which.closed = true;
        if (which.head_received || role_ == http2_role::client)
            --open_;
        if (role_ == http2_role::server && !which.head_received)
            which.released = true; // never became a request
        which.lent.clear();
        which.outbox.clear();
        if (std::erase(requests_, which.id) > 0)
            which.released = true; // nobody has taken it
        if (goaway_queued_ && open_ == 0)
            submit_final_goaway();
        mark(which);
    }
    erase_if_done(which.id);
}

} // namespace net
