#include "agent/delivery/owed_streams.hpp"

#include <algorithm>

namespace agent {

owed_streams::owed_streams(const ring& journal, session_table& sessions, delivery_table& deliveries)
    : journal_(journal)
    , sessions_(sessions)
    , deliveries_(deliveries) {
    for (const auto& each : deliveries_.all())
        stream_added(*each);
    for (const auto& session : sessions_.all())
        session_changed(session);
    sessions_.set_listener(this);
    deliveries_.set_listener(this);
}

owed_streams::~owed_streams() {
    sessions_.set_listener(nullptr);
    deliveries_.set_listener(nullptr);
}

void owed_streams::stream_added(const entry& added) {
    if (by_slot_.size() <= added.slot)
        by_slot_.resize(added.slot + 1, nullptr);
    by_slot_[added.slot] = deliveries_.find(added.state.at, added.state.stream);
    index_.stream_added(added.slot, added.state.at, added.state.stream, added.state.durable_seq);
}

void owed_streams::stream_changed(const entry& changed) {
    index_.durable_moved(changed.slot, changed.state.durable_seq);
}

void owed_streams::stream_gone(const entry& gone) {
    by_slot_[gone.slot] = nullptr;
    index_.stream_gone(gone.slot);
}

std::vector<owed_streams::entry*> owed_streams::unsettled() const {
    std::vector<entry*> found;
    for (const auto slot : index_.may_owe())
        if (auto* each = by_slot_[slot]; is_active(each->state) || owes(*each))
            found.push_back(each);
    return found;
}

bool owed_streams::is_active(const delivery_state& state) const {
    const auto* session = sessions_.active();
    return session && !session->parts.empty() && session->parts.back().stream == state.stream &&
           session->parts.back().at == state.at;
}

bool owed_streams::owes(const session_record& session) const {
    return session.active ||
           std::any_of(session.parts.begin(), session.parts.end(), [this](const auto& part) {
               const auto stream = index_.find(part.at, part.stream);
               return stream && index_.owes(*stream, journal_.last_seq());
           });
}

bool owed_streams::owes_in(const session_record& session, const session_span& span) const {
    const seq_range within{span.from_seq, std::min(span.to_seq, journal_.last_seq())};
    return std::any_of(session.parts.begin(), session.parts.end(), [&](const auto& part) {
        const auto stream = index_.find(part.at, part.stream);
        return stream && index_.owes_within(*stream, within);
    });
}

bool owed_streams::owed(seq_t first, seq_t last) const {
    return index_.owes_within({first, std::min(last, journal_.last_seq())});
}

seq_t owed_streams::durable_seq() const {
    const auto first = index_.first_owed(journal_.last_seq());
    return first ? *first - 1 : journal_.last_seq();
}

} // namespace agent
