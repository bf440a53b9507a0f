#pragma once
// Invariants 3 and 9 over the parts of a stream: read as `replay` reads them, each part only below the next
// one's from_seq, every event stands there once. And a continuation has a reason in this world.

#include "tests/sim/ledger.hpp"
#include "tests/sim/world.hpp"

namespace sim {

class parts_checker {
public:
    parts_checker(const ledger& book, const model_store& store)
        : book_(book)
        , store_(store) {}

    void expect_no_continuation() const;
    // For one agent: its parts are a chain.
    void expect_each_once() const;

private:
    const ledger& book_;
    const model_store& store_;
};

} // namespace sim
