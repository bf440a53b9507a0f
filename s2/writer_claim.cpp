// The claim of a stream: candidate stored, fence sent, and what each failure on the way means.
#include "s2/writer.hpp"

#include <algorithm>

namespace s2 {
namespace {

constexpr std::uint32_t fence_tries_at_once = 8; // then the claim backs off like any failure

} // namespace

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

void writer::on_fenced(std::uint64_t position) {
    fence_stands(position);
}

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
    older_gone_ = false;
    older_seen_ = false;
    if (memory_.claimed) {
        if (memory_.durable < fence_)
            return begin_read(phase::recover, memory_.durable, fence_);
        return claim_complete();
    }
    inspect_below(std::min(memory_.first_tail.value_or(fence_), fence_));
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
            assess_then_lose(stands.empty() ? "its fencing token has been cleared"
                                            : "another writer has fenced it");
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
        memory_.first_tail =
            tail; // deleted and created again under us: nothing below is of the first attempt
        phase_ = phase::store_candidate;
    }
    match_ = tail;
    return after;
}

} // namespace s2
