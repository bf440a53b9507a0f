#include "tests/sim/checkers/parking_checker.hpp"

#include "tests/sim/checkers/ring_checker.hpp"
#include "tests/sim/world.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace sim {

void expect_not_parked(std::string_view status) {
    const auto parsed = boost::json::parse(status);
    if (parsed.at_pointer("/delivery/condition") == "parked")
        throw verdict(exit_correctness,
                      "delivery is parked, and nothing in this world asks for that: " + std::string(status));
}

void parking_checker::expect_only_refused_left(const agent_host& agent, std::size_t index,
                                               net::time_point since, net::time_point now,
                                               std::string_view claim) const {
    const auto from = since - noticed_within;
    if (!strict_ || refusals_.sink_refused(from, now))
        return;
    if (const auto* ring = dynamic_cast<const ring_checker*>(agent.on().storage->watcher.get()))
        ring->learn();
    const auto taken_by_a_crash = [&](const sent_event& event) {
        return event.session.empty() &&
               std::any_of(
                   book_.machine_crashes.begin(), book_.machine_crashes.end(),
                   [&](const auto& crash) { return crash.first == index && crash.second >= event.sent_at; });
    };
    const auto& events = book_.events();
    for (std::size_t number = 0; number < events.size(); ++number) {
        const auto& event = events[number];
        if (event.what != fate::accepted || event.taken_by != index || event.answered_at > since ||
            !event.landed.empty() || event.gone || taken_by_a_crash(event) ||
            refusals_.refused(basin_ + "/" + event.session, from, now))
            continue;
        throw verdict(exit_correctness, std::string(claim) + ", but event " + std::to_string(number) +
                                            " of session " + event.session +
                                            " is not in S2, and nobody refused its stream");
    }
}

} // namespace sim
