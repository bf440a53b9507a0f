#include "agent/ring/hold.hpp"

#include "agent/ring/chain.hpp"

#include <algorithm>

namespace agent {

ring_hold::ring_hold(ring_chain& of, seq_t first, seq_t last)
    : chain_(of)
    , first_(first)
    , last_(last) {
    chain_.enter(*this);
    pin_present();
}

ring_hold::~ring_hold() {
    chain_.leave(*this);
    chain_.may_free();
}

void ring_hold::shrink_from(seq_t first) {
    if (first <= first_)
        return;
    first_ = first;
    const auto let_go = [this](const pinned& one) {
        const auto next = chain_.index_behind(one.segment->first_seq());
        return first_ > last_ || chain_.last_of(next - 1) < first_;
    };
    if (std::erase_if(pins_, let_go) > 0 || first_ > last_)
        chain_.may_free();
}

void ring_hold::extend_to(seq_t last) {
    if (last <= last_)
        return;
    last_ = last;
    if (last > pinned_to_)
        pin_present();
}

// A segment that can't be mapped stays held all the same: its reader will try again.
void ring_hold::pin_present() {
    if (first_ > last_)
        return;
    const std::size_t end = chain_.index_behind(last_);
    std::size_t index = chain_.index_behind(first_);
    index = index > 0 ? index - 1 : 0;
    bool all = true;
    for (; index < end; ++index) {
        const auto& segment = chain_.at(index);
        const bool pinned_already = std::any_of(pins_.begin(), pins_.end(),
                                                [&](const pinned& one) { return one.segment == segment; });
        // In its own range: the one before a hole may be another's, and go while this one still holds.
        const bool in_range = chain_.last_of(index) >= first_;
        if (!pinned_already && in_range) {
            auto mapping = segment->pin();
            all = all && mapping;
            if (mapping)
                pins_.push_back({segment, std::move(*mapping)});
        }
        if (all)
            pinned_to_ = chain_.last_of(index);
    }
}

} // namespace agent
