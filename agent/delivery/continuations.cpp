#include "agent/delivery/continuations.hpp"

#include "agent/config/continuation_name.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

namespace agent {
namespace {

constexpr std::size_t lost_reason_bytes_max = 256;

bool goes_on_in(const session_record& session, const delivery_state& stream) {
    return !session.parts.empty() && session.parts.back().stream == stream.stream &&
           session.parts.back().at == stream.at;
}

} // namespace

continuations::continuations(net::environment& env, session_table& sessions, delivery_table& deliveries,
                             const owed_streams& owed, stream_placement& placement)
    : env_(env)
    , sessions_(sessions)
    , deliveries_(deliveries)
    , owed_(owed)
    , placement_(placement) {}

// Always below the first stream's name, so that all parts are found by its prefix.
std::string continuations::name_for(const delivery_state& lost) const {
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

void continuations::lost(entry& stream, const std::string& reason) {
    auto& state = stream.state;
    state.lost = true;
    state.lost_reason = reason.substr(0, lost_reason_bytes_max);
    state.continued_as = name_for(state);
    state.own_records.clear(); // what of them did not land does so nowhere
    deliveries_.store(stream);
    spdlog::warn("stream {} is left to another writer ({}); delivery goes on in {} from seq {}", state.stream,
                 reason, state.continued_as, std::max(state.durable_seq + 1, state.from_seq));
}

// Gives every session that is not finished on the lost stream its next part. Repeated after a crash in the
// middle.
void continuations::continue_sessions(const delivery_state& lost) {
    std::vector<std::uint32_t> moving;
    for (const auto& session : sessions_.all()) {
        if (!goes_on_in(session, lost))
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

bool continuations::is_needed(const entry& lost) const {
    return lost.state.lost && placement_.here(lost.state) &&
           (owed_.is_active(lost.state) || owed_.owes(lost));
}

// The session whose envelope comes first on the continuation.
const session_record* continuations::first_behind(const delivery_state& lost, seq_t from) const {
    const session_record* first = nullptr;
    for (const auto& session : sessions_.all())
        for (const auto& span : session.spans) {
            const bool ends_before = span.to_seq != 0 && span.to_seq < from;
            const bool earlier = !first || span.from_seq < first->first_seq();
            if (!ends_before && earlier && goes_on_in(session, lost))
                first = &session;
        }
    return first;
}

// The lost stream's continuation gets its slot, and then its sessions. False: there is none; the verdict
// stands, and what is owed stays owed.
bool continuations::go_on_from(entry& lost) {
    const auto& state = lost.state;
    const seq_t from = std::max(state.durable_seq + 1, state.from_seq);
    const auto* behind = first_behind(state, from);
    if (!behind)
        return true; // it begins with the next session that is placed there
    auto* next = placement_.ensure_entry(state.continued_as, from);
    if (!next)
        return false;
    placement_.announce_continuation(*next, behind->id, from);
    continue_sessions(state);
    return true;
}

bool continuations::go_on() {
    const auto before = std::exchange(without_slot_, {});
    std::vector<entry*> waiting; // which give way to nobody
    for (auto* each : owed_.unsettled())
        if (is_needed(*each))
            waiting.push_back(each);
    for (auto* lost : waiting)
        if (!go_on_from(*lost))
            without_slot_.emplace(lost->state.stream,
                                  stream_parked{"the delivery table is full (" +
                                                std::to_string(deliveries_max) +
                                                " streams wait for S2): " + lost->state.continued_as +
                                                ", which goes on for it, waits for a slot"});
    return without_slot_ != before;
}

void continuations::recover() {
    for (const auto& each : deliveries_.all())
        if (const auto& state = each->state;
            state.lost && !placement_.here(state) && deliveries_.find(state.at, state.continued_as))
            continue_sessions(state);
}

const stream_parked* continuations::waits_for_slot(const delivery_state& state) const {
    const auto found = state.lost ? without_slot_.find(state.stream) : without_slot_.end();
    return found == without_slot_.end() ? nullptr : &found->second;
}

} // namespace agent
