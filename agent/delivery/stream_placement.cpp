#include "agent/delivery/stream_placement.hpp"

#include "agent/config/continuation_name.hpp"
#include "agent/event/system_events.hpp"
#include "net/assert.hpp"

#include <algorithm>
#include <utility>

namespace agent {

stream_placement::stream_placement(net::environment& env, session_table& sessions, delivery_table& deliveries,
                                   const owed_streams& owed, placement_options options)
    : env_(env)
    , sessions_(sessions)
    , deliveries_(deliveries)
    , owed_(owed)
    , options_(std::move(options)) {}

void stream_placement::connect(stream_use use, announce_function announce) {
    use_ = std::move(use);
    announce_ = std::move(announce);
}

std::string stream_placement::stream_for(std::string_view session_id) const {
    constexpr std::string_view variable = "{capture_session_id}";
    std::string name = options_.stream_template;
    for (auto at = name.find(variable); at != std::string::npos;
         at = name.find(variable, at + session_id.size()))
        name.replace(at, variable.size(), session_id);
    return name;
}

bool stream_placement::gives_way(const delivery_table::entry& entry) const {
    return !owed_.is_active(entry.state) && !use_.written(entry) && !owed_.owes(entry);
}

// A table that is full gives up the oldest stream that owes nothing.
bool stream_placement::make_room() {
    if (deliveries_.all().size() < deliveries_max)
        return true;
    for (const auto& entry : deliveries_.all())
        if (gives_way(*entry)) {
            leave(*entry);
            return true;
        }
    return false;
}

bool stream_placement::has_slot() const {
    const auto& all = deliveries_.all();
    return all.size() < deliveries_max ||
           std::any_of(all.begin(), all.end(), [this](const auto& entry) { return gives_way(*entry); });
}

// Nothing: `stream` is the name that a new one gets.
delivery_table::entry* stream_placement::present_entry(std::string& stream) const {
    auto* entry = deliveries_.find(options_.at, stream);
    for (std::size_t steps = 0; entry && entry->state.lost && steps < deliveries_max; ++steps) {
        stream = entry->state.continued_as;
        entry = deliveries_.find(options_.at, stream);
    }
    return entry;
}

delivery_table::entry* stream_placement::ensure_entry(std::string stream, seq_t from_seq) {
    if (auto* entry = present_entry(stream))
        return entry;
    if (!make_room())
        return nullptr;
    delivery_state fresh;
    fresh.at = options_.at;
    fresh.memory.empty_claim = is_continuation_name(stream);
    fresh.stream = std::move(stream);
    fresh.from_seq = from_seq;
    fresh.durable_seq = from_seq - 1;
    fresh.sent_seq = from_seq - 1;
    return deliveries_.add(std::move(fresh));
}

// To another place: from the first seq that was never sent to the old one.
seq_t stream_placement::moves_from(const session_part& last, seq_t from_seq) const {
    const auto* old = entry_of(last);
    return old ? std::min(from_seq, std::max(old->state.sent_seq + 1, last.from_seq)) : from_seq;
}

std::optional<start_error> stream_placement::refusal(std::string_view session_id, seq_t from_seq) const {
    const auto* known = sessions_.find(session_id);
    const bool stays = known && !known->parts.empty() && known->parts.back().at == options_.at;
    std::string stream = stays ? known->parts.back().stream : stream_for(session_id);
    if (!present_entry(stream) && !has_slot())
        return start_error{start_error::kind::too_many_sessions,
                           std::to_string(deliveries_max) +
                               " streams still wait for S2, which is the most that are kept"};
    if (known && !known->parts.empty() && !stays)
        return refusal_to_move(*known, stream, moves_from(known->parts.back(), from_seq));
    return std::nullopt;
}

std::optional<start_error> stream_placement::refusal_to_move(const session_record& session,
                                                             std::string_view stream, seq_t from_seq) const {
    if (session.parts.size() >= session_parts_max)
        return start_error{start_error::kind::too_many_parts,
                           "capture session " + session.id + " lies in " + std::to_string(session_parts_max) +
                               " places already, which is the most that are kept"};
    session_record moved = session;
    if (moved.spans.size() < session_spans_max) // else it forgets one, or goes on in its last
        moved.spans.push_back({from_seq, 0});
    moved.parts.push_back({options_.at, std::string(stream), from_seq});
    if (!session_table::storable(moved))
        return start_error{start_error::kind::too_many_parts,
                           "capture session " + session.id + " lies in so many places with names so long (" +
                               std::to_string(session.parts.size()) + ") that its record holds no more"};
    const auto* entry = deliveries_.find(options_.at, stream);
    announced_part sample{session.id, continuation_reason::storage, env_.wall_now()};
    if (entry && !has_room_for(announcement(stream, from_seq, std::move(sample)), entry->state))
        return start_error{start_error::kind::too_many_sessions,
                           "stream " + std::string(stream) + " still waits for S2 with " +
                               std::to_string(entry->state.own_records.size()) +
                               " sessions that moved there, which is the most that are kept"};
    return std::nullopt;
}

session_part stream_placement::place_session(std::string_view session_id, seq_t from_seq) {
    const auto* known = sessions_.find(session_id);
    const bool goes_on = known && !known->parts.empty();
    const bool stays = goes_on && known->parts.back().at == options_.at;
    if (goes_on && !stays)
        from_seq = moves_from(known->parts.back(), from_seq);
    auto* entry = ensure_entry(stays ? known->parts.back().stream : stream_for(session_id), from_seq);
    NET_ASSERT(entry, "a session is placed where refusal() found nothing against it");
    if (goes_on && !stays)
        announce_part(*entry, session_id, from_seq, continuation_reason::storage);
    else
        announce_continuation(*entry, session_id, from_seq);
    return {options_.at, entry->state.stream, from_seq};
}

void stream_placement::announce_continuation(delivery_table::entry& entry, std::string_view session_id,
                                             seq_t from_seq) {
    auto& state = entry.state;
    const bool untouched =
        !state.memory.claimed && state.sent_seq < state.from_seq && state.own_records.empty();
    if (untouched && is_continuation_name(state.stream))
        announce_part(entry, session_id, from_seq, continuation_reason::another_writer);
}

// Told at once, and the first record to be written there.
void stream_placement::announce_part(delivery_table::entry& entry, std::string_view session_id,
                                     seq_t from_seq, continuation_reason reason) {
    auto record =
        announcement(entry.state.stream, from_seq, {std::string(session_id), reason, env_.wall_now()});
    announce_(record.line);
    entry.state.own_records.push_back(std::move(record));
    deliveries_.store(entry);
    use_.has_record();
}

// --- for the history

// Where one name is every session's, that stream and those that continue it: that it is lost has to be known
// at each start, whatever becomes of the history.
bool stream_placement::stands_for_all(const delivery_table::entry& entry) const {
    std::string stream = stream_for("");
    for (std::size_t steps = 0; steps < deliveries_max; ++steps) {
        const auto* one = deliveries_.find(options_.at, stream);
        if (one == &entry || one == nullptr)
            return one != nullptr;
        stream = one->state.continued_as;
    }
    return false;
}

bool stream_placement::may_leave(const delivery_table::entry& entry) const {
    return gives_way(entry) && !stands_for_all(entry);
}

void stream_placement::leave(delivery_table::entry& entry) {
    use_.leaves(entry);
    deliveries_.remove(entry);
}

std::optional<session_part> stream_placement::goes_on_in_unknown(std::string_view session_id) const {
    const auto* known = sessions_.find(session_id);
    const bool stays = known && !known->parts.empty() && known->parts.back().at == options_.at;
    // A new session with an id that nobody had yet has a stream that nobody had yet.
    if (session_id.empty() && stream_for("") != stream_for("-"))
        return std::nullopt;
    std::string stream = stays ? known->parts.back().stream : stream_for(session_id);
    if (present_entry(stream))
        return std::nullopt;
    return session_part{options_.at, std::move(stream), 0};
}

bool stream_placement::take_back(delivery_state state) {
    return make_room() && deliveries_.add(std::move(state)) != nullptr;
}

} // namespace agent
