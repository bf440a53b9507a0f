#include "s2/append_queue.hpp"

#include "net/assert.hpp"

#include <algorithm>

namespace s2 {

writer_action::kind append_queue::next() const {
    using kind = writer_action::kind;
    if (session_ == session::none && !batches_.empty())
        return kind::open;
    if (session_ == session::open && sent_ < batches_.size())
        return kind::send;
    return session_ == session::closing ? kind::half_close : kind::ready;
}

void append_queue::freeze(std::unique_ptr<batch_content> content) {
    batch next;
    next.match = next_;
    next.records = content->views().size();
    next.metered_bytes = content->metered_size();
    next.content = std::move(content);
    NET_ASSERT(next.records > 0 && next.records <= batch_records_max, "a batch holds 1 to 1000 records");
    next_ = next.end();
    metered_bytes_ += next.metered_bytes;
    batches_.push_back(std::move(next));
}

bool append_queue::ends_at(std::uint64_t position) const {
    return std::any_of(batches_.begin(), batches_.end(),
                       [position](const batch& each) { return each.end() == position; });
}

void append_queue::on_opened() {
    session_ = session::open;
    sent_ = 0;
}

batch& append_queue::on_sending() {
    NET_ASSERT(next() == writer_action::kind::send, "a batch is sent when it is its turn");
    return batches_[sent_++];
}

void append_queue::close_session() {
    if (session_ == session::open)
        session_ = session::closing;
}

void append_queue::on_session_gone() {
    session_ = session::none;
    sent_ = 0;
}

std::optional<std::string> append_queue::violation(const append_ack& ack, std::uint64_t handed_over) const {
    if (sent_ == 0)
        return "an ack without a batch";
    const batch& oldest = batches_.front();
    if (handed_over < oldest.whole_at)
        return "an ack for a batch that has not been sent whole";
    const std::uint64_t records = ack.end.seq_num - ack.start.seq_num;
    if (records != oldest.records)
        return "an ack of " + std::to_string(records) + " records for a batch of " +
               std::to_string(oldest.records);
    if (ack.start.seq_num != oldest.match)
        return "an ack at " + std::to_string(ack.start.seq_num) + " for a batch that must be at " +
               std::to_string(oldest.match);
    return std::nullopt;
}

std::optional<std::string> append_queue::on_ack(const append_ack& ack, std::uint64_t handed_over) {
    if (auto wrong = violation(ack, handed_over))
        return wrong;
    --sent_;
    resolve_below(batches_.front().end(), proof::acknowledged);
    return std::nullopt;
}

void append_queue::resolve_below(std::uint64_t position, proof how) {
    while (!batches_.empty() && batches_.front().end() <= position) {
        auto content = std::move(batches_.front().content);
        metered_bytes_ -= batches_.front().metered_bytes;
        batches_.pop_front();
        judge_.on_durable(std::move(content), how);
    }
}

} // namespace s2
