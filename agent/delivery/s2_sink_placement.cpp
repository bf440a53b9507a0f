// Where a session's envelopes go: the template, the place, and the streams that continue others.
#include "agent/config/continuation_name.hpp"
#include "agent/delivery/s2_sink.hpp"
#include "agent/event/system_events.hpp"
#include "net/assert.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace agent {
namespace {

constexpr std::size_t lost_reason_bytes_max = 256;

} // namespace

std::string s2_sink::stream_for(std::string_view session_id) const {
    constexpr std::string_view variable = "{capture_session_id}";
    std::string name = options_.stream_template;
    for (auto at = name.find(variable); at != std::string::npos;
         at = name.find(variable, at + session_id.size()))
        name.replace(at, variable.size(), session_id);
    return name;
}

delivery_table::entry* s2_sink::entry_of(const session_part& part) const {
    return deliveries_.find(part.at, part.stream);
}

bool s2_sink::gives_way(const delivery_table::entry& entry) const {
    return !is_active_stream(entry.state) && !running_for(entry) && !owes(entry.state);
}

// A table that is full gives up the oldest stream that owes nothing.
bool s2_sink::make_room() {
    if (deliveries_.all().size() < deliveries_max)
        return true;
    for (const auto& entry : deliveries_.all())
        if (gives_way(*entry)) {
            leave(*entry);
            return true;
        }
    return false;
}

bool s2_sink::has_slot() const {
    const auto& all = deliveries_.all();
    return all.size() < deliveries_max ||
           std::any_of(all.begin(), all.end(), [this](const auto& entry) { return gives_way(*entry); });
}

// The stream's entry at the configured place, or the one that goes on for it. Nothing: `stream` is the name
// that a new one gets.
delivery_table::entry* s2_sink::present_entry(std::string& stream) const {
    auto* entry = deliveries_.find(options_.at, stream);
    for (std::size_t steps = 0; entry && entry->state.lost && steps < deliveries_max; ++steps) {
        stream = entry->state.continued_as;
        entry = deliveries_.find(options_.at, stream);
    }
    return entry;
}

