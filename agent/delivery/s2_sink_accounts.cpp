// What is owed, held, durable and dropped: the counting side of s2_sink.
#include "agent/delivery/s2_sink.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace agent {
namespace {

constexpr seq_t seq_max = std::numeric_limits<seq_t>::max();

} // namespace

// Above the durable seq, in the spans of the sessions whose parts lie in this stream.
std::vector<s2_sink::range> s2_sink::owed_ranges(const delivery_state& state) const {
    std::vector<range> ranges;
    for (const auto& session : sessions_.all())
        for (std::size_t i = 0; i < session.parts.size(); ++i) {
            const auto& part = session.parts[i];
            if (part.stream != state.stream || !(part.at == state.at))
                continue;
            const seq_t part_end = i + 1 < session.parts.size() ? session.parts[i + 1].from_seq - 1 : seq_max;
            for (const auto& span : session.spans) {
                const seq_t span_end = span.to_seq == 0 ? journal_.last_seq() : span.to_seq;
                const seq_t from = std::max({span.from_seq, part.from_seq, state.durable_seq + 1});
                const seq_t to = std::min({span_end, part_end, journal_.last_seq()});
                if (from <= to)
                    ranges.push_back({from, to});
            }
        }
    return ranges;
}

bool s2_sink::owes(const delivery_state& state) const {
    return !owed_ranges(state).empty();
}

bool s2_sink::is_active_stream(const delivery_state& state) const {
    const auto* session = sessions_.active();
    return session && !session->parts.empty() && session->parts.back().stream == state.stream &&
           session->parts.back().at == state.at;
}

// Streams that owe something or may yet: the others can't, before the sessions change.
const std::vector<delivery_table::entry*>& s2_sink::unsettled() const {
    if (unsettled_generation_ != sessions_.generation()) {
        unsettled_generation_ = sessions_.generation();
        unsettled_.clear();
        for (const auto& entry : deliveries_.all())
            if (is_active_stream(entry->state) || owes(entry->state))
                unsettled_.push_back(entry.get());
    }
    return unsettled_;
}

// Each once, though a session may have come back to one.
std::vector<const delivery_table::entry*> s2_sink::streams_of(const session_record& session) const {
    std::vector<const delivery_table::entry*> streams;
    for (const auto& part : session.parts) {
        const auto* entry = entry_of(part);
        if (entry && std::find(streams.begin(), streams.end(), entry) == streams.end())
            streams.push_back(entry);
    }
    return streams;
}

bool s2_sink::owes(const session_record& session) const {
    const auto streams = streams_of(session);
    return session.active || std::any_of(streams.begin(), streams.end(),
                                         [this](const auto* stream) { return owes(stream->state); });
}

bool s2_sink::owes_in(const session_record& session, const session_span& span) const {
    const auto touches = [&span](const range& owed) {
        return owed.from <= span.to_seq && owed.to >= span.from_seq;
    };
    const auto streams = streams_of(session);
    return std::any_of(streams.begin(), streams.end(), [&](const auto* stream) {
        const auto ranges = owed_ranges(stream->state);
        return std::any_of(ranges.begin(), ranges.end(), touches);
    });
}

bool s2_sink::owes_up_to(const delivery_state& state, seq_t up_to) const {
    const auto ranges = owed_ranges(state);
    return std::any_of(ranges.begin(), ranges.end(),
                       [up_to](const auto& owed) { return owed.from <= up_to; });
}

bool s2_sink::owes_here() const {
    const auto& all = unsettled();
    return std::any_of(all.begin(), all.end(),
                       [this](const auto* entry) { return here(entry->state) && owes(entry->state); });
}

bool s2_sink::owes_held() const {
    const auto& all = unsettled();
    return std::any_of(all.begin(), all.end(),
                       [this](const auto* entry) { return !here(entry->state) && owes(entry->state); });
}

bool s2_sink::owed(seq_t first, seq_t last) const {
    for (const auto* entry : unsettled())
        for (const auto& owed : owed_ranges(entry->state))
            if (owed.from <= last && owed.to >= first)
                return true;
    return false;
}

// At once: what is dropped can't be counted again by a later agent.
void s2_sink::letting_go(std::uint64_t, seq_t first, seq_t last) {
    std::vector<range> owed;
    for (const auto* stream : unsettled())
        for (const auto& each : owed_ranges(stream->state))
            if (each.from <= last && each.to >= first)
                owed.push_back({std::max(each.from, first), std::min(each.to, last)});
    std::vector<std::pair<std::uint32_t, std::uint64_t>> dropped;
    for (const auto& session : sessions_.all()) {
        std::uint64_t events = 0;
        for (const auto& span : session.spans)
            for (const auto& each : owed) {
                const seq_t from = std::max(each.from, span.from_seq);
                const seq_t to = std::min(each.to, span.to_seq == 0 ? each.to : span.to_seq);
                if (from <= to)
                    events += journal_.count(session.number, from, to).producer_events;
            }
        if (events > 0)
            dropped.emplace_back(session.number, events);
    }
    for (const auto& [number, events] : dropped) {
        sessions_.count(number, 0, events);
        sessions_.update(number, [](session_record&) {});
    }
}

