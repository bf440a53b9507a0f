#include "net/http2/connection.hpp"

#include "net/assert.hpp"

#include <algorithm>
#include <memory>

namespace net {
namespace {

// Bytes lent for a write return to their owner however the writer leaves.
class loan {
public:
    loan(http2_connection::pointer connection, std::int32_t id)
        : connection_(std::move(connection))
        , id_(id) {}

    ~loan() {
        if (auto* stream = connection_->session().find(id_))
            connection_->session().take_back(*stream);
    }

    loan(const loan&) = delete;
    loan& operator=(const loan&) = delete;

private:
    http2_connection::pointer connection_;
    std::int32_t id_;
};

// While it lives, a wait is known to have begun now.
class since_now {
public:
    since_now(environment& env, std::optional<time_point>& kept)
        : kept_(kept) {
        kept_ = env.now();
    }

    ~since_now() { kept_.reset(); }

    since_now(const since_now&) = delete;
    since_now& operator=(const since_now&) = delete;

private:
    std::optional<time_point>& kept_;
};

} // namespace

http2_connection::http2_connection(environment& env, std::unique_ptr<stream> transport, http2_role role,
                                   const http2_options& options)
    : env_(env)
    , transport_(std::move(transport))
    , session_(role, options)
    , wake_(env)
    , activity_(env)
    , empty_since_(env.now()) {}

standing http2_connection::stands() const {
    if (session_.open_streams() == 0)
        return {standing::kind::no_request, empty_since_};
    if (waits_.size() < session_.open_streams())
        return {}; // one has just come
    standing last{standing::kind::body_stalls, {}};
    for (const auto& [id, waits] : waits_) {
        if (!waits->reading_since && !waits->writing_since)
            return {};
        if (waits->writing_since)
            last.what = standing::kind::write_stalls;
        last.since =
            std::max(last.since, waits->writing_since ? *waits->writing_since : *waits->reading_since);
    }
    return last;
}

task<void> http2_connection::read_loop(pointer self, std::string first) {
    const auto buffer = std::make_unique_for_overwrite<char[]>(read_bytes);
    if (!first.empty())
        self->ending_ = self->session_.receive(first, self->env_.now());
    self->poke();
    self->activity_.notify();
    while (!self->ended() && !self->ending_) {
        const auto got = co_await self->transport_->read_some(asio::buffer(buffer.get(), read_bytes));
        if (!got) {
            self->fail(is_eof(got.error()) ? error_code(asio::error::connection_reset) : got.error());
            co_return;
        }
        self->ending_ = self->session_.receive({buffer.get(), *got}, self->env_.now());
        self->poke();
        self->activity_.notify();
    }
    if (self->ended())
        co_return;
    co_await wait_for(
        self->activity_, [&] { return self->ended(); }, saturating_add(self->env_.now(), farewell));
    self->fail(self->ending_);
}

task<void> http2_connection::write_loop(pointer self) {
    std::string out;
    while (!self->ended()) {
        out.clear();
        const error_code broken = self->session_.send(out, write_bytes_max);
        self->announce();
        if (broken) {
            self->fail(broken);
        } else if (!out.empty()) {
            const asio::const_buffer whole(out.data(), out.size());
            const std::span<const asio::const_buffer> from(&whole, 1);
            self->writing_ = true;
            const error_code lost = co_await self->transport_->write(from);
            self->writing_ = false;
            if (lost)
                self->fail(lost);
        } else if (self->ending_) {
            self->fail(self->ending_);
        } else if (self->session_.over()) {
            // The peer hangs up when it has read everything; closing before that could cost it the last
            // bytes.
            if (self->lingers_) {
                self->activity_.notify(); // all is flushed
                co_await self->transport_->shutdown_write();
                const auto until = saturating_add(self->env_.now(), farewell);
                co_await wait_for(self->activity_, [&] { return self->ended(); }, until);
            }
            self->fail(make_error_code(error::protocol));
        } else {
            if (out.capacity() > kept_bytes_max)
                std::string().swap(out);
            if (self->session_.going_away())
                self->activity_.notify();
            co_await self->wake_.wait();
        }
    }
}

void http2_connection::fail(error_code why) {
    NET_ASSERT(why, "a connection ends with a reason");
    if (failure_)
        return;
    failure_ = why;
    session_.fail(why);
    transport_->close();
    poke();
    activity_.notify();
}

void http2_connection::drain() {
    lingers_ = session_.open_streams() > 0;
    session_.drain();
    poke();
}

void http2_connection::poke() {
    announce();
    wake_.notify();
}

void http2_connection::announce() {
    for (const auto id : session_.take_changed()) {
        const auto* stream = session_.find(id);
        if (!stream || stream->closed)
            activity_.notify();
        if (const auto found = waits_.find(id); found != waits_.end()) {
            found->second->readable.notify();
            found->second->writable.notify();
            if (!stream || stream->failure)
                found->second->lost.notify();
        }
    }
}

std::shared_ptr<http2_connection::stream_waits> http2_connection::waits_of(std::int32_t id) {
    auto& found = waits_[id];
    if (!found)
        found = std::make_shared<stream_waits>(env_);
    return found;
}

task<result<std::size_t>> http2_connection::read_some(pointer self, std::int32_t id,
                                                      asio::mutable_buffer into) {
    const auto waits = self->waits_of(id);
    for (;;) {
        auto* stream = self->session_.find(id);
        NET_ASSERT(stream, "a body is read before its exchange is released");
        if (is_cancelled(stream->failure))
            co_return stream->failure;
        if (!stream->inbox.empty()) {
            const auto count = self->session_.read(*stream, into);
            if (self->session_.wants_send())
                self->wake_.notify();
            co_return count;
        }
        if (stream->end_received)
            co_return make_error_code(error::eof);
        if (stream->failure)
            co_return stream->failure;
        if (stream->closed)
            co_return make_error_code(error::stream_reset);
        if (stream->body_given_up)
            co_return make_error_code(error::timed_out);
        self->session_.want_more(*stream);
        if (self->session_.wants_send())
            self->wake_.notify();
        const since_now reading(self->env_, waits->reading_since);
        co_await waits->readable.wait();
    }
}

task<error_code> http2_connection::write(pointer self, std::int32_t id,
                                         std::span<const asio::const_buffer> from) {
    auto* stream = self->session_.find(id);
    NET_ASSERT(stream, "a body is written before its exchange is released");
    if (const auto ec = self->session_.write_error(*stream))
        co_return ec;
    const auto waits = self->waits_of(id);
    const loan lent(self, id);
    const since_now writing(self->env_, waits->writing_since);
    self->session_.write(*stream, from);
    self->wake_.notify();
    for (;;) {
        stream = self->session_.find(id);
        NET_ASSERT(stream, "an exchange outlives its writer");
        // Closing a stream empties its loan too, so its error is asked for first.
        const auto ec = self->session_.write_error(*stream);
        if (ec)
            co_return ec;
        if (!self->session_.lending(*stream))
            co_return error_code{};
        co_await waits->writable.wait();
    }
}

task<result<response_head>> http2_connection::response(pointer self, std::int32_t id) {
    const auto waits = self->waits_of(id);
    for (;;) {
        auto* stream = self->session_.find(id);
        NET_ASSERT(stream, "a response is awaited before its exchange is released");
        if (stream->head_received && !is_cancelled(stream->failure))
            co_return stream->response;
        if (stream->failure)
            co_return stream->failure;
        if (stream->closed)
            co_return make_error_code(error::stream_reset);
        co_await waits->readable.wait();
    }
}

task<void> http2_connection::until_lost(pointer self, std::int32_t id) {
    const auto waits = self->waits_of(id);
    auto lost = [&] {
        const auto* stream = self->session_.find(id);
        return !stream || stream->failure;
    };
    co_await wait_for(waits->lost, lost);
}

error_code http2_connection::finish(std::int32_t id) {
    auto* stream = session_.find(id);
    NET_ASSERT(stream, "a body is ended before its exchange is released");
    const auto ec = session_.finish(*stream);
    poke();
    return ec;
}

std::uint64_t http2_connection::handed_over_bytes(std::int32_t id) {
    const auto* stream = session_.find(id);
    NET_ASSERT(stream, "an exchange is asked before it is released");
    return stream->handed_over_bytes;
}

void http2_connection::reset(std::int32_t id) {
    if (auto* stream = session_.find(id))
        session_.reset(*stream);
    poke();
}

void http2_connection::refuse(std::int32_t id) {
    if (auto* stream = session_.find(id))
        session_.refuse(*stream);
    poke();
}

void http2_connection::give_up_body(std::int32_t id) {
    if (auto* stream = session_.find(id))
        stream->body_given_up = true;
    if (const auto found = waits_.find(id); found != waits_.end())
        found->second->readable.notify();
}

void http2_connection::release(std::int32_t id) {
    session_.release(id);
    waits_.erase(id);
    if (waits_.empty())
        empty_since_ = env_.now();
    poke();
    activity_.notify();
}

} // namespace net
