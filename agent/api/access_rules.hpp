#pragma once
// Who may call the API, as configured. Plain data.

#include "net/secret.hpp"

#include <optional>
#include <string>
#include <vector>

namespace agent {

struct access_rules {
    net::secret api_token; // empty: none required
    // Patterns (* stands for anything) of web origins that may call; nothing: extensions may post telemetry
    // events.
    std::optional<std::vector<std::string>> origins;
    std::vector<std::string> hosts; // names that count as ours beside localhost and addresses
};

} // namespace agent
