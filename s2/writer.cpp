#include "s2/writer.hpp"

#include "net/assert.hpp"

#include <algorithm>
#include <limits>

namespace s2 {

writer::writer(writer_memory memory, std::string token, record_judge& judge)
    : memory_(std::move(memory))
    , judge_(judge)
    , fence_(std::move(token))
    , out_(judge) {
    NET_ASSERT(!fence_.token().empty() && fence_.token().size() <= fencing_token_bytes_max,
               "a fencing token has 1 to 36 bytes");
    if (memory_.claimed && !memory_.tokens.empty())
        fence_.expect(memory_.tokens.front());
    if (!memory_.claimed && memory_.empty_claim) {
        fence_.expect("");
        memory_.first_tail = 0;
        phase_ = phase::store_candidate;
    }
    // The set is bounded by forgetting the second oldest: the first is the one that was acknowledged.
    if (memory_.tokens.size() >= own_tokens_max)
        memory_.tokens.erase(memory_.tokens.begin() + 1);
    memory_.tokens.push_back(fence_.token());
}

writer_action writer::next() const {
    using kind = writer_action::kind;
    switch (phase_) {
    case phase::tail:
        return {kind::check_tail};
    case phase::store_candidate:
    case phase::store_claim:
        return {kind::store_memory};
    case phase::fence:
        return {kind::fence, fence_.match(), fence_.condition(), fence_.token()};
    case phase::create:
        return {kind::create_stream};
    case phase::read: {
        writer_action action{kind::read};
        action.from = reading_->from();
        action.to = reading_->to();
        return action;
    }
    case phase::lost:
        return {kind::lost};
    case phase::appending:
        break;
    }
    return {out_.next()};
}

// --- the claim

void writer::on_tail(std::uint64_t tail) {
    if (memory_.claimed && tail < memory_.durable)
        return lose("the stream is shorter than what it had acknowledged");
    fence_.aim_at(tail);
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

void writer::on_created() {
    fence_.aim_at(0);
    fence_.cannot_land();
    const bool stored = memory_.first_tail == 0u;
    memory_.first_tail = 0;
    phase_ = stored ? phase::fence : phase::store_candidate;
}

// Below it lies what stood there before anything of ours.
std::uint64_t writer::first_of_ours() const {
    return std::min(memory_.first_tail.value_or(fence_.position()), fence_.position());
}

void writer::on_fenced(std::uint64_t position) {
    fence_.stands_at(position);
    if (memory_.claimed)
        begin_read({reading::purpose::recover, memory_.durable, position});
    else
        begin_read(reading::below(first_of_ours()));
}

void writer::claim_complete() {
    memory_.tokens = {fence_.token()};
    memory_.claimed = true;
    memory_.first_tail.reset();
    memory_.empty_claim = false;
    memory_.durable = fence_.position() + 1;
    out_.start_at(memory_.durable);
    phase_ = phase::store_claim;
}

writer::pause writer::on_claim_failure(const error& failure, verdict what) {
    const bool missing = what == verdict::not_found || what == verdict::gone;
    if (missing && memory_.claimed) {
        lose("the stream is gone");
        return pause::none;
    }
    if (phase_ == phase::tail && what == verdict::not_found)
        on_tail(0); // the first append may create it
    else if (phase_ == phase::create && what == verdict::exists)
        on_created();
    else if (phase_ == phase::fence && what == verdict::not_found)
        phase_ = phase::create;
    else if (phase_ == phase::fence && what == verdict::condition_failed)
        return on_fence_mismatch(failure);
    else {
        if (phase_ == phase::fence && what != verdict::retry && what != verdict::gone)
            fence_.may_have_landed();
        return pause::back_off;
    }
    return pause::none;
}

writer::pause writer::on_fence_mismatch(const error& failure) {
    using answer = fence_claim::answer;
    switch (fence_.on_mismatch(failure, memory_)) {
    case answer::again:
        break;
    case answer::store:
        phase_ = phase::store_candidate;
        break;
    case answer::stands:
        on_fenced(fence_.match());
        break;
    case answer::look:
        begin_read({reading::purpose::find_fence, fence_.match(), fence_.match() + 1});
        break;
    case answer::shorter:
        lose("the stream is shorter than what it had acknowledged");
        break;
    case answer::foreign:
        fenced_out(*failure.fencing_token_mismatch);
        break;
    }
    return fence_.backs_off() ? pause::back_off : pause::none;
}

void writer::begin_read(reading range) {
    reading_ = range;
    phase_ = phase::read;
    if (range.empty())
        range_judged();
}

void writer::on_page(const std::vector<sequenced_record>& records) {
    NET_ASSERT(phase_ == phase::read, "a page of records comes only after a read");
    const auto verdict = reading_->on_page(records, memory_.tokens, judge_);
    const bool whole =
        verdict.what == read_verdict::kind::go_on || verdict.what == read_verdict::kind::judged;
    if (const auto position = reading_->judged_to(); whole && position) {
        memory_.claimed = true; // by the fence that was seen; which of the own tokens stands, a 412 says
        memory_.first_tail.reset();
        memory_.durable = std::max(memory_.durable, *position);
    }
    act_on(verdict);
}

void writer::act_on(const read_verdict& verdict) {
    switch (verdict.what) {
    case read_verdict::kind::go_on:
        break;
    case read_verdict::kind::judged:
        range_judged();
        break;
    case read_verdict::kind::fenced:
        on_fenced(fence_.match());
        break;
    case read_verdict::kind::taken: // so that copy of it can't land any more
        fence_.cannot_land();
        fence_.aim_at(fence_.match() + 1);
        phase_ = phase::fence;
        break;
    case read_verdict::kind::foreign:
        lose(verdict.why);
        break;
    }
}

void writer::range_judged() {
    switch (reading_->what()) {
    case reading::purpose::look_below:
        // Only now is anything judged, and with that remembered as claimed: an own fence may stand from a
        // claim that was cut off before it had looked below.
        return begin_read({reading::purpose::recover_first, first_of_ours(), fence_.position()});
    case reading::purpose::recover:
    case reading::purpose::recover_first:
        return claim_complete();
    case reading::purpose::compare:
        if (!out_.ends_at(reading_->to()))
            return lose("another writer's records stand among ours");
        phase_ = phase::appending;
        memory_.durable = std::max(memory_.durable, reading_->to());
        return out_.resolve_below(reading_->to(), proof::read_back);
    case reading::purpose::assess:
        return lose({});
    case reading::purpose::find_fence:
        NET_ASSERT(false, "one record says whether it is the fence");
    }
}

// --- appending

void writer::freeze(std::unique_ptr<batch_content> content) {
    NET_ASSERT(appending(), "no batch before the claim, nor while older ones are read back");
    out_.freeze(std::move(content));
}

std::optional<std::string> writer::on_ack(const append_ack& ack, std::uint64_t handed_over) {
    if (!appending())
        return "an ack without a batch";
    if (auto wrong = out_.on_ack(ack, handed_over))
        return wrong;
    memory_.durable = std::max(memory_.durable, ack.end.seq_num);
    return std::nullopt;
}

writer::pause writer::on_session_end() {
    out_.on_session_gone();
    return out_.empty() ? pause::none : pause::back_off;
}

writer::pause writer::on_append_failure(const error& failure, verdict what) {
    if (what == verdict::condition_failed)
        return on_batch_mismatch(failure);
    if (what != verdict::not_found && what != verdict::gone)
        return pause::back_off;
    lose("the stream is gone");
    return pause::none;
}

writer::pause writer::on_batch_mismatch(const error& failure) {
    if (failure.fencing_token_mismatch) {
        fenced_out(*failure.fencing_token_mismatch);
        return pause::none;
    }
    if (out_.empty() || !failure.seq_num_mismatch)
        return pause::back_off;
    const std::uint64_t tail = *failure.seq_num_mismatch;
    const std::uint64_t oldest = out_.batches().front().match;
    if (tail == oldest)
        return pause::back_off; // contradicts itself; the resend asks again
    if (tail < oldest)
        lose("the stream is shorter than what it had acknowledged");
    else
        begin_read({reading::purpose::compare, oldest, tail});
    return pause::none;
}

writer::pause writer::on_failure(const error& failure) {
    const verdict what = classify(failure);
    if (phase_ == phase::lost)
        return pause::none;
    if (phase_ == phase::appending)
        out_.on_session_gone();
    if (what == verdict::cancelled)
        return pause::cancelled;
    if (what == verdict::park_sink)
        return pause::park_sink;
    if (what == verdict::park_stream)
        return pause::park_stream;
    if (phase_ == phase::appending)
        return on_append_failure(failure, what);
    if (phase_ != phase::read)
        return on_claim_failure(failure, what);
    if (what != verdict::not_found && what != verdict::gone && what != verdict::range)
        return pause::back_off;
    act_on(reading_->on_gone(what == verdict::range));
    return pause::none;
}

// What of ours landed before the other writer came: of the unresolved batches, or (fenced out before the
// claim) of what an earlier incarnation sent? The judge learns it; then the stream is lost.
void writer::fenced_out(const std::string& token) {
    std::string reason =
        token.empty() ? "its fencing token has been cleared" : "another writer has fenced it";
    if (out_.empty() && !memory_.claimed)
        return lose(std::move(reason));
    const std::uint64_t from = out_.empty() ? memory_.durable : out_.batches().front().match;
    lost_reason_ = std::move(reason);
    begin_read({reading::purpose::assess, from, std::numeric_limits<std::uint64_t>::max()});
}

// Why it is lost is what was found first.
void writer::lose(std::string reason) {
    if (lost_reason_.empty())
        lost_reason_ = std::move(reason);
    phase_ = phase::lost;
    out_.on_session_gone();
}

} // namespace s2
