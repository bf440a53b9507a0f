#include "s2/local/append_session.hpp"

#include "net/utf8.hpp"
#include "s2/local/drain_watch.hpp"
#include "s2/protobuf.hpp"

#include <array>

namespace s2::local {

server_append_session::server_append_session(const call& on, stream_handle stream, compression with)
    : on_(on)
    , stream_(std::move(stream))
    , with_(with)
    , epoch_(stream_->epoch)
    , changed_(on.in().env()) {}

net::task<void> server_append_session::run() {
    auto body = [this](net::task_group& group) -> net::task<void> {
        group.spawn([this] { return take_input(); });
        group.spawn([this] {
            return watch_drain(
                on_.face, [this] { advise_ = true; }, [this] { end_input(server_draining()); });
        });
        co_await answer();
    };
    co_await net::with_task_group(on_.in().env(), body);
}

void server_append_session::end_input(std::optional<failure> why) {
    if (input_ended_)
        return;
    input_ended_ = true;
    input_failed_ = std::move(why);
    changed_.notify();
}

net::task<void> server_append_session::take_input() {
    std::array<char, 64 * 1024> piece;
    while (!input_ended_) {
        const auto got = co_await on_.exchange.read_some(net::asio::buffer(piece));
        if (!got) {
            // A lost request aborts this task, so that what is left here is its orderly end.
            const bool whole = net::is_eof(got.error()) && decoder_.empty();
            end_input(whole ? std::nullopt : std::optional(bad_frame("bytes remaining on stream")));
            co_return;
        }
        decoder_.feed({piece.data(), *got});
        co_await take_frames();
    }
}

net::task<void> server_append_session::take_frames() {
    frame one;
    while (!input_ended_) {
        const auto decoded = decoder_.next(one);
        if (decoded == frame_decoder::outcome::need_more)
            co_return;
        if (decoded == frame_decoder::outcome::bad) {
            end_input(bad_frame(decoder_.reason()));
            co_return;
        }
        auto input = input_in(one);
        if (!input) {
            end_input(input.error());
            co_return;
        }
        while (tickets_.size() >= batches_max && !input_ended_)
            co_await changed_.wait();
        co_await on_.in().appends().room();
        if (input_ended_)
            co_return;
        tickets_.push_back(on_.in().appends().submit(stream_, epoch_, std::move(*input)));
        const bool poisoned = !tickets_.back()->accepted();
        changed_.notify();
        if (poisoned)
            end_input(std::nullopt); // the ticket holds the failure
    }
}

outcome<append_input> server_append_session::input_in(const frame& from) const {
    if (from.terminal)
        return bad_frame("Unexpected terminal frame as input");
    auto input = decode_append_input(from.payload);
    if (!input || (input->fencing_token && !net::valid_utf8(*input->fencing_token)))
        return bad_frame("failed to decode Protobuf message");
    if (const auto why = invalid_reason(*input))
        return invalid(*why);
    return std::move(*input);
}

net::task<void> server_append_session::answer() {
    std::string frames;
    while (true) {
        if (tickets_.empty()) {
            if (!input_ended_) {
                co_await changed_.wait();
                continue;
            }
            if (input_failed_) {
                encode_terminal_frame(input_failed_->status, input_failed_->body, frames);
                const bool written = co_await write(std::move(frames));
                if (!written)
                    co_return;
            }
            (void)co_await on_.exchange.finish();
            co_return;
        }
        append_ticket_ptr oldest = tickets_.front();
        const outcome<append_ack> ack = co_await on_.in().appends().settled(oldest);
        tickets_.pop_front();
        changed_.notify();
        if (!ack) {
            // Those behind it fail or are void; none of them is answered.
            end_input(std::nullopt);
            input_failed_ = ack.error();
            tickets_.clear();
            continue;
        }
        std::string payload;
        encode_append_ack(*ack, payload);
        encode_frame(payload, with_, frames, advise_);
        if (!tickets_.empty() && tickets_.front()->durable && frames.size() < write_bytes)
            continue;
        const bool written = co_await write(std::move(frames));
        if (!written)
            co_return;
        frames.clear();
    }
}

net::task<bool> server_append_session::write(std::string frames) {
    const net::asio::const_buffer whole(frames.data(), frames.size());
    const std::span<const net::asio::const_buffer> from(&whole, 1);
    const net::error_code failed = co_await on_.exchange.write(from);
    co_return !failed;
}

} // namespace s2::local
