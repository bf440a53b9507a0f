#pragma once
// Delivery is parked only for what no retry cures ("S2 delivery"). A server, a network or a disk that fails comes
// back: nobody parks for them. And who is refused holds up nobody else: a flush that answers early, an agent that
// leaves before its deadline, have delivered everything that could move; standard input is read to its end.

#include "tests/sim/agent_host.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/refusal_record.hpp"

#include <string>
#include <string_view>

namespace sim {

// `status`: an answer of the API, in a world that refuses no token, permission or basin.
void expect_not_parked(std::string_view status);

class parking_checker {
public:
    // A refusal is noticed to be over when it is tried again.
    static constexpr net::duration noticed_within = std::chrono::seconds(20);

    // `strict`: each session's stream has its id for a name, and one agent writes it, undisturbed by others.
    parking_checker(ledger& book, const refusal_record& refusals, std::string basin, bool strict)
        : book_(book)
        , refusals_(refusals)
        , basin_(std::move(basin))
        , strict_(strict) {}

    // What gives up early, now, names what is left: all of it was refused. It began to wait at `since`.
    void expect_only_refused_left(const agent_host& agent, std::size_t index, net::time_point since,
                                  net::time_point now, std::string_view claim) const;

    // An agent may leave before its input ends.
    bool may_leave_input(net::time_point now) const {
        return refusals_.sink_refused(now - noticed_within, now);
    }

private:
    ledger& book_;
    const refusal_record& refusals_;
    std::string basin_;
    bool strict_;
};

} // namespace sim
