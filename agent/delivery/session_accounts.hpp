#pragma once
// What became of a session's events: published, durable, undelivered, dropped.

#include "agent/delivery/delivery.hpp"
#include "agent/delivery/owed_streams.hpp"
#include "agent/delivery/stream_placement.hpp"

#include <set>
#include <vector>

namespace agent {

class session_accounts {
public:
    session_accounts(ring& journal, session_table& sessions, const owed_streams& owed,
                     const stream_placement& placement);

    session_account account(const session_record& session) const;
    // Producers' events of these ranges (of one session, or 0 for all) that the ring holds.
    backlog_size size_of(const std::vector<seq_range>& ranges, std::uint32_t session) const;

    bool recount_durable();
    void dropping(const ring_entry& entry);
    void dropping_done();

private:
    ring& journal_;
    session_table& sessions_;
    const owed_streams& owed_;
    const stream_placement& placement_;
    std::set<std::uint32_t> dropped_not_stored_; // sessions whose stored count of drops lags
};

} // namespace agent
