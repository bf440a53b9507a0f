#include "agent/delivery/session_accounts.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace agent {
namespace {

constexpr seq_t seq_max = std::numeric_limits<seq_t>::max();

std::uint64_t less(std::uint64_t from, std::uint64_t what) {
    return from - std::min(from, what);
}

} // namespace

session_accounts::session_accounts(ring& journal, session_table& sessions, const owed_streams& owed,
                                   const stream_placement& placement)
    : journal_(journal)
    , sessions_(sessions)
    , owed_(owed)
    , placement_(placement) {
    for (const auto& session : sessions_.all())
        if (session.last_gone.generation != 0 || (journal_.after_machine_crash() && session.gone_to != 0))
            unsettled_.insert(session.number);
}

// --- in the ring

backlog_size session_accounts::size_of(const std::vector<seq_range>& ranges, std::uint32_t session) const {
    ring_count found;
    for (const auto& each : ranges)
        found += journal_.count(session, each.from, each.to);
    return {found.producer_events, found.producer_bytes, found.partial};
}

ring_count session_accounts::undelivered_within(const session_record& session, seq_range within) const {
    ring_count found;
    for (const auto& owed : owed_.ranges_of(session)) {
        const seq_range part{std::max(owed.from, within.from), std::min(owed.to, within.to)};
        if (part.from <= part.to)
            found += journal_.count(session.number, part.from, part.to);
    }
    return found;
}

session_accounts::in_ring session_accounts::count(const session_record& session) const {
    in_ring found;
    const seq_t last = journal_.last_seq();
    seq_t from = session.parts.empty() ? 1 : session.parts.front().from_seq;
    found.all = journal_.count(session.number, from, last);
    for (const auto& owed : owed_.ranges_of(session)) {
        if (from < owed.from)
            found.durable += journal_.count(session.number, from, owed.from - 1);
        found.undelivered += journal_.count(session.number, owed.from, owed.to);
        from = owed.to + 1;
    }
    if (from <= last)
        found.durable += journal_.count(session.number, from, last);
    return found;
}

// --- out of the ring

bool session_accounts::is_settled(const session_record& session) const {
    return session.whole_to == 0 && !unsettled_.contains(session.number);
}

session_accounts::counted session_accounts::gone_of(const session_record& session) const {
    counted gone{session.gone, false};
    if (is_settled(session)) {
        gone.events += session.last_gone.events;
        return gone;
    }
    if (session.last_gone.generation != 0) {
        const auto there = journal_.generation_of(session.last_gone.first_seq);
        gone.partial = !there;
        if (there && *there != session.last_gone.generation)
            gone.events += session.last_gone.events;
    }
    take_off_what_is_here(session, gone);
    return gone;
}

void session_accounts::take_off_what_is_here(const session_record& session, counted& gone) const {
    auto& events = gone.events;
    const bool whole = session.whole_to != 0;
    if (!whole && !journal_.after_machine_crash())
        return;
    const seq_range within{1, whole ? session.whole_to : session.gone_to};
    const auto here = journal_.count(session.number, within.from, within.to);
    const auto owed = undelivered_within(session, within);
    gone.partial = gone.partial || here.partial || owed.partial;
    const auto durable = less(here.producer_events, owed.producer_events);
    if (!whole) {
        // The machine died: a segment that had gone may be back. It can't be told from one that never went,
        // so that the totals may lag.
        events.durable = less(events.durable, durable);
        events.dropped = less(events.dropped, owed.producer_events);
        events.published = events.durable + events.dropped;
    } else if (here.partial || owed.partial) {
        // How many of them are undelivered is not known: the stored count of durable ones is no higher than
        // they are.
        events.durable = less(std::max(events.durable, durable), durable);
        events.published = events.durable + events.dropped;
    } else {
        events.published = less(events.published, here.producer_events);
        events.dropped = std::min(events.dropped, events.published);
        events.durable = events.published - events.dropped; // what is gone is one or the other
    }
}

