#include "s2/writer.hpp"

#include "net/assert.hpp"

#include <algorithm>
#include <limits>

namespace s2 {
namespace {

constexpr std::uint64_t inspect_step = 100;     // records looked at per step back, for the newest that is no command
constexpr std::uint32_t fence_tries_at_once = 8; // then the claim backs off like any failure

} // namespace

writer::writer(writer_memory memory, std::string token, record_judge& judge)
    : memory_(std::move(memory))
    , token_(std::move(token))
    , judge_(judge) {
    NET_ASSERT(!token_.empty() && token_.size() <= fencing_token_bytes_max, "a fencing token has 1 to 36 bytes");
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
        else if (session_ == session::open && sent_ < batches_.size()) {
            action.what = kind::send;
            action.index = sent_;
        } else if (session_ == session::closing)
            action.what = kind::half_close;
        break;
    }
    return action;
}

// --- claiming

void writer::on_tail(std::uint64_t tail) {
    if (memory_.claimed && tail < memory_.durable)
        return lose("the stream is shorter than what it had acknowledged");
    match_ = tail;
    if (!memory_.claimed && !memory_.first_tail)
        memory_.first_tail = tail;
    phase_ = phase::store_candidate;
}

void writer::on_stored() {
    if (phase_ == phase::store_candidate)
        phase_ = phase::fence;
    else if (phase_ == phase::store_claim)
        phase_ = phase::appending;
}

void writer::on_fenced(std::uint64_t position) { fence_stands(position); }

void writer::on_created() {
    match_ = 0;
    fence_ambiguous_ = false;
    if (memory_.first_tail != 0u) {
        memory_.first_tail = 0;
        phase_ = phase::store_candidate;
    } else {
        phase_ = phase::fence;
    }
}

void writer::fence_stands(std::uint64_t position) {
    fence_ = position;
    fence_ambiguous_ = false;
    own_fence_seen_ = false;
    older_gone_ = false;
    newest_.reset();
    if (memory_.claimed) {
        if (memory_.durable < fence_)
            return begin_read(phase::recover, memory_.durable, fence_);
        return claim_complete();
    }
    const std::uint64_t first = std::min(memory_.first_tail.value_or(fence_), fence_);
    if (first < fence_)
        return begin_read(phase::recover_first, first, fence_);
    inspect_below(fence_);
}

// Steps back until a record that is no command has been seen, or the stream's beginning.
void writer::inspect_below(std::uint64_t end) {
    if (end == 0)
        return claim_complete();
    begin_read(phase::inspect, end - std::min(end, inspect_step), end);
}

void writer::claim_complete() {
    memory_.tokens = {token_};
    memory_.claimed = true;
    memory_.first_tail.reset();
    memory_.empty_claim = false;
    memory_.durable = fence_ + 1;
    next_ = memory_.durable;
    phase_ = phase::store_claim;
}

bool writer::own_token(const std::string& token) const {
    return std::find(memory_.tokens.begin(), memory_.tokens.end(), token) != memory_.tokens.end();
}

writer::pause writer::on_claim_failure(const error& failure, verdict what) {
    const bool missing = what == verdict::not_found || what == verdict::gone;
    if (missing && memory_.claimed) {
        lose("the stream is gone");
        return pause::none;
    }
    switch (phase_) {
    case phase::tail:
        if (what == verdict::not_found) {
            on_tail(0); // the first append may create it
            return pause::none;
        }
        return pause::back_off;
    case phase::create:
        if (what == verdict::exists) {
            on_created();
            return pause::none;
        }
        return pause::back_off;
    case phase::fence:
        if (what == verdict::not_found) {
            phase_ = phase::create;
            return pause::none;
        }
        if (what == verdict::condition_failed)
            return on_fence_mismatch(failure);
        if (what != verdict::retry && what != verdict::gone)
            fence_ambiguous_ = true;
        return pause::back_off;
    default:
        return pause::back_off;
    }
}

writer::pause writer::on_fence_mismatch(const error& failure) {
    const pause after = ++fence_tries_ % fence_tries_at_once == 0 ? pause::back_off : pause::none;
    if (failure.fencing_token_mismatch) {
        const std::string& stands = *failure.fencing_token_mismatch;
        if (stands == token_ && fence_ambiguous_)
            fence_stands(match_);
        else if (stands != token_ && own_token(stands))
            condition_ = stands;
        else
            lose(stands.empty() ? "its fencing token has been cleared" : "another writer has fenced it");
        return after;
    }
    const std::uint64_t tail = failure.seq_num_mismatch.value_or(match_);
    if (memory_.claimed && tail < memory_.durable) {
        lose("the stream is shorter than what it had acknowledged");
        return after;
    }
    if (fence_ambiguous_ && tail > match_) {
        begin_read(phase::find_fence, match_, match_ + 1);
        return after;
    }
    if (memory_.first_tail && tail < *memory_.first_tail) {
        memory_.first_tail = tail; // deleted and created again under us: nothing below is of the first attempt
        phase_ = phase::store_candidate;
    }
    match_ = tail;
    return after;
}

// --- reading what stands there

bool writer::reading() const { return next().what == writer_action::kind::read; }

void writer::begin_read(phase why, std::uint64_t from, std::uint64_t to) {
    phase_ = why;
    read_from_ = from;
    read_to_ = to;
    if (from >= to)
        finish_read();
}

