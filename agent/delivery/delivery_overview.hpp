#pragma once
// What waits, where, how much of it there is, and why it waits: the status of the whole sink.

#include "agent/delivery/continuations.hpp"
#include "agent/delivery/delivery.hpp"
#include "agent/delivery/delivery_schedule.hpp"
#include "agent/delivery/session_accounts.hpp"
#include "agent/delivery/told_condition.hpp"

#include <string>

namespace agent {

struct overview_sources {
    const session_table& sessions;
    const owed_streams& owed;
    const stream_placement& placement;
    const continuations& continued;
    const delivery_schedule& schedule;
    const told_condition& told;
    const session_accounts& accounts;
};

class delivery_overview {
public:
    explicit delivery_overview(overview_sources from)
        : from_(from) {}

    delivery_status status() const;
    std::uint64_t held_bytes() const;
    std::string owed_to() const; // the places, and how many streams wait for each, in words

private:
    undelivered_stream describe(const delivery_table::entry& stream, backlog_size size,
                                const std::optional<sink_parked>& sink) const;

    overview_sources from_;
};

} // namespace agent
