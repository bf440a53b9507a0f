#include "net/http2/session.hpp"

#include "net/assert.hpp"
#include "net/http2/callbacks.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <new>
#include <string_view>
#include <utility>

namespace net {
namespace {

// Never in a table of HPACK's, neither here nor at whoever passes it on (RFC 7541, 7.1.3).
bool secret(std::string_view name) {
    return name == "authorization" || name == "proxy-authorization" || name == "cookie" ||
           name == "set-cookie" || name == "s2-encryption-key";
}

nghttp2_nv name_value(std::string_view name, std::string_view value) {
    auto bytes = [](std::string_view text) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    const std::uint8_t kept_out = secret(name) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
    return {bytes(name), bytes(value), name.size(), value.size(), kept_out};
}

// What belongs to one HTTP/1.1 connection has no place in HTTP/2.
bool forbidden(std::string_view name) {
    return name == "connection" || name == "transfer-encoding" || name == "keep-alive" || name == "upgrade" ||
           name == "proxy-connection" || name == "host";
}

void append_fields(std::vector<nghttp2_nv>& block, const http_fields& fields) {
    for (const auto& field : fields)
        if (!forbidden(field.name))
            block.push_back(name_value(field.name, field.value));
}

nghttp2_data_provider body_source() {
    nghttp2_data_provider source{};
    source.read_callback = http2_session::callbacks::read_body;
    return source;
}

error_code as_error(int code) {
    return code == 0 ? error_code{} : make_error_code(error::protocol);
}

} // namespace

http2_session::http2_session(http2_role role, const http2_options& options)
    : role_(role)
    , options_(options)
    , reset_tokens_(reset_burst) {
    session_ = callbacks::make_session(*this, role);
    std::vector<nghttp2_settings_entry> settings{
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(options.header_bytes_max)},
    };
    if (role == http2_role::server)
        settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.concurrent_streams_max});
    else
        settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                          static_cast<std::int32_t>(options.connection_window));
}

http2_session::~http2_session() {
    nghttp2_session_del(session_);
}

error_code http2_session::receive(std::string_view bytes, time_point now) {
    now_ = now;
    const auto taken =
        nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (taken == NGHTTP2_ERR_NOMEM)
        throw std::bad_alloc();
    if (taken < 0)
        return make_error_code(error::protocol);
    if (nghttp2_session_get_outbound_queue_size(session_) > queued_frames_max)
        flooded_ = true;
    if (flooded_) {
        nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
        return make_error_code(error::limit_exceeded);
    }
    return {};
}

error_code http2_session::send(std::string& out, std::size_t limit) {
    out_ = &out;
    out_limit_ = limit;
    while (out.size() < limit) {
        const std::uint8_t* bytes = nullptr;
        const auto count = nghttp2_session_mem_send(session_, &bytes);
        if (count == NGHTTP2_ERR_NOMEM)
            throw std::bad_alloc();
        if (count < 0)
            return make_error_code(error::protocol);
        if (count == 0)
            break;
        out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
    }
    out_ = nullptr;
    return {};
}

bool http2_session::wants_send() const {
    return nghttp2_session_want_write(session_) != 0;
}

bool http2_session::over() const {
    if (wants_send())
        return false;
    return (final_goaway_queued_ && streams_.empty()) || nghttp2_session_want_read(session_) == 0;
}

bool http2_session::may_open() const {
    constexpr std::uint32_t before_settings = 100;
    auto most = nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    if (!settings_received_)
        most = std::min(most, before_settings);
    return !going_away() && open_ < most;
}

