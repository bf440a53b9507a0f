// Where a session's envelopes go: the template, the place, and the streams that continue others.
#include "agent/s2_sink.hpp"
#include "agent/system_events.hpp"
#include "net/assert.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>

namespace agent {
namespace {

constexpr std::size_t suffix_bytes = 9; // "~" and 8 hex digits

bool is_continuation_name(std::string_view stream) {
    if (stream.size() <= suffix_bytes || stream[stream.size() - suffix_bytes] != '~')
        return false;
    const auto digits = stream.substr(stream.size() - suffix_bytes + 1);
    return digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

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

// A table that is full gives up the oldest stream that owes nothing.
bool s2_sink::make_room() {
    if (deliveries_.all().size() < deliveries_max)
        return true;
    for (const auto& entry : deliveries_.all())
        if (!is_active_stream(entry->state) && !running_for(*entry) && !owes(entry->state)) {
            holds_.erase(entry.get());
            std::erase(unsettled_, entry.get());
            deliveries_.remove(*entry);
            return true;
        }
    return false;
}

bool s2_sink::has_room() const {
    const auto& all = deliveries_.all();
    return all.size() < deliveries_max ||
           std::any_of(
               all.begin(), all.end(),
               [this](const auto& entry) {
                   return !is_active_stream(entry->state) && !running_for(*entry) && !owes(entry->state);
               });
}

// The stream's entry at the configured place, or the one that goes on for it.
delivery_table::entry* s2_sink::ensure_entry(std::string stream, seq_t from_seq) {
    for (auto* entry = deliveries_.find(options_.at, stream); entry;
         entry = deliveries_.find(options_.at, stream)) {
        if (!entry->state.lost)
            return entry;
        stream = entry->state.continued_as;
    }
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

session_part s2_sink::place_session(std::string_view session_id, seq_t from_seq) {
    const auto* known = sessions_.find(session_id);
    if (known && !known->parts.empty()) {
        const auto& last = known->parts.back();
        if (last.at == options_.at) {
            auto* entry = ensure_entry(last.stream, from_seq);
            if (entry)
                announce_continuation(*entry, session_id, from_seq);
            return {options_.at, entry ? entry->state.stream : last.stream, from_seq};
        }
        // Another place: from the first seq that was never sent to the old one.
        if (const auto* old = entry_of(last))
            from_seq = std::min(from_seq, std::max(old->state.sent_seq + 1, last.from_seq));
    }
    auto* entry = ensure_entry(stream_for(session_id), from_seq);
    NET_ASSERT(entry, "a session is placed only where has_room() said so");
    if (known && !known->parts.empty())
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
    auto line = session_continued_envelope(session_id, entry.state.stream, from_seq, reason, env_.wall_now());
    announce_(line);
    entry.state.own_records.push_back({from_seq, 0, std::move(line)});
    deliveries_.store(entry);
}

// --- another writer (invariant 9)

// Always below the first stream's name, so that all parts are found by its prefix.
std::string s2_sink::continuation_name(const delivery_state& lost) const {
    std::string_view root = lost.stream;
    if (is_continuation_name(root))
        root.remove_suffix(suffix_bytes);
    root = root.substr(0, s2::stream_name_bytes_max - suffix_bytes);
    std::uint32_t bits = 0;
    env_.random_bytes(std::as_writable_bytes(std::span(&bits, 1)));
    char suffix[suffix_bytes + 1];
    std::snprintf(suffix, sizeof suffix, "~%08x", bits);
    return std::string(root) + suffix;
}

// Gives every session that is not finished on the lost stream its next part. Repeated after a crash in the
// middle.
void s2_sink::continue_sessions(delivery_table::entry& lost) {
    const auto& state = lost.state;
    std::vector<std::uint32_t> moving;
    for (const auto& session : sessions_.all()) {
        if (session.parts.empty())
            continue;
        const auto& last = session.parts.back();
        if (last.stream != state.stream || !(last.at == state.at))
            continue;
        const bool unfinished =
            session.active || std::any_of(session.spans.begin(), session.spans.end(),
                                          [&](auto& span) { return span.to_seq > state.durable_seq; });
        if (unfinished)
            moving.push_back(session.number);
    }
    for (const auto number : moving)
        sessions_.update(number, [&](session_record& session) {
            const auto& last = session.parts.back();
            const seq_t from = std::max(state.durable_seq + 1, last.from_seq);
            session_part next{state.at, state.continued_as, from};
            // Where nothing of the session came to stand, the part is replaced: a stream that is lost at once
            // leaves no trace, however often that happens.
            if (from == last.from_seq || session.parts.size() == session_parts_max)
                session.parts.back() = std::move(next);
            else
                session.parts.push_back(std::move(next));
        });
}

net::task<> s2_sink::go_on_elsewhere(delivery_table::entry& lost, std::string reason) {
    const seq_t from = std::max(lost.state.durable_seq + 1, lost.state.from_seq);
    const session_record* behind = nullptr; // whose envelope comes first on the continuation
    for (const auto& session : sessions_.all())
        for (const auto& span : session.spans) {
            const bool ends_before = span.to_seq != 0 && span.to_seq < from;
            const bool earlier = !behind || span.from_seq < behind->first_seq();
            if (!ends_before && earlier && !session.parts.empty() &&
                session.parts.back().stream == lost.state.stream)
                behind = &session;
        }
    lost.state.lost = true;
    lost.state.lost_reason = reason;
    lost.state.continued_as = continuation_name(lost.state);
    spdlog::warn("stream {} is left to another writer ({}); delivery goes on in {} from seq {}",
                 lost.state.stream, reason, lost.state.continued_as, from);
    auto* entry = ensure_entry(lost.state.continued_as, from);
    NET_ASSERT(entry || !behind, "a continuation takes the table's place that its lost stream gives up");
    if (entry && behind)
        announce_part(*entry, behind->id, from, continuation_reason::another_writer);
    deliveries_.store(lost);
    continue_sessions(lost);
    unsettled_generation_ = 0;
    (void)co_await sync_tables(); // told; the pump does it again, and the claim syncs what it stands on
}

// --- after a restart

void s2_sink::recover() {
    for (const auto& entry : deliveries_.all()) {
        if (entry->state.lost)
            continue_sessions(*entry);
        else if (entry->state.sent_seq > entry->state.durable_seq)
            holds_[entry.get()] = journal_.hold(entry->state.durable_seq + 1, entry->state.sent_seq);
    }
    for (const auto* entry : unsettled())
        if (!here(entry->state) && owes(entry->state))
            spdlog::warn("stream {} of {} still waits with {} events; this configuration can't deliver them",
                         entry->state.stream, entry->state.at.text(),
                         size_of(owed_ranges(entry->state), 0).events);
}

void s2_sink::recount_durable() {
    for (const auto& session : sessions_.all()) {
        std::uint64_t unresolved = session.dropped;
        for (const auto* stream : streams_of(session))
            unresolved += size_of(owed_ranges(stream->state), session.number).events;
        const auto durable = session.published - std::min(session.published, unresolved);
        if (durable != session.durable)
            sessions_.update(session.number, [durable](session_record& record) { record.durable = durable; });
    }
}

} // namespace agent
