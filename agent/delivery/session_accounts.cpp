#include "agent/delivery/session_accounts.hpp"

#include <algorithm>
#include <utility>

namespace agent {

session_accounts::session_accounts(ring& journal, session_table& sessions, const owed_streams& owed,
                                   const stream_placement& placement)
    : journal_(journal)
    , sessions_(sessions)
    , owed_(owed)
    , placement_(placement) {}

void session_accounts::dropping(const ring_entry& entry) {
    if (entry.own)
        return;
    const auto* session = sessions_.find(entry.session);
    if (!session || !owed_.owed(entry.seq, entry.seq) || !session->holds(entry.seq))
        return;
    dropped_not_stored_.insert(entry.session);
    sessions_.count(entry.session, 0, 1);
}

// At once: what is dropped can't be counted again by a later agent.
void session_accounts::dropping_done() {
    for (const auto number : std::exchange(dropped_not_stored_, {}))
        if (sessions_.find(number))
            sessions_.update(number, [](session_record&) {});
}

backlog_size session_accounts::size_of(const std::vector<seq_range>& ranges, std::uint32_t session) const {
    backlog_size size;
    for (const auto& each : ranges) {
        ring_cursor cursor(journal_, each.from);
        for (;;) {
            const auto item = cursor.next();
            if (std::holds_alternative<ring_cursor::nothing>(item)) {
                size.partial = size.partial || cursor.position() <= each.to;
                break;
            }
            if (cursor.position() > each.to + 1)
                break;
            const auto* entry = std::get_if<ring_entry>(&item);
            if (!entry || entry->own || (session != 0 && entry->session != session))
                continue;
            ++size.events;
            size.bytes += entry->line.size();
        }
    }
    return size;
}

session_account session_accounts::account(const session_record& session) const {
    session_account account;
    account.session_id = session.id;
    account.published = session.published;
    account.dropped = session.dropped;
    if (!session.parts.empty()) {
        const auto& last = session.parts.back();
        account.stream = last.stream;
        account.basin = last.at.basin;
        if (const auto* entry = placement_.entry_of(last); entry && entry->state.memory.claimed)
            account.tail = entry->state.memory.durable;
    }
    account.undelivered_bytes = size_of(owed_.ranges_of(session), session.number).bytes;
    account.durable_seq = owed_.durable_seq();
    if (!session.spans.empty() && session.spans.back().to_seq != 0)
        account.durable_seq = std::min(account.durable_seq, session.spans.back().to_seq);
    account.durable = session.durable;
    account.undelivered = session.published - std::min(session.published, session.durable + session.dropped);
    return account;
}

bool session_accounts::recount_durable() {
    bool all_read = true;
    for (const auto& session : sessions_.all()) {
        const auto size = size_of(owed_.ranges_of(session), session.number);
        const bool partial = session.recount_due || size.partial;
        all_read = all_read && !partial;
        if (partial)
            continue;
        const auto durable = session.published - std::min(session.published, session.dropped + size.events);
        if (durable != session.durable)
            sessions_.update(session.number, [durable](session_record& record) { record.durable = durable; });
    }
    return all_read;
}

} // namespace agent
