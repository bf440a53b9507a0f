#include "net/http1/exchange.hpp"

#include "net/assert.hpp"

#include <array>
#include <utility>
#include <vector>

namespace net {

namespace {

// The connection knows since when a body is awaited while one lives.
class awaited_body {
public:
    explicit awaited_body(http1_connection& connection)
        : connection_(connection) {
        connection_.body_awaited(connection_.env().now());
    }

    ~awaited_body() { connection_.body_awaited(std::nullopt); }

    awaited_body(const awaited_body&) = delete;
    awaited_body& operator=(const awaited_body&) = delete;

private:
    http1_connection& connection_;
};

} // namespace

http1_exchange::http1_exchange(http1_connection& connection, http1_request request,
                               http1_request_parser& parser)
    : connection_(connection)
    , request_(std::move(request))
    , parser_(parser)
    , keep_alive_(request_.keep_alive)
    , continue_owed_(request_.expects_continue && !parser.done()) {}

task<error_code> http1_exchange::respond(response_head head, bool end) {
    NET_ASSERT(!responded_, "a request is answered once");
    responded_ = true;
    const bool to_head = request_.head.method == "HEAD";
    const bool bodiless = to_head || head.status == 204 || head.status == 304;
    const auto length = content_length(head.fields);
    if (!bodiless) {
        if (end && !length)
            head.fields.push_back({"content-length", "0"});
        NET_ASSERT(!end || length.value_or(0) == 0, "a body is as long as its head says");
        length_left_ = length.value_or(0);
        if (end || length)
            framing_ = http1_framing::length;
        else
            framing_ = request_.version_11 ? http1_framing::chunked : http1_framing::until_close;
    }
    // Who still waits for leave to send its body may send it or not; only a new connection is unambiguous.
    if (framing_ == http1_framing::until_close || connection_.draining() || continue_owed_)
        keep_alive_ = false;
    http1_response_form form;
    form.framing = framing_;
    form.body = to_head ? http1_body::left_out : http1_body::sent;
    form.behind = keep_alive_ ? http1_persistence::keep_alive : http1_persistence::close;
    form.version_11 = request_.version_11;
    auto text = http1_response_text(head, form);
    if (!text) {
        responded_ = false;
        framing_ = http1_framing::none;
        co_return text.error();
    }
    finished_ = end || bodiless;
    pending_head_ = std::move(*text);
    if (framing_ == http1_framing::length && length_left_ > 0)
        co_return connection_.failure();
    const error_code ec = co_await send({});
    co_return ec;
}

// The head that waits for company, and then these.
task<error_code> http1_exchange::send(std::span<const asio::const_buffer> from) {
    if (torn_)
        co_return error_code(asio::error::operation_aborted);
    const std::string head = std::exchange(pending_head_, {});
    std::vector<asio::const_buffer> all;
    all.reserve(from.size() + 1);
    if (!head.empty())
        all.push_back(asio::buffer(head));
    all.insert(all.end(), from.begin(), from.end());
    torn_ = true; // until it is known to be whole
    const error_code ec = co_await connection_.write(all);
    torn_ = static_cast<bool>(ec);
    co_return ec;
}

task<result<std::size_t>> http1_exchange::read_some(asio::mutable_buffer into) {
    if (continue_owed_ && !responded_) {
        continue_owed_ = false;
        constexpr std::string_view text = "HTTP/1.1 100 Continue\r\n\r\n";
        const asio::const_buffer whole(text.data(), text.size());
        const std::span<const asio::const_buffer> from(&whole, 1);
        const error_code ec = co_await connection_.write(from);
        if (ec)
            co_return ec;
    }
    const awaited_body awaited(connection_);
    for (;;) {
        if (parser_.done())
            co_return make_error_code(error::eof);
        if (body_given_up_)
            co_return make_error_code(error::timed_out);
        const auto step = parser_.body(connection_.bytes(), into);
        connection_.take(step.taken);
        if (step.produced > 0)
            co_return step.produced;
        if (step.failed || (step.taken == 0 && connection_.full())) {
            keep_alive_ = false;
            co_return make_error_code(error::protocol);
        }
        if (parser_.done() || step.taken > 0)
            continue;
        if (connection_.failure())
            co_return connection_.failure();
        const auto known = connection_.bytes().size();
        const bool more = co_await connection_.more_than(known, never, &body_given_up_);
        if (!more && connection_.ended())
            co_return connection_.failure() ? connection_.failure()
                                            : error_code(asio::error::connection_reset);
    }
}

void http1_exchange::give_up_body() noexcept {
    body_given_up_ = true;
    keep_alive_ = false;
    connection_.wake_reader();
}

task<error_code> http1_exchange::write(std::span<const asio::const_buffer> from) {
    NET_ASSERT(responded_, "a body follows its head");
    std::uint64_t size = 0;
    for (const auto& piece : from)
        size += piece.size();
    if (framing_ == http1_framing::none || size == 0)
        co_return connection_.failure();
    NET_ASSERT(!finished_, "nothing is written behind the end of a body");
    if (framing_ == http1_framing::length) {
        NET_ASSERT(size <= length_left_, "a body is as long as its head says");
        length_left_ -= size;
    }
    if (framing_ != http1_framing::chunked) {
        const error_code ec = co_await send(from);
        co_return ec;
    }
    const std::string head = http1_chunk_head(size);
    std::vector<asio::const_buffer> chunk;
    chunk.reserve(from.size() + 2);
    chunk.push_back(asio::buffer(head));
    chunk.insert(chunk.end(), from.begin(), from.end());
    chunk.push_back(asio::buffer(http1_chunk_tail));
    const error_code ec = co_await send(chunk);
    co_return ec;
}

task<error_code> http1_exchange::finish() {
    NET_ASSERT(responded_, "a body follows its head");
    if (finished_)
        co_return connection_.failure();
    if (framing_ == http1_framing::length && length_left_ > 0) {
        torn_ = true;
        co_return make_error_code(error::protocol);
    }
    finished_ = true;
    if (framing_ == http1_framing::chunked) {
        const asio::const_buffer last = asio::buffer(http1_last_chunk);
        const std::span<const asio::const_buffer> from(&last, 1);
        const error_code ec = co_await send(from);
        co_return ec;
    }
    co_return connection_.failure();
}

task<bool> http1_exchange::complete(time_point deadline) {
    if (connection_.failure())
        co_return false;
    if (!responded_) {
        response_head failed;
        failed.status = 500;
        const error_code ec = co_await respond(std::move(failed), true);
        if (ec)
            co_return false;
    }
    if (torn_ || !finished_) {
        connection_.fail(asio::error::operation_aborted);
        co_return false;
    }
    std::array<char, 4096> away;
    std::size_t unread = 0;
    while (!parser_.done() && keep_alive_ && unread <= unread_body_bytes_max) {
        const auto step = parser_.body(connection_.bytes(), asio::buffer(away));
        connection_.take(step.taken);
        unread += step.taken;
        if (step.failed)
            co_return false;
        if (step.taken > 0)
            continue;
        const auto known = connection_.bytes().size();
        const bool more = co_await connection_.more_than(known, deadline);
        if (!more)
            co_return false;
    }
    co_return keep_alive_&& parser_.done();
}

} // namespace net
