#pragma once
// An address that an agent listens on: had, or why not in words.

#include "agent/service/core.hpp"
#include "agent/service/part.hpp"
#include "net/server/listening.hpp"

#include <string>
#include <variant>

namespace agent {

struct wanted_address {
    net::endpoint at;
    std::string option; // that names it
};

// Blocking.
std::variant<net::listeners, start_failure> listen_on(const service_core& core, const wanted_address& wanted);

} // namespace agent
