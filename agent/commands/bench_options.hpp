#pragma once
// The flags of `ringtail bench`: its own, and those of the agent that shape a delivery.

#include "agent/commands/command.hpp"
#include "agent/load/load.hpp"

#include <optional>
#include <string>

namespace agent::commands {

struct bench_options {
    config agent; // as `ringtail run` would have it, its state directory the bench's own
    load_options load;
    bool progress = false;
    bool keep = false;
    std::string report; // a file, "-", or empty
};

// Parses, gathers and checks. Nothing in `into` when the process is to end with the code that is returned.
exit_code configure_bench(invocation& given, std::optional<bench_options>& into);

} // namespace agent::commands