bool session_accounts::settle(const session_record& session) {
    if (is_settled(session))
        return true;
    const auto gone = gone_of(session);
    if (gone.partial)
        return false;
    unsettled_.erase(session.number);
    sessions_.update(session.number, [&gone](session_record& record) {
        record.gone = gone.events;
        record.last_gone = {};
        record.gone_to = std::max(record.gone_to, record.whole_to);
        record.whole_to = 0;
    });
    return true;
}

void session_accounts::settle() {
    for (const auto& session : sessions_.all())
        (void)settle(session);
}

// --- what goes

void session_accounts::letting_go(const going_segment& segment) {
    std::vector<const session_record*> inside;
    for (const auto& session : sessions_.all()) {
        (void)settle(session);
        const seq_t begin = session.parts.empty() ? 1 : session.parts.front().from_seq;
        const bool open = session.spans.empty() || session.spans.back().to_seq == 0;
        const seq_t end = open ? seq_max : session.spans.back().to_seq;
        if (begin <= segment.last && end >= segment.first)
            inside.push_back(&session);
    }
    for (const auto* session : inside)
        fold(*session, segment);
}

void session_accounts::fold(const session_record& session, const going_segment& segment) {
    const seq_t from = std::max(segment.first, session.whole_to + 1); // what is below is counted already
    const auto all = journal_.count(session.number, from, segment.last);
    const auto undelivered = undelivered_within(session, {segment.first, segment.last}).producer_events;
    if (all.producer_events == 0 && undelivered == 0)
        return;
    const auto counted_undelivered = from == segment.first
                                         ? undelivered
                                         : undelivered_within(session, {from, segment.last}).producer_events;
    const event_counts events{all.producer_events, less(all.producer_events, counted_undelivered),
                              undelivered};
    sessions_.update(session.number, [&](session_record& record) {
        record.gone_to = std::max(record.gone_to, segment.last);
        if (!is_settled(record)) { // a shortage, since the start
            record.gone += events;
            return;
        }
        record.gone += record.last_gone.events;
        record.last_gone = {segment.generation, segment.first, events};
    });
}

// --- the account

session_account session_accounts::account(const session_record& session) const {
    session_account account;
    account.session_id = session.id;
    if (!session.parts.empty()) {
        const auto& last = session.parts.back();
        account.stream = last.stream;
        account.basin = last.at.basin;
        if (const auto* entry = placement_.entry_of(last); entry && entry->state.memory.claimed)
            account.tail = entry->state.memory.durable;
    }
    account.durable_seq = owed_.durable_seq();
    if (!session.spans.empty() && session.spans.back().to_seq != 0)
        account.durable_seq = std::min(account.durable_seq, session.spans.back().to_seq);
    const auto gone = gone_of(session);
    const auto here = count(session);
    account.durable = gone.events.durable + here.durable.producer_events;
    account.undelivered = here.undelivered.producer_events;
    account.undelivered_bytes = here.undelivered.producer_bytes;
    account.dropped = gone.events.dropped;
    // Which of the events that can't be read for now are durable is not known: none of them counts.
    const bool partial = here.durable.partial || here.undelivered.partial;
    account.published = gone.events.published + (partial ? here.durable.producer_events + account.undelivered
                                                         : here.all.producer_events);
    return account;
}

std::optional<session_record> session_accounts::whole(const session_record& session) const {
    const auto gone = gone_of(session);
    const auto here = count(session);
    if (gone.partial || here.all.partial || here.durable.partial || here.undelivered.partial)
        return std::nullopt;
    session_record record = session;
    record.gone = gone.events;
    record.gone += {here.all.producer_events, here.durable.producer_events, 0};
    record.last_gone = {};
    record.whole_to = journal_.last_seq();
    record.gone_to = 0;
    return record;
}

} // namespace agent