delivery_table::entry* s2_sink::ensure_entry(std::string stream, seq_t from_seq) {
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
seq_t s2_sink::moves_from(const session_part& last, seq_t from_seq) const {
    const auto* old = entry_of(last);
    return old ? std::min(from_seq, std::max(old->state.sent_seq + 1, last.from_seq)) : from_seq;
}

std::optional<start_error> s2_sink::refusal(std::string_view session_id, seq_t from_seq) const {
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

std::optional<start_error> s2_sink::refusal_to_move(const session_record& session, std::string_view stream,
                                                    seq_t from_seq) const {
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

session_part s2_sink::place_session(std::string_view session_id, seq_t from_seq) {
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

// A stream may be lost between two sessions: then its continuation begins with the next one's envelope, and
// is announced with that.
void s2_sink::announce_continuation(delivery_table::entry& entry, std::string_view session_id,
                                    seq_t from_seq) {
    auto& state = entry.state;
    const bool untouched =
        !state.memory.claimed && state.sent_seq < state.from_seq && state.own_records.empty();
    if (untouched && is_continuation_name(state.stream))
        announce_part(entry, session_id, from_seq, continuation_reason::another_writer);
}

// Told at once, and the first record to be written there.
void s2_sink::announce_part(delivery_table::entry& entry, std::string_view session_id, seq_t from_seq,
                            continuation_reason reason) {
    auto record =
        announcement(entry.state.stream, from_seq, {std::string(session_id), reason, env_.wall_now()});
    announce_(record.line);
    entry.state.own_records.push_back(std::move(record));
    deliveries_.store(entry);
    to_pass_on_.notify();
}

// --- another writer (invariant 9)

// Always below the first stream's name, so that all parts are found by its prefix.
std::string s2_sink::continuation_name(const delivery_state& lost) const {
    std::string_view root = lost.stream;
    if (is_continuation_name(root))
        root.remove_suffix(continuation_suffix_bytes);
    root = root.substr(0, s2::stream_name_bytes_max - continuation_suffix_bytes);
    std::uint32_t bits = 0;
    env_.random_bytes(std::as_writable_bytes(std::span(&bits, 1)));
    char suffix[continuation_suffix_bytes + 1];
    std::snprintf(suffix, sizeof suffix, "~%08x", bits);
    return std::string(root) + suffix;
}

// Gives every session that is not finished on the lost stream its next part. Repeated after a crash in the
// middle.
void s2_sink::continue_sessions(const delivery_state& lost) {
    std::vector<std::uint32_t> moving;
    for (const auto& session : sessions_.all()) {
        if (session.parts.empty())
            continue;
        const auto& last = session.parts.back();
        if (last.stream != lost.stream || !(last.at == lost.at))
            continue;
        const bool unfinished =
            session.active || std::any_of(session.spans.begin(), session.spans.end(),
                                          [&](auto& span) { return span.to_seq > lost.durable_seq; });
        if (unfinished)
            moving.push_back(session.number);
    }
    for (const auto number : moving)
        sessions_.update(number, [&lost](session_record& session) {
            const auto last = session.parts.back();
            const seq_t from = std::max(lost.durable_seq + 1, last.from_seq);
            session.parts.push_back({lost.at, lost.continued_as, from});
            // Where nothing of the session came to stand, the part is replaced: a stream that is lost at once
            // leaves no trace, however often that happens. So it is where the record holds no more, from the
            // lost part's beginning: else the part before it would take what is durable in the lost one for
            // its own.
            if (from != last.from_seq && session_table::storable(session))
                return;
            session.parts.pop_back();
            session.parts.back() = {lost.at, lost.continued_as, last.from_seq};
        });
}

bool s2_sink::waits_for_continuation(const delivery_state& state) const {
    return state.lost && here(state) && (is_active_stream(state) || owes(state));
}

// The lost stream's continuation gets its slot, and then its sessions. False: there is none; the verdict
// stands, and what is owed stays owed.
bool s2_sink::go_on_from(delivery_table::entry& lost) {
    const auto& state = lost.state;
    const seq_t from = std::max(state.durable_seq + 1, state.from_seq);
    const session_record* behind = nullptr; // whose envelope comes first on the continuation
    for (const auto& session : sessions_.all())
        for (const auto& span : session.spans) {
            const bool ends_before = span.to_seq != 0 && span.to_seq < from;
            const bool earlier = !behind || span.from_seq < behind->first_seq();
            if (!ends_before && earlier && !session.parts.empty() &&
                session.parts.back().stream == state.stream && session.parts.back().at == state.at)
                behind = &session;
        }
    if (!behind)
        return true; // it begins with the next session that is placed there
    auto* entry = ensure_entry(state.continued_as, from);
    if (!entry)
        return false;
    announce_continuation(*entry, behind->id, from);
    continue_sessions(state);
    unsettled_generation_ = 0;
    return true;
}

// Looked at again whenever delivery has moved.
void s2_sink::go_on_where_a_slot_is_free() {
    const auto before = std::exchange(no_slot_, {});
    std::vector<delivery_table::entry*> waiting; // which give way to nobody
    for (auto* entry : unsettled())
        if (waits_for_continuation(entry->state))
            waiting.push_back(entry);
    for (auto* lost : waiting)
        if (!go_on_from(*lost))
            no_slot_.emplace(lost->state.stream, "the delivery table is full (" +
                                                     std::to_string(deliveries_max) +
                                                     " streams wait for S2): " + lost->state.continued_as +
                                                     ", which goes on for it, waits for a slot");
    if (no_slot_ != before)
        condition_changed();
}

net::task<> s2_sink::go_on_elsewhere(delivery_table::entry& lost, std::string reason) {
    auto& state = lost.state;
    state.lost = true;
    state.lost_reason = reason.substr(0, lost_reason_bytes_max);
    state.continued_as = continuation_name(state);
    state.own_records.clear(); // what of them did not land does so nowhere
    deliveries_.store(lost);
    spdlog::warn("stream {} is left to another writer ({}); delivery goes on in {} from seq {}", state.stream,
                 reason, state.continued_as, std::max(state.durable_seq + 1, state.from_seq));
    unsettled_generation_ = 0;
    go_on_where_a_slot_is_free();
    (void)co_await sync_tables(); // told; the pump does it again, and the claim syncs what it stands on
}

// --- after a restart

void s2_sink::recover() {
    for (const auto& entry : deliveries_.all()) {
        const auto& state = entry->state;
        if (state.lost && !here(state) && deliveries_.find(state.at, state.continued_as))
            continue_sessions(state);
        else if (!state.lost && state.sent_seq > state.durable_seq)
            holds_[entry.get()] = journal_.hold(state.durable_seq + 1, state.sent_seq);
    }
    go_on_where_a_slot_is_free();
    for (const auto* entry : unsettled())
        if (!here(entry->state) && owes(entry->state))
            spdlog::warn("stream {} of {} still waits with {} events; this configuration can't deliver them",
                         entry->state.stream, entry->state.at.text(),
                         size_of(owed_ranges(entry->state), 0).events);
}

bool s2_sink::recount_durable() {
    bool all_read = true;
    for (const auto& session : sessions_.all()) {
        std::uint64_t unresolved = session.dropped;
        bool partial = session.recount_due;
        for (const auto* stream : streams_of(session)) {
            const auto size = size_of(owed_ranges(stream->state), session.number);
            unresolved += size.events;
            partial = partial || size.partial;
        }
        all_read = all_read && !partial;
        if (partial)
            continue;
        const auto durable = session.published - std::min(session.published, unresolved);
        if (durable != session.durable)
            sessions_.update(session.number, [durable](session_record& record) { record.durable = durable; });
    }
    return all_read;
}

} // namespace agent
