#include "s2/append_session.hpp"

namespace s2 {
namespace {

constexpr std::size_t read_chunk_bytes = 16 * 1024;
constexpr std::uint64_t error_body_bytes_max = 64 * 1024;

std::optional<std::string> invalid_batch(const batch& which, std::string_view fencing_token) {
    if (which.records == 0 || which.records > batch_records_max)
        return "a batch holds 1 to 1000 records, this one " + std::to_string(which.records);
    if (which.metered_bytes > batch_metered_bytes_max)
        return "a batch holds at most 1048576 metered bytes, this one " + std::to_string(which.metered_bytes);
    return invalid_fencing_token(fencing_token);
}

// What a deadline of the sending side's guards: the receiving side learns from it why the session ends.
struct sending {
    append_session& session;
    const char* doing;

    void reset() {
        session.abort(error::from_transport(net::make_error_code(net::error::timed_out), true, doing));
    }
};

} // namespace

append_session::append_session(client& from, open_exchange opened)
    : env_(from.env())
    , token_(from.token())
    , packing_(from.packing())
    , opened_(std::move(opened))
    , in_(read_chunk_bytes) {}

append_session::~append_session() = default;

net::task<result<std::unique_ptr<append_session>>> append_session::open(client& from, std::string stream,
                                                                        net::time_point deadline) {
    auto opened = co_await from.open_session("POST", std::move(stream), {}, true, deadline);
    if (!opened)
        co_return opened.error();
    co_return std::unique_ptr<append_session>(new append_session(from, std::move(*opened)));
}

net::task<result<void>> append_session::send(batch& next, std::string_view fencing_token,
                                             net::time_point deadline) {
    if (auto reason = invalid_batch(next, fencing_token))
        co_return error::from_invalid(std::move(*reason));
    if (auto refusal = not_sendable())
        co_return std::move(*refusal);
    if (packing_ == compression::none) {
        const auto pieces = frame_out_.lay_out(next.content->views(), next.match, fencing_token);
        next.whole_at = sent_bytes_ + net::asio::buffer_size(pieces);
        auto sent = co_await write(pieces, deadline);
        co_return sent;
    }
    std::string packed;
    const auto begin = begin_frame(packed);
    for (const auto& record : next.content->views())
        encode_record(record, packed);
    encode_conditions(next.match, fencing_token, packed);
    end_frame(packed, begin, packing_);
    next.whole_at = sent_bytes_ + packed.size();
    auto sent = co_await write_whole(std::move(packed), deadline);
    co_return sent;
}

net::task<result<void>> append_session::send(append_input input, net::time_point deadline) {
    if (auto reason = invalid_reason(input))
        co_return error::from_invalid(std::move(*reason));
    if (auto refusal = not_sendable())
        co_return std::move(*refusal);
    std::string packed;
    const auto begin = begin_frame(packed);
    encode_append_input(input, packed);
    end_frame(packed, begin, packing_);
    auto sent = co_await write_whole(std::move(packed), deadline);
    co_return sent;
}

std::optional<error> append_session::not_sendable() const {
    if (state_.can_send())
        return std::nullopt;
    if (state_.has_ended()) {
        const auto end = state_.ended();
        return end.failure ? *end.failure : error::from_invalid("the append session has ended");
    }
    if (state_.aborted())
        return error::from_invalid("the append session is being aborted");
    return error::from_invalid("the append session is half-closed");
}

net::task<result<void>> append_session::write_whole(std::string frame, net::time_point deadline) {
    const net::asio::const_buffer whole = net::asio::buffer(frame);
    auto sent = co_await write(std::span(&whole, 1), deadline);
    co_return sent;
}

net::task<result<void>> append_session::write(std::span<const net::asio::const_buffer> pieces,
                                              net::time_point deadline) {
    sent_bytes_ += net::asio::buffer_size(pieces);
    sending guarded{*this, "sending a batch"};
    const net::deadline_guard guard(env_, deadline, guarded);
    const auto ec = co_await opened_.exchange->write(pieces);
    co_return after_write(guard, ec, guarded.doing);
}

// A session that has ended meanwhile says why better than the write that its end has broken.
result<void> append_session::after_write(const net::deadline_guard& guard, net::error_code ec,
                                         const char* doing) const {
    if (!ec)
        return {};
    if (state_.has_ended() && state_.ended().failure)
        return *state_.ended().failure;
    return error::from_transport(guard.outcome(ec), true, doing);
}

net::task<result<void>> append_session::half_close(net::time_point deadline) {
    if (state_.half_closed())
        co_return result<void>();
    state_.half_closing();
    sending guarded{*this, "ending the append session"};
    const net::deadline_guard guard(env_, deadline, guarded);
    const auto ec = co_await opened_.exchange->finish();
    co_return after_write(guard, ec, guarded.doing);
}

net::task<append_event> append_session::next(net::time_point deadline) {
    if (state_.has_ended())
        co_return state_.ended();
    const net::deadline_guard guard(env_, deadline, *opened_.exchange);
    if (!head_received_) {
        auto refused = co_await await_head(guard);
        if (refused)
            co_return state_.on_failure(std::move(*refused));
    }
    for (;;) {
        switch (decoder_.next(frame_)) {
        case frame_decoder::outcome::frame: {
            auto event = state_.on_frame(frame_);
            if (event.what == append_event::kind::end)
                opened_.exchange->reset(); // nothing that may still come means anything
            co_return event;
        }
        case frame_decoder::outcome::bad:
            opened_.exchange->reset();
            co_return state_.on_bad_frame(decoder_.reason());
        case frame_decoder::outcome::need_more:
            break;
        }
        const auto got = co_await opened_.exchange->read_some(net::asio::buffer(in_));
        if (got) {
            decoder_.feed({in_.data(), *got});
            continue;
        }
        if (net::is_eof(got.error()))
            co_return state_.on_end_of_stream(!decoder_.empty());
        co_return state_.on_failure(
            error::from_transport(guard.outcome(got.error()), true, "the append session"));
    }
}

// The response's head; what it returns is why there is no session.
net::task<std::optional<error>> append_session::await_head(const net::deadline_guard& guard) {
    auto head = co_await opened_.exchange->response();
    if (!head) {
        // Before any answer: the server says so where it has processed nothing of the request.
        const bool processed = head.error() != net::make_error_code(net::error::refused_stream) &&
                               head.error() != net::make_error_code(net::error::going_away);
        co_return error::from_transport(guard.outcome(head.error()), processed, "opening the append session");
    }
    head_received_ = true;
    if (head->status == 200)
        co_return std::nullopt;
    auto body = co_await net::read_body(*opened_.exchange, error_body_bytes_max);
    if (head->status == 401)
        token_.refresh();
    const net::error_code lost = body ? net::error_code() : guard.outcome(body.error());
    opened_.exchange->reset();
    co_return error::from_answer(head->status, body, lost);
}

void append_session::abort(error why) {
    state_.aborting(std::move(why));
    opened_.exchange->reset();
}

} // namespace s2
