#pragma once
// One append session (§4, §6.5) on an exchange. Batches are sequenced as they arrive and acked in order; any
// number may be in between, up to the store's queue and batches_max.
//
// Invariants:
// 1. Acks go out first in, first out, one per batch, each once its batch is durable.
// 2. The first failure, of a batch or of the input, is told behind the acks of everything before it, as the
//    terminal frame; nothing that arrives after it is applied.
// 3. The response ends without a terminal frame only after a clean end of the request with every batch acked.

#include "s2/local/reply.hpp"

#include <deque>

namespace s2::local {

class server_append_session {
public:
    static constexpr std::size_t batches_max = 8192;      // sequenced and not yet acked
    static constexpr std::size_t write_bytes = 64 * 1024; // acks that are ready go together up to here

    server_append_session(const call& on, stream_handle stream, compression with);
    net::task<void> run(); // the response's head has been sent

private:
    net::task<void> take_input();
    net::task<void> take_frames(); // those that the decoder holds
    net::task<void> answer();
    net::task<bool> write(std::string frames);
    void end_input(std::optional<failure> why);
    outcome<append_input> input_in(const frame& from) const;

    const call& on_;
    stream_handle stream_;
    compression with_;
    std::uint64_t epoch_;
    frame_decoder decoder_;
    std::deque<append_ticket_ptr> tickets_;
    net::condition changed_; // tickets, end of input
    bool input_ended_ = false;
    bool advise_ = false;                 // to reconnect
    std::optional<failure> input_failed_; // told when all tickets are
};

} // namespace s2::local
