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
    // Each of them by itself, at any time, against what was answered by `asked_at`, what S2 has and what went from
    // the ring: none is further from those than what is on its way. Only where one agent alone wrote the session, and
    // the ledger knows the sessions of what its ring holds.
    void expect_plausible(std::string_view status, std::size_t agent, net::time_point asked_at,
                          bool outsiders) const;
    // When everything is durable: the counts are exactly those. `outsiders` may have removed what S2 had.
    void expect_counts(std::string_view status, const model_store& store, bool outsiders) const;

private:
    struct counted {
        std::uint64_t answered = 0;  // accepted by then
        std::uint64_t published = 0; // whose envelope was seen
        std::uint64_t unknown = 0;   // may be of this session
        std::uint64_t durable = 0;
        std::uint64_t dropped = 0;
    };

    counted count(std::string_view session, std::size_t agent, net::time_point asked_at) const;

    const ledger& book_;
};

} // namespace sim