// Producers' events of these ranges (of one session, or 0 for all) that the ring holds.
backlog_size s2_sink::size_of(const std::vector<range>& ranges, std::uint32_t session) const {
    ring_count counted;
    for (const auto& each : ranges)
        counted += journal_.count(session, each.from, each.to);
    return {counted.producer_events, counted.producer_bytes, counted.partial};
}

session_account s2_sink::account(const session_record& session) const {
    session_account account;
    account.session_id = session.id;
    account.published = session.published;
    account.dropped = session.dropped;
    if (!session.parts.empty()) {
        const auto& last = session.parts.back();
        account.stream = last.stream;
        account.basin = last.at.basin;
        if (const auto* entry = entry_of(last); entry && entry->state.memory.claimed)
            account.tail = entry->state.memory.durable;
    }
    for (const auto* stream : streams_of(session))
        account.undelivered_bytes += size_of(owed_ranges(stream->state), session.number).bytes;
    account.durable_seq = durable_seq();
    if (!session.spans.empty() && session.spans.back().to_seq != 0)
        account.durable_seq = std::min(account.durable_seq, session.spans.back().to_seq);
    account.durable = session.durable;
    account.undelivered = session.published - std::min(session.published, session.durable + session.dropped);
    return account;
}

seq_t s2_sink::durable_seq() const {
    seq_t durable = journal_.last_seq();
    for (const auto* entry : unsettled())
        for (const auto& each : owed_ranges(entry->state))
            durable = std::min(durable, each.from - 1);
    return durable;
}

// `sink_reason`: why all streams of this place are refused; empty where the sink is not parked.
undelivered_stream s2_sink::describe(const delivery_state& state, backlog_size size,
                                     const std::string& sink_reason) const {
    undelivered_stream stream{state.at, state.stream, size, {}, stream_state::waiting};
    const stream_delivery* one = nullptr;
    for (const auto& each : running_)
        if (&each->state() == &state)
            one = each.get();
    if (!here(state)) {
        stream.state = stream_state::held;
        stream.reason = "recorded for " + state.at.text();
    } else if (waits_for_slot(state)) {
        stream.state = stream_state::parked;
        stream.reason = no_slot_.at(state.stream);
    } else if (one && is_parked(one->condition())) {
        stream.state = stream_state::parked;
        stream.reason = one->reason();
    } else if (!sink_reason.empty()) {
        stream.state = stream_state::parked;
        stream.reason = sink_reason;
    } else if (one && one->condition() == stream_condition::failing) {
        stream.reason = one->reason();
    } else {
        stream.reason = one ? "not acknowledged yet" : "waits for its turn";
    }
    return stream;
}

delivery_status s2_sink::status() const {
    delivery_status status;
    status.condition = condition(status.reason);
    status.durable_seq = durable_seq();
    const auto sink_reason = status.condition == delivery_condition::parked ? status.reason : std::string();
    const auto* active = sessions_.active();
    for (const auto* entry : unsettled()) {
        const auto ranges = owed_ranges(entry->state);
        if (ranges.empty())
            continue;
        const auto size = size_of(ranges, 0);
        status.undelivered_events += size.events;
        status.undelivered_bytes += size.bytes;
        backlog_size mine;
        if (active)
            mine = size_of(ranges, active->number);
        status.backlog.events += size.events - mine.events;
        status.backlog.bytes += size.bytes - mine.bytes;
        status.streams.push_back(describe(entry->state, size, sink_reason));
    }
    // What needs somebody's help comes first, so that a list that is cut still names it.
    const auto order = [](const undelivered_stream& stream) {
        return stream.state == stream_state::parked ? 0 : stream.state == stream_state::held ? 1 : 2;
    };
    std::stable_sort(status.streams.begin(), status.streams.end(),
                     [order](const auto& a, const auto& b) { return order(a) < order(b); });
    if (status.condition == delivery_condition::idle && !status.streams.empty()) {
        const auto& first = status.streams.front();
        if (first.state == stream_state::parked) {
            status.condition = delivery_condition::streams_parked;
            status.reason = "stream " + first.stream + ": " + first.reason;
        } else if (first.state == stream_state::held) {
            status.condition = delivery_condition::held;
        }
    }
    if (status.streams.size() > streams_listed_max) {
        status.streams_not_listed = status.streams.size() - streams_listed_max;
        status.streams.resize(streams_listed_max);
    }
    return status;
}

std::string s2_sink::owed_to() const {
    std::vector<std::pair<std::string, int>> places;
    for (const auto* entry : unsettled()) {
        if (!owes(entry->state))
            continue;
        const auto text = entry->state.at.text();
        const auto known =
            std::find_if(places.begin(), places.end(), [&](const auto& one) { return one.first == text; });
        if (known == places.end())
            places.emplace_back(text, 1);
        else
            ++known->second;
    }
    std::string all;
    for (const auto& [text, streams] : places)
        all += (all.empty() ? "" : ", ") + text + " (" + std::to_string(streams) + " streams)";
    return all;
}

std::uint64_t s2_sink::held_bytes() const {
    std::uint64_t bytes = 0;
    for (const auto* entry : unsettled())
        if (!here(entry->state))
            bytes += size_of(owed_ranges(entry->state), 0).bytes;
    return bytes;
}

} // namespace agent
