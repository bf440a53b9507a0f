#pragma once
// Group commit. Accepted batches queue up in order; one transaction is under way at a time, and everything
// that queued meanwhile goes into the next, whatever its stream.
//
// Invariants:
// 1. Tickets of one stream settle in the order of submission.
// 2. When a transaction fails, every batch that rests on it (queued behind it in the same stream) fails with
//    it.
// 3. A refusal is told only when what it rests on is durable; if that is taken back, the refusal is too.
// 4. The queue is bounded: a submitter waits for room() first.

#include "s2/local/stream_entry.hpp"

namespace s2::local {

// One submitted batch and what became of it.
struct append_ticket {
    stream_handle stream;
    std::uint64_t epoch = 0;
    durable_batch batch; // accepted; null where it was refused
    bool durable = false;
    std::optional<failure> refused; // tell it once rests_on is durable
    std::uint64_t rests_on = 0;
    std::optional<failure> failed; // the transaction failed, or the stream is gone

    bool accepted() const { return batch && !failed; }
};

using append_ticket_ptr = std::shared_ptr<append_ticket>;

class commit_pump {
public:
    static constexpr std::uint64_t queue_bytes_max = 32 * 1024 * 1024;
    static constexpr std::uint64_t transaction_bytes_max = 16 * 1024 * 1024;

    commit_pump(net::environment& env, storage& into);

    // Until close() and the queue is empty.
    net::task<void> run();
    void close();

    bool has_room() const { return queued_bytes_ < queue_bytes_max && !closing_; }

    net::task<void> room();

    // Sequences at once; call it right after room(). `epoch`: the one the session began in.
    append_ticket_ptr submit(const stream_handle& stream, std::uint64_t epoch, append_input&& input);
    // Until the outcome may be told.
    net::task<outcome<append_ack>> settled(append_ticket_ptr ticket);

    // The stream is being deleted: what is queued fails, what is under way is settled by its transaction.
    void fail_queued(const stream_handle& stream, const failure& why);

    std::function<void(const stream_handle&, bool trimmed)> on_commit; // after each batch; for sweeps

private:
    struct transaction {
        std::vector<append_ticket_ptr> tickets;
        std::vector<const batch_row*> rows;
        std::vector<stream_change> changes;
    };

    transaction next_transaction();
    void settle_all(const transaction& done);
    void take_back(const transaction& failed, const storage_error& why);

    net::environment& env_;
    storage& storage_;
    std::deque<append_ticket_ptr> queue_;
    std::uint64_t queued_bytes_ = 0; // including what is under way
    net::condition work_;
    net::condition room_;
    bool closing_ = false;
};

} // namespace s2::local
