#pragma once
// net::stream over one end of a simulated connection.

#include "tests/sim/network.hpp"

namespace sim {

std::unique_ptr<net::stream> make_stream(std::shared_ptr<end_point> end);

} // namespace sim