// One record of the range in its order. False: the range needs no further reading, the verdict is made.
bool writer::judge_next(const sequenced_record& record) {
    if (phase_ == phase::find_fence) {
        if (fence_of(record) == token_)
            fence_stands(record.seq_num);
        else {
            fence_ambiguous_ = false; // its place is taken; that copy can't land any more
            match_ = record.seq_num + 1;
            phase_ = phase::fence;
        }
        return false;
    }
    if (is_command(record)) {
        const auto fenced = fence_of(record);
        if (!fenced)
            return true; // a trim
        if (own_token(*fenced)) {
            own_fence_seen_ = true;
            return true;
        }
        if (phase_ == phase::inspect || (phase_ == phase::recover_first && !own_fence_seen_))
            return true;
        lose("another writer has fenced it");
        return false;
    }
    newest_ = record;
    if (phase_ == phase::inspect || (phase_ == phase::recover_first && !own_fence_seen_))
        return true;
    if (judge_.is_ours(record))
        return true;
    lose("another writer's record stands at " + std::to_string(record.seq_num));
    return false;
}

bool writer::on_page(const std::vector<sequenced_record>& records) {
    NET_ASSERT(reading(), "a page of records comes only after a read");
    const bool gap = records.empty() || records.front().seq_num != read_from_;
    older_gone_ = older_gone_ || gap;
    if (gap && phase_ == phase::assess) {
        lose(lost_reason_);
        return false;
    }
    if (gap && phase_ != phase::inspect) {
        lose("records that had to be read are gone (trimmed or expired)");
        return false;
    }
    for (const auto& record : records) {
        if (record.seq_num >= read_to_)
            break;
        if (!judge_next(record))
            return false;
        read_from_ = record.seq_num + 1;
    }
    if (records.empty() || records.back().seq_num + 1 >= read_to_) {
        finish_read();
        return false;
    }
    return true;
}

void writer::finish_read() {
    switch (phase_) {
    case phase::recover:
        return claim_complete();
    case phase::recover_first:
        if (own_fence_seen_)
            return claim_complete();
        if (!newest_)
            return inspect_below(memory_.first_tail.value_or(0));
        [[fallthrough]];
    case phase::inspect:
        if (newest_ && judge_.shows_another_writer(*newest_))
            return lose("another writer has written this session there");
        if (newest_ || older_gone_)
            return claim_complete();
        return inspect_below(read_to_ - std::min(read_to_, inspect_step));
    case phase::compare: {
        const bool at_an_end = std::any_of(batches_.begin(), batches_.end(),
                                           [&](const frozen_batch& batch) { return batch.end() == read_to_; });
        if (!at_an_end)
            return lose("another writer's records stand among ours");
        resolve_below(read_to_);
        phase_ = phase::appending;
        return;
    }
    case phase::assess:
        return lose(lost_reason_);
    default:
        NET_ASSERT(false, "only a reading phase can finish a read");
    }
}

writer::pause writer::on_read_failure(verdict what) {
    const bool gone = what == verdict::not_found || what == verdict::gone || what == verdict::range;
    if (!gone)
        return pause::back_off;
    if (phase_ == phase::inspect && what == verdict::range) {
        claim_complete(); // trimmed away: nothing there shows another writer
    } else {
        lose(phase_ == phase::assess ? lost_reason_ : "records that had to be read are gone");
    }
    return pause::none;
}

// --- appending

void writer::freeze(std::uint64_t records, std::uint64_t metered_bytes) {
    NET_ASSERT(claimed(), "no batch before the stream is claimed");
    NET_ASSERT(records > 0 && records <= batch_records_max, "a batch holds 1 to 1000 records");
    batches_.push_back({next_, records, metered_bytes});
    next_ += records;
    in_flight_bytes_ += metered_bytes;
}

void writer::on_opened() {
    session_ = session::open;
    sent_ = 0;
}

void writer::on_sent() { ++sent_; }

void writer::on_half_closed() { session_ = session::draining; }

void writer::on_reconnect_advised() { close_session(); }

void writer::close_session() {
    if (session_ == session::open)
        session_ = session::closing;
}

bool writer::on_ack(const append_ack& ack) {
    if (phase_ != phase::appending || batches_.empty() || sent_ == 0)
        return false;
    const frozen_batch& oldest = batches_.front();
    if (ack.start.seq_num != oldest.match || ack.end.seq_num != oldest.end())
        return false;
    --sent_;
    resolve_below(oldest.end());
    return true;
}

void writer::resolve_below(std::uint64_t position) {
    while (!batches_.empty() && batches_.front().end() <= position) {
        in_flight_bytes_ -= batches_.front().metered_bytes;
        batches_.pop_front();
        ++resolved_;
    }
    memory_.durable = std::max(memory_.durable, position);
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

// Which of the unresolved batches landed before the other writer came? The judge learns it; then the stream is lost.
void writer::assess_then_lose(std::string reason) {
    if (batches_.empty())
        return lose(std::move(reason));
    lost_reason_ = std::move(reason);
    begin_read(phase::assess, batches_.front().match, std::numeric_limits<std::uint64_t>::max());
}

void writer::lose(std::string reason) {
    if (phase_ == phase::assess)
        reason = std::move(lost_reason_);
    lost_reason_ = std::move(reason);
    phase_ = phase::lost;
    session_gone();
}

} // namespace s2