result<std::int32_t> http2_session::open(const request_head& head, bool end) {
    NET_ASSERT(role_ == http2_role::client, "only a client opens requests");
    std::vector<nghttp2_nv> block;
    block.reserve(head.fields.size() + 4);
    block.push_back(name_value(":method", head.method));
    block.push_back(name_value(":scheme", head.scheme.empty() ? std::string_view("http") : head.scheme));
    if (!head.authority.empty())
        block.push_back(name_value(":authority", head.authority));
    block.push_back(name_value(":path", head.target));
    append_fields(block, head.fields);
    const auto source = body_source();
    const auto id = nghttp2_submit_request(session_, nullptr, block.data(), block.size(),
                                           end ? nullptr : &source, nullptr);
    if (id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE) {
        ids_exhausted_ = true;
        return make_error_code(error::going_away);
    }
    if (id < 0)
        return make_error_code(error::protocol);
    auto& opened = add(id);
    opened.end_queued = end;
    ++open_;
    return id;
}

std::optional<std::int32_t> http2_session::next_request() {
    if (requests_.empty())
        return std::nullopt;
    const auto id = requests_.front();
    requests_.pop_front();
    return id;
}

error_code http2_session::respond(std::int32_t id, const response_head& head, bool end) {
    auto* stream = find(id);
    NET_ASSERT(stream && !stream->head_sent, "a request is answered once");
    if (const auto ec = write_error(*stream))
        return ec;
    std::array<char, 3> digits{};
    const unsigned status = head.status;
    NET_ASSERT(status >= 200 && status < 1000, "a final status has three digits");
    digits = {static_cast<char>('0' + status / 100), static_cast<char>('0' + status / 10 % 10),
              static_cast<char>('0' + status % 10)};
    std::vector<nghttp2_nv> block;
    block.reserve(head.fields.size() + 1);
    block.push_back(name_value(":status", {digits.data(), digits.size()}));
    append_fields(block, head.fields);
    stream->bodiless = stream->request.method == "HEAD";
    end = end || stream->bodiless;
    const auto source = body_source();
    const auto code =
        nghttp2_submit_response(session_, id, block.data(), block.size(), end ? nullptr : &source);
    if (code != 0)
        return as_error(code);
    stream->head_sent = true;
    stream->end_queued = end;
    return {};
}

http2_stream* http2_session::find(std::int32_t id) {
    const auto found = streams_.find(id);
    return found == streams_.end() ? nullptr : found->second.get();
}

http2_stream& http2_session::add(std::int32_t id) {
    auto made = std::make_unique<http2_stream>();
    made->id = id;
    return *(streams_[id] = std::move(made));
}

std::size_t http2_session::read(http2_stream& from, asio::mutable_buffer into) {
    const auto count = from.inbox.move_to(into);
    nghttp2_session_consume_connection(session_, count);
    from.taken_bytes += count;
    from.unopened_bytes += count;
    // A client has asked for what it reads. What a server's peer sends it unasked stays its first window
    // until the reader wants more.
    if (role_ == http2_role::client || from.taken_bytes > options_.stream_window)
        want_more(from);
    return count;
}

void http2_session::want_more(http2_stream& from) {
    if (from.unopened_bytes == 0 ||
        (role_ == http2_role::server && from.taken_bytes < options_.stream_window))
        return;
    nghttp2_session_consume_stream(session_, from.id, std::exchange(from.unopened_bytes, 0));
}

error_code http2_session::write_error(const http2_stream& to) const {
    if (to.failure)
        return to.failure;
    if (to.closed)
        return make_error_code(error::eof);
    if (to.torn || to.reset_here)
        return asio::error::operation_aborted;
    return {};
}

void http2_session::write(http2_stream& to, std::span<const asio::const_buffer> from) {
    NET_ASSERT(to.lent.empty(), "one write of a body at a time");
    if (to.bodiless)
        return;
    NET_ASSERT(!to.end_queued, "nothing is written behind the end of a body");
    std::size_t size = 0;
    for (const auto& piece : from)
        size += piece.size();
    if (to.outbox.size() + size <= outbox_bytes_max) {
        for (const auto& piece : from)
            to.outbox.append({static_cast<const char*>(piece.data()), piece.size()});
    } else {
        to.lent = lent_buffers(from, size);
    }
    nghttp2_session_resume_data(session_, to.id);
}

