#pragma once
// Listening on all that an address means: a name may have several addresses (localhost has two), and callers
// come by any of them.
//
// 1. Where port 0 is asked for, all have the same port.
// 2. An address of a family that this machine lacks is passed over, as long as there is another one.
// 3. Any other failure fails the whole, and names the address.

#include "net/environment.hpp"

#include <memory>
#include <variant>
#include <vector>

namespace net {

constexpr std::size_t listen_addresses_max = 8; // of one name

using listeners = std::vector<std::unique_ptr<listener>>; // at least one

struct listen_failure {
    endpoint at; // the address that could not be had
    error_code why;
};

std::variant<listeners, listen_failure> listen_everywhere(environment& env, const endpoint& at);

} // namespace net
