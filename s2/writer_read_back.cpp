// Reading what stands in the stream and judging it, record by record: after the fence and after a 412.
#include "net/assert.hpp"
#include "s2/writer.hpp"

#include <algorithm>

namespace s2 {
namespace {

constexpr std::uint64_t inspect_step = 100; // records looked at per step back

} // namespace

bool writer::reading() const {
    return next().what == writer_action::kind::read;
}

void writer::begin_read(phase why, std::uint64_t from, std::uint64_t to) {
    phase_ = why;
    read_from_ = from;
    read_to_ = to;
    if (from >= to)
        finish_read();
}

// Steps back until a record has been seen that is older than all that is ours, or the stream's beginning. The
// newest envelope is not enough: a copy may have written other sessions behind those that it shares with us.
void writer::inspect_below(std::uint64_t end) {
    if (end == 0)
        return inspected();
    begin_read(phase::inspect, end - std::min(end, inspect_step), end);
}

// Only now is anything judged, and with that remembered as claimed: an own fence may stand from a claim that
// was cut off before it had looked below.
void writer::inspected() {
    own_fence_seen_ = false;
    begin_read(phase::recover_first, std::min(memory_.first_tail.value_or(fence_), fence_), fence_);
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
    if (is_command(record) && phase_ == phase::compare) {
        // Batches hold none: not even a fence under our token is ours here, but that of a copy of this agent.
        lose("another writer's command stands at " + std::to_string(record.seq_num));
        return false;
    }
    const bool before_ours = phase_ == phase::inspect || (phase_ == phase::recover_first && !own_fence_seen_);
    if (is_command(record)) {
        const auto fenced = fence_of(record);
        if (!fenced)
            return true; // a trim
        if (own_token(*fenced)) {
            own_fence_seen_ = true;
            return true;
        }
        if (before_ours)
            return true;
        lose("another writer has fenced it");
        return false;
    }
    if (before_ours) {
        older_seen_ = older_seen_ || judge_.predates_ours(record);
        if (!judge_.shows_another_writer(record))
            return true;
        lose("another writer has written this session there");
        return false;
    }
    if (judge_.is_ours(record))
        return true;
    lose("another writer's record stands at " + std::to_string(record.seq_num));
    return false;
}

// The judge has counted what is ours so far, and its owner stores that after each page: the position goes
// along, so that one who is killed between two pages goes on at the next record, and does not take ours for
// another's.
void writer::judged_to(std::uint64_t position) {
    const bool first = phase_ == phase::recover_first && own_fence_seen_;
    if (!first && phase_ != phase::recover && phase_ != phase::compare)
        return;
    memory_.claimed = true; // by the fence that was seen; which of the own tokens stands, a 412 says
    memory_.first_tail.reset();
    memory_.durable = std::max(memory_.durable, position);
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
    judged_to(read_from_);
    if (records.empty() || records.back().seq_num + 1 >= read_to_) {
        finish_read();
        return false;
    }
    return true;
}

void writer::finish_read() {
    switch (phase_) {
    case phase::recover:
    case phase::recover_first:
        return claim_complete();
    case phase::inspect:
        if (older_seen_ || older_gone_)
            return inspected();
        return inspect_below(read_to_ - std::min(read_to_, inspect_step));
    case phase::compare: {
        const bool at_an_end = std::any_of(batches_.begin(), batches_.end(),
                                           [&](const batch& each) { return each.end() == read_to_; });
        if (!at_an_end)
            return lose("another writer's records stand among ours");
        resolve_below(read_to_, proof::read_back);
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
        inspected(); // trimmed away: nothing there shows another writer
    } else {
        lose(phase_ == phase::assess ? lost_reason_ : "records that had to be read are gone");
    }
    return pause::none;
}

} // namespace s2
