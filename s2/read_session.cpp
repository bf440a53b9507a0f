#include "s2/read_session.hpp"

#include "net/task/deadline.hpp"

#include <algorithm>

namespace s2 {
namespace {

using step = read_session_state::step;

constexpr std::size_t read_chunk_bytes = 64 * 1024;
constexpr std::uint64_t error_body_bytes_max = 64 * 1024;

std::uint64_t random_bits(net::environment& env) {
    std::uint64_t bits = 0;
    env.random_bytes(std::as_writable_bytes(std::span(&bits, 1)));
    return bits;
}

error timed_out(std::string doing) {
    return error::from_transport(net::make_error_code(net::error::timed_out), true, std::move(doing));
}

} // namespace

read_session::read_session(client& from, std::string stream, read_start start, read_limits limits,
                           read_session_options options)
    : from_(from)
    , stream_(std::move(stream))
    , options_(options)
    , state_(start, limits)
    , retry_(net::retry_policy{})
    , in_(read_chunk_bytes) {}

read_session::~read_session() = default;

net::task<result<std::optional<read_batch>>> read_session::next(net::time_point deadline) {
    auto& env = from_.env();
    while (!ended_) {
        if (env.now() >= deadline)
            co_return timed_out("reading " + stream_);
        if (!opened_.exchange && retry_at_ && *retry_at_ > env.now()) {
            co_await net::sleep_until(env, std::min(*retry_at_, deadline));
            continue;
        }
        read_batch batch;
        const auto tail_before = state_.tail();
        auto did = step::reconnect;
        if (!opened_.exchange)
            did = co_await connect(deadline);
        else
            did = co_await receive(batch, deadline);
        switch (did) {
        case step::batch:
        case step::heartbeat:
            if (state_.should_move(env.now())) {
                from_.connections().drop_connections();
                disconnect();
            }
            if (did == step::batch || (batch.tail && batch.tail != tail_before)) {
                std::optional<read_batch> given(std::move(batch));
                co_return std::move(given);
            }
            break;
        case step::reconnect:
            // The caller's own deadline says nothing about the connection.
            if (env.now() < deadline)
                reconnect_later();
            disconnect();
            break;
        case step::done:
            end(std::nullopt);
            break;
        case step::failed:
            end(state_.failure());
            break;
        }
    }
    if (final_)
        co_return *final_;
    co_return std::optional<read_batch>();
}

net::task<step> read_session::connect(net::time_point deadline) {
    auto& env = from_.env();
    const auto request = state_.next_request(env.now());
    if (!request)
        co_return step::done;
    const auto until = std::min(deadline, net::saturating_add(env.now(), options_.connect_timeout));
    auto opened = co_await from_.open_session("GET", stream_, read_query(request->start, request->limits),
                                              false, until);
    if (!opened)
        co_return state_.on_failure(opened.error());
    opened_ = std::move(*opened);
    decoder_ = {};
    const auto did =
        co_await await_head(std::min(deadline, net::saturating_add(env.now(), options_.answer_timeout)));
    heard_at_ = env.now();
    co_return did;
}

// A heartbeat stands for "goes on": the head itself brings nothing.
net::task<step> read_session::await_head(net::time_point until) {
    const net::deadline_guard guard(from_.env(), until, *opened_.exchange);
    auto head = co_await opened_.exchange->response();
    if (!head)
        co_return state_.on_failure(
            error::from_transport(guard.outcome(head.error()), true, "opening the read session"));
    if (head->status == 200)
        co_return step::heartbeat;
    auto body = co_await net::read_body(*opened_.exchange, error_body_bytes_max);
    if (head->status == 401)
        from_.token().refresh();
    const net::error_code lost = body ? net::error_code() : guard.outcome(body.error());
    co_return state_.on_failure(error::from_answer(head->status, body, lost));
}

net::task<step> read_session::receive(read_batch& into, net::time_point deadline) {
    auto& env = from_.env();
    for (;;) {
        switch (decoder_.next(frame_)) {
        case frame_decoder::outcome::frame:
            retry_.succeeded();
            failing_since_.reset();
            co_return state_.on_frame(frame_, into, env.now());
        case frame_decoder::outcome::bad:
            co_return state_.on_bad_frame(decoder_.reason());
        case frame_decoder::outcome::need_more:
            break;
        }
        const auto silent_at = net::saturating_add(heard_at_, read_session_state::silence_max);
        const net::deadline_guard guard(env, std::min(deadline, silent_at), *opened_.exchange);
        const auto got = co_await opened_.exchange->read_some(net::asio::buffer(in_));
        if (got) {
            heard_at_ = env.now();
            decoder_.feed({in_.data(), *got});
            continue;
        }
        if (net::is_eof(got.error()))
            co_return state_.on_end_of_stream(!decoder_.empty());
        if (guard.expired() && silent_at <= deadline)
            from_.connections().drop_connections(); // nothing has come through it for too long
        co_return state_.on_failure(
            error::from_transport(guard.outcome(got.error()), true, "the read session"));
    }
}

void read_session::reconnect_later() {
    auto& env = from_.env();
    const auto& why = state_.failure();
    if (why && why->is_code("server_draining"))
        from_.connections().drop_connections();
    if (why && !failing_since_)
        failing_since_ = env.now();
    if (why && options_.give_up_after && env.now() - *failing_since_ >= *options_.give_up_after)
        return end(why);
    ++reconnects_;
    const auto asked_for = why && why->retry_after ? net::duration(*why->retry_after) : net::duration::zero();
    retry_at_ = retry_.next(env.now(), random_bits(env), asked_for);
}

// The exchange first: it may not outlive its connection.
void read_session::disconnect() noexcept {
    opened_.exchange.reset();
    opened_.connection.reset();
}

void read_session::end(std::optional<error> why) {
    disconnect();
    ended_ = true;
    final_ = std::move(why);
}

} // namespace s2
