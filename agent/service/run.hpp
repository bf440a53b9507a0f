#pragma once
// `ringtail run`: one agent from its configuration to its exit code.

#include "agent/config/config.hpp"
#include "agent/delivery/report.hpp"

namespace agent {

// Runs the agent in this process, on the real world, until a signal or the end of input has run the teardown.
exit_code run_agent(const config& configuration);

} // namespace agent
