#pragma once
// Delivery is parked only for what no retry cures ("S2 delivery"). A server, a network or a disk that fails comes
// back: nobody parks for them.

#include "tests/sim/world.hpp"

#include <boost/json.hpp>

#include <string>
#include <string_view>

namespace sim {

// `status`: an answer of the API, in a world that refuses no token, permission or basin.
inline void expect_not_parked(std::string_view status) {
    const auto parsed = boost::json::parse(status);
    if (parsed.at_pointer("/delivery/condition") == "parked")
        throw verdict(exit_correctness,
                      "delivery is parked, and nothing in this world asks for that: " + std::string(status));
}

} // namespace sim
