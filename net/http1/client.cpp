#include "net/http1/client.hpp"

#include "net/assert.hpp"
#include "net/byte_queue.hpp"
#include "net/http1/wire.hpp"
#include "net/task/condition.hpp"

#include <array>
#include <utility>
#include <vector>

namespace net {
namespace {

// What the client and its exchange share; either may go first.
struct connection {
    connection(environment& env, std::unique_ptr<stream> over, http1_options with)
        : transport(std::move(over))
        , options(with)
        , changed(env) {}

    std::unique_ptr<stream> transport;
    http1_options options;
    byte_queue in;
    condition changed; // an exchange has left, or the connection has ended
    error_code failure;
    bool busy = false;

    void fail(error_code why) {
        if (failure)
            return;
        failure = why;
        transport->close();
        changed.notify();
    }

    // Bytes from the transport; its end is eof.
    static task<error_code> more(std::shared_ptr<connection> self) {
        constexpr std::size_t piece_bytes = 16 * 1024;
        if (self->failure)
            co_return self->failure;
        std::array<char, piece_bytes> piece;
        const auto got = co_await self->transport->read_some(asio::buffer(piece));
        if (!got)
            co_return got.error();
        self->in.append({piece.data(), *got});
        co_return error_code{};
    }
};

using pointer = std::shared_ptr<connection>;

constexpr std::size_t waiting_bytes_max = 64 * 1024; // of a chunk's head or the trailers

class exchange final : public client_exchange {
public:
    exchange(pointer on, http1_framing framing, std::uint64_t length, bool bodiless)
        : on_(std::move(on))
        , framing_(framing)
        , length_left_(length)
        , bodiless_(bodiless)
        , parser_(http1_response_parser::make(on_->options.header_bytes_max, bodiless)) {}

    ~exchange() override {
        take_what_is_here();
        on_->busy = false;
        if (!sent_all() || !parser_->done() || !keep_alive_ || !on_->in.empty())
            on_->fail(asio::error::operation_aborted);
        on_->changed.notify();
    }

    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;

    task<result<response_head>> response() override {
        while (!head_) {
            if (on_->failure)
                co_return on_->failure;
            const auto step = parser_->head(on_->in.view());
            on_->in.take(step.taken);
            if (step.failed)
                co_return lost(step.failed);
            if (parser_->head_done()) {
                auto response = parser_->response();
                if (response.head.status / 100 == 1) {
                    parser_ = http1_response_parser::make(on_->options.header_bytes_max, bodiless_);
                    continue;
                }
                keep_alive_ = response.keep_alive;
                head_ = std::move(response.head);
            } else if (step.taken == 0) {
                const auto self = on_;
                const error_code ec = co_await connection::more(self);
                if (ec)
                    co_return lost(ec);
            }
        }
        co_return *head_;
    }

    task<result<std::size_t>> read_some(asio::mutable_buffer into) override {
        if (!head_) {
            const auto head = co_await response();
            if (!head)
                co_return head.error();
        }
        for (;;) {
            if (is_cancelled(on_->failure))
                co_return on_->failure;
            if (parser_->done())
                co_return make_error_code(error::eof);
            const auto step = parser_->body(on_->in.view(), into);
            on_->in.take(step.taken);
            if (step.produced > 0)
                co_return step.produced;
            if (step.failed || (step.taken == 0 && on_->in.size() > waiting_bytes_max))
                co_return lost(make_error_code(error::protocol));
            if (step.taken > 0)
                continue;
            const error_code ec = co_await connection::more(on_);
            if (is_eof(ec) && parser_->ends_with_transport()) {
                keep_alive_ = false;
                co_return ec;
            }
            if (ec)
                co_return lost(ec);
        }
    }

    task<error_code> write(std::span<const asio::const_buffer> from) override {
        NET_ASSERT(!finished_, "nothing is written behind the end of a body");
        std::uint64_t size = 0;
        for (const auto& piece : from)
            size += piece.size();
        if (size == 0)
            co_return on_->failure;
        if (framing_ == http1_framing::length) {
            NET_ASSERT(size <= length_left_, "a body is as long as its head says");
            length_left_ -= size;
            handed_over_bytes_ += size;
            const error_code ec = co_await send(from);
            co_return ec;
        }
        const std::string head = http1_chunk_head(size);
        std::vector<asio::const_buffer> chunk;
        chunk.reserve(from.size() + 2);
        chunk.push_back(asio::buffer(head));
        chunk.insert(chunk.end(), from.begin(), from.end());
        chunk.push_back(asio::buffer(http1_chunk_tail));
        handed_over_bytes_ += size;
        const error_code ec = co_await send(chunk);
        co_return ec;
    }

