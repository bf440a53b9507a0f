#pragma once
// Invariants 2 and 6: what was accepted is in S2, or held, or dropped with an events_dropped record that tells
// of it; and the agent's own accounts say the same.

#include "tests/sim/ledger.hpp"
#include "tests/sim/world.hpp"

#include <string_view>

namespace sim {

class conservation_checker {
public:
    explicit conservation_checker(const ledger& book)
        : book_(book) {}

    // All that this agent accepted with an answer before then; `claim` is what said that it is durable.
    void expect_durable(std::size_t agent, net::time_point answered_by, std::string_view claim) const;
    // A status of the API's, or status.json: published = durable + undelivered + dropped.
    void expect_adds_up(std::string_view status) const;
    // The same when everything is durable: the counts are those of the events that S2 has. Only where one agent
    // alone wrote the session.
    void expect_counts(std::string_view status, const model_store& store) const;

private:
    const ledger& book_;
};

} // namespace sim
