#include "s2/writer.hpp"

#include "net/assert.hpp"

#include <algorithm>
#include <limits>

namespace s2 {

writer::writer(writer_memory memory, std::string token, record_judge& judge)
    : memory_(std::move(memory))
    , token_(std::move(token))
    , judge_(judge) {
    NET_ASSERT(!token_.empty() && token_.size() <= fencing_token_bytes_max,
               "a fencing token has 1 to 36 bytes");
    if (memory_.claimed && !memory_.tokens.empty())
        condition_ = memory_.tokens.front();
    if (!memory_.claimed && memory_.empty_claim) {
        condition_ = "";
        memory_.first_tail = 0;
    }
    // The set is bounded by forgetting the second oldest: the first is the one that was acknowledged.
    if (memory_.tokens.size() >= own_tokens_max)
        memory_.tokens.erase(memory_.tokens.begin() + 1);
    memory_.tokens.push_back(token_);
    if (!memory_.claimed && memory_.empty_claim)
        phase_ = phase::store_candidate;
}

writer_action writer::next() const {
    using kind = writer_action::kind;
    writer_action action;
    switch (phase_) {
    case phase::tail:
        action.what = kind::check_tail;
        break;
    case phase::store_candidate:
    case phase::store_claim:
        action.what = kind::store_memory;
        break;
    case phase::fence:
        action.what = kind::fence;
        action.match = match_;
        action.condition = condition_;
        action.token = token_;
        break;
    case phase::create:
        action.what = kind::create_stream;
        break;
    case phase::find_fence:
    case phase::recover:
    case phase::recover_first:
    case phase::inspect:
    case phase::compare:
    case phase::assess:
        action.what = kind::read;
        action.from = read_from_;
        action.to = read_to_;
        break;
    case phase::lost:
        action.what = kind::lost;
        break;
    case phase::appending:
        if (session_ == session::none && !batches_.empty())
            action.what = kind::open;
        else if (session_ == session::open && sent_ < batches_.size())
            action.what = kind::send;
        else if (session_ == session::closing)
            action.what = kind::half_close;
        break;
    }
    return action;
}

// --- appending

void writer::freeze(std::unique_ptr<batch_content> content) {
    NET_ASSERT(appending(), "no batch before the claim, nor while older ones are read back");
    batch next;
    next.match = next_;
    next.records = content->views().size();
    next.metered_bytes = content->metered_size();
    next.content = std::move(content);
    NET_ASSERT(next.records > 0 && next.records <= batch_records_max, "a batch holds 1 to 1000 records");
    next_ = next.end();
    in_flight_bytes_ += next.metered_bytes;
    batches_.push_back(std::move(next));
}

void writer::on_opened() {
    session_ = session::open;
    sent_ = 0;
}

batch& writer::on_sending() {
    NET_ASSERT(next().what == writer_action::kind::send, "a batch is sent when it is its turn");
    return batches_[sent_++];
}

void writer::on_half_closed() {
    session_ = session::draining;
}

void writer::on_reconnect_advised() {
    close_session();
}

void writer::close_session() {
    if (session_ == session::open)
        session_ = session::closing;
}

std::optional<std::string> writer::violation(const append_ack& ack, std::uint64_t handed_over) const {
    if (phase_ != phase::appending || sent_ == 0)
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

std::optional<std::string> writer::on_ack(const append_ack& ack, std::uint64_t handed_over) {
    if (auto wrong = violation(ack, handed_over))
        return wrong;
    --sent_;
    resolve_below(batches_.front().end(), proof::acknowledged);
    return std::nullopt;
}

void writer::resolve_below(std::uint64_t position, proof how) {
    memory_.durable = std::max(memory_.durable, position);
    while (!batches_.empty() && batches_.front().end() <= position) {
        auto content = std::move(batches_.front().content);
        in_flight_bytes_ -= batches_.front().metered_bytes;
        batches_.pop_front();
        judge_.on_durable(std::move(content), how);
    }
}

void writer::session_gone() {
    session_ = session::none;
    sent_ = 0;
}

writer::pause writer::on_session_end() {
    session_gone();
    return batches_.empty() ? pause::none : pause::back_off;
}

writer::pause writer::on_append_failure(const error& failure, verdict what) {
    switch (what) {
    case verdict::condition_failed:
        return on_batch_mismatch(failure);
    case verdict::not_found:
    case verdict::gone:
        lose("the stream is gone");
        return pause::none;
    default:
        return pause::back_off;
    }
}

writer::pause writer::on_batch_mismatch(const error& failure) {
    if (failure.fencing_token_mismatch) {
        const bool cleared = failure.fencing_token_mismatch->empty();
        assess_then_lose(cleared ? "its fencing token has been cleared" : "another writer has fenced it");
        return pause::none;
    }
    if (batches_.empty() || !failure.seq_num_mismatch)
        return pause::back_off;
    const std::uint64_t tail = *failure.seq_num_mismatch;
    const std::uint64_t oldest = batches_.front().match;
    if (tail < oldest) {
        lose("the stream is shorter than what it had acknowledged");
        return pause::none;
    }
    if (tail == oldest)
        return pause::back_off; // contradicts itself; the resend asks again
    begin_read(phase::compare, oldest, tail);
    return pause::none;
}

// --- endings

writer::pause writer::on_failure(const error& failure) {
    const verdict what = classify(failure);
    if (phase_ == phase::lost)
        return pause::none;
    if (phase_ == phase::appending)
        session_gone();
    if (what == verdict::cancelled)
        return pause::cancelled;
    if (what == verdict::park_sink || what == verdict::park_stream) {
        if (phase_ == phase::fence)
            fence_ambiguous_ = fence_ambiguous_ || failure.what == error::kind::transport;
        return what == verdict::park_sink ? pause::park_sink : pause::park_stream;
    }
    if (phase_ == phase::appending)
        return on_append_failure(failure, what);
    if (reading())
        return on_read_failure(what);
    return on_claim_failure(failure, what);
}

// What of ours landed before the other writer came: of the unresolved batches, or (fenced out before the
// claim) of what an earlier incarnation sent? The judge learns it; then the stream is lost.
void writer::assess_then_lose(std::string reason) {
    if (batches_.empty() && !memory_.claimed)
        return lose(std::move(reason));
    const std::uint64_t from = batches_.empty() ? memory_.durable : batches_.front().match;
    lost_reason_ = std::move(reason);
    begin_read(phase::assess, from, std::numeric_limits<std::uint64_t>::max());
}

void writer::lose(std::string reason) {
    if (phase_ == phase::assess)
        reason = std::move(lost_reason_);
    lost_reason_ = std::move(reason);
    phase_ = phase::lost;
    session_gone();
}

} // namespace s2
