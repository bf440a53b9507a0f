#pragma once
// Invariants 1 and 2 for the NDJSON intakes: of each stream of lines a beginning is stored, in its order, and
// what is missing within it is told as dropped; and an agent whose input has ended accounts for every line.

#include "agent/delivery/report.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/world.hpp"

namespace sim {

class lines_checker {
public:
    // `may_lack_room`: good lines may be refused, where the disk or the ring is full.
    lines_checker(ledger& book, bool may_lack_room)
        : book_(book)
        , may_lack_room_(may_lack_room) {}

    // An agent that left by itself, and its status.json. Where it read to the end of the input, what it
    // published counts from now on as accepted.
    void settle(const line_input& input, std::string_view status, bool to_the_end, net::time_point now) const;
    // At the end of all, for one agent.
    void expect_order() const;

private:
    [[noreturn]] void wrong(const line_input& input, const std::string& what) const;

    ledger& book_;
    bool may_lack_room_;
};

} // namespace sim
