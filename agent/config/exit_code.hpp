#pragma once

// How the program ends (product: Command line, "Exit codes").

namespace agent {

enum class exit_code : int {
    durable = 0,
    failure = 1,
    usage = 2,
    undelivered = 3,
    parked = 4,
    unusable = 5, // configuration or state directory
};

} // namespace agent
