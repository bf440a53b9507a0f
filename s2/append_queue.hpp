#pragma once
// The batches that are out, oldest first, and the append session that they go through: what is sent next,
// which acknowledgement answers which batch. Every session sends them from the oldest on, each where it
// belongs.

#include "s2/batch.hpp"
#include "s2/reading.hpp"
#include "s2/types.hpp"
#include "s2/writer_action.hpp"

#include <deque>
#include <optional>
#include <string>

namespace s2 {

class append_queue {
public:
    explicit append_queue(record_judge& judge)
        : judge_(judge) {}

    // open, send, half_close or ready.
    writer_action::kind next() const;

    // Where the first batch belongs.
    void start_at(std::uint64_t position) { next_ = position; }

    void freeze(std::unique_ptr<batch_content> content);

    bool empty() const { return batches_.empty(); }

    const std::deque<batch>& batches() const { return batches_; }

    std::uint64_t metered_bytes() const { return metered_bytes_; }

    std::uint64_t next_seq_num() const { return next_; }

    bool ends_at(std::uint64_t position) const; // one of its batches does

    // --- the session
    void on_opened();
    batch& on_sending();  // the batch that goes out now
    void close_session(); // finish what has been sent, then a new session where there is more

    void on_half_closed() { session_ = session::draining; }

    void on_session_gone();

    bool session_open() const { return session_ != session::none; }

    bool session_takes_batches() const { return session_ == session::open; } // it is not being closed

    // Nothing: the oldest batch is durable, up to ack.end. Else how the server broke the rules.
    std::optional<std::string> on_ack(const append_ack& ack, std::uint64_t handed_over);

    // All that lies below is durable.
    void resolve_below(std::uint64_t position, proof how);

private:
    enum class session { none, open, closing, draining };

    std::optional<std::string> violation(const append_ack& ack, std::uint64_t handed_over) const;

    record_judge& judge_;
    session session_ = session::none;
    std::deque<batch> batches_;
    std::size_t sent_ = 0; // of batches_, in this session
    std::uint64_t metered_bytes_ = 0;
    std::uint64_t next_ = 0;
};

} // namespace s2