void http2_session::take_back(http2_stream& to) {
    if (to.lent.empty())
        return;
    to.lent.clear();
    to.torn = true;
}

error_code http2_session::finish(http2_stream& to) {
    if (const auto ec = write_error(to))
        return ec;
    if (!to.end_queued) {
        to.end_queued = true;
        nghttp2_session_resume_data(session_, to.id);
    }
    return {};
}

void http2_session::reset(http2_stream& which) {
    give_up(which, NGHTTP2_CANCEL);
}

void http2_session::refuse(http2_stream& which) {
    NET_ASSERT(role_ == http2_role::server && !which.head_sent, "what was answered is not refused");
    give_up(which, NGHTTP2_REFUSED_STREAM);
}

void http2_session::give_up(http2_stream& which, std::uint32_t code) {
    if (which.closed || which.failure)
        return;
    which.failure = asio::error::operation_aborted;
    mark(which);
    submit_reset(which, code);
}

void http2_session::submit_reset(http2_stream& which, std::uint32_t code) {
    if (which.closed || which.reset_here)
        return;
    which.reset_here = true;
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, which.id, code);
}

void http2_session::release(std::int32_t id) {
    auto* stream = find(id);
    if (!stream || stream->released)
        return;
    stream->released = true;
    take_back(*stream);
    nghttp2_session_consume(session_, id, stream->inbox.size());
    stream->inbox.clear();
    if (stream->closed)
        return erase_if_done(id);
    const bool complete = stream->end_queued && !stream->torn;
    if (role_ == http2_role::client) {
        if (!complete || !stream->end_received)
            submit_reset(*stream, NGHTTP2_CANCEL);
        return;
    }
    // A response fails only where the stream is gone: then there is nobody to tell.
    if (!stream->head_sent && !stream->reset_here)
        static_cast<void>(respond(id, response_head{500, {}}, true));
    else if (!complete)
        return submit_reset(*stream, NGHTTP2_INTERNAL_ERROR);
    stream->reset_after_end = true;
    if (stream->end_sent && !stream->end_received)
        submit_reset(*stream, NGHTTP2_NO_ERROR);
}

void http2_session::erase_if_done(std::int32_t id) {
    const auto found = streams_.find(id);
    if (found != streams_.end() && found->second->closed && found->second->released)
        streams_.erase(found);
}

void http2_session::fail(error_code why) {
    std::vector<std::int32_t> all;
    for (const auto& [id, stream] : streams_)
        all.push_back(id);
    for (const auto id : all) {
        auto& stream = *streams_[id];
        if (!stream.closed) {
            stream.closed = true;
            if (!stream.failure)
                stream.failure = why;
            if (stream.head_received || role_ == http2_role::client)
                --open_;
            stream.lent.clear();
            stream.outbox.clear();
            mark(stream);
        }
        erase_if_done(id);
    }
    requests_.clear();
}

void http2_session::drain() {
    if (goaway_queued_)
        return;
    goaway_queued_ = true;
    if (role_ == http2_role::client || streams_.empty())
        return submit_final_goaway();
    // Requests that are on their way must not be lost: say so first, and name the last one a round trip
    // later.
    nghttp2_submit_shutdown_notice(session_);
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

void http2_session::submit_final_goaway() {
    if (final_goaway_queued_)
        return;
    final_goaway_queued_ = true;
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                          NGHTTP2_NO_ERROR, nullptr, 0);
}

void http2_session::mark(http2_stream& changed) {
    if (changed.changed)
        return;
    changed.changed = true;
    changed_.push_back(changed.id);
}

std::vector<std::int32_t> http2_session::take_changed() {
    auto all = std::move(changed_);
    changed_.clear();
    for (const auto id : all)
        if (auto* stream = find(id))
            stream->changed = false;
    return all;
}

} // namespace net