    task<error_code> finish() override {
        if (finished_)
            co_return on_->failure;
        finished_ = true;
        if (framing_ == http1_framing::chunked) {
            const asio::const_buffer last = asio::buffer(http1_last_chunk);
            const std::span<const asio::const_buffer> from(&last, 1);
            const error_code ec = co_await send(from);
            co_return ec;
        }
        if (length_left_ > 0) {
            reset();
            co_return make_error_code(error::protocol);
        }
        co_return on_->failure;
    }

    void reset() noexcept override { on_->fail(asio::error::operation_aborted); }

    std::uint64_t handed_over_bytes() const override { return handed_over_bytes_; }

    // The head, when the exchange begins, and every piece of the body. Unsent bytes cost the connection at
    // the end, but not the response, which may say why.
    task<error_code> send(std::span<const asio::const_buffer> from) {
        if (on_->failure)
            co_return on_->failure;
        if (torn_)
            co_return unsent_;
        torn_ = true;
        unsent_ = asio::error::operation_aborted;
        const error_code ec = co_await on_->transport->write(from);
        torn_ = static_cast<bool>(ec);
        unsent_ = ec;
        co_return ec;
    }

    void no_body() { finished_ = true; }

private:
    bool sent_all() const { return finished_ && !torn_ && length_left_ == 0; }

    error_code lost(error_code why) {
        on_->fail(is_eof(why) ? error_code(asio::error::connection_reset) : why);
        return on_->failure;
    }

    // The end of a body that was read to its last byte may be in the buffer still.
    void take_what_is_here() {
        if (!head_ || parser_->done() || on_->failure)
            return;
        std::array<char, 1> none;
        const auto step = parser_->body(on_->in.view(), asio::buffer(none));
        if (step.produced == 0)
            on_->in.take(step.taken);
    }

    pointer on_;
    http1_framing framing_;
    std::uint64_t length_left_;
    bool bodiless_;
    std::unique_ptr<http1_response_parser> parser_;
    std::optional<response_head> head_;
    std::uint64_t handed_over_bytes_ = 0;
    error_code unsent_;
    bool finished_ = false;
    bool torn_ = false;
    bool keep_alive_ = false;
};

class client final : public http_client {
public:
    explicit client(pointer on)
        : on_(std::move(on)) {}

    ~client() override { close(); }

    task<result<std::unique_ptr<client_exchange>>> open(request_head head, bool end) override {
        return open_on(on_, std::move(head), end);
    }

    bool usable() const override { return !on_->failure && !on_->busy; }

    std::size_t open_exchanges() const override { return on_->busy ? 1 : 0; }

    task<void> close_gracefully() override {
        close();
        co_return;
    }

    void close() noexcept override { on_->fail(asio::error::operation_aborted); }

private:
    static task<result<std::unique_ptr<client_exchange>>> open_on(pointer on, request_head head, bool end) {
        while (on->busy && !on->failure)
            co_await on->changed.wait();
        if (on->failure)
            co_return on->failure;
        const auto length = content_length(head.fields);
        if (end && !length && head.method != "GET" && head.method != "HEAD" && head.method != "DELETE")
            head.fields.push_back({"content-length", "0"});
        const auto framing = end || length ? http1_framing::length : http1_framing::chunked;
        auto text = http1_request_text(head, framing);
        if (!text)
            co_return text.error();
        on->busy = true;
        auto opened = std::make_unique<exchange>(on, framing, length.value_or(0), head.method == "HEAD");
        const asio::const_buffer whole = asio::buffer(*text);
        const std::span<const asio::const_buffer> from(&whole, 1);
        const error_code ec = co_await opened->send(from);
        if (ec)
            co_return ec;
        if (end)
            opened->no_body();
        std::unique_ptr<client_exchange> made = std::move(opened);
        co_return std::move(made);
    }

    pointer on_;
};

} // namespace

std::unique_ptr<http_client> make_http1_client(environment& env, std::unique_ptr<stream> transport,
                                               http1_options options) {
    return std::make_unique<client>(std::make_shared<connection>(env, std::move(transport), options));
}

} // namespace net
