#pragma once
// How many file descriptors the kernel gives this process.

#include "net/environment.hpp"

namespace net {

// Raises RLIMIT_NOFILE to its hard limit, as far as the kernel lets it, and counts what is open.
descriptor_supply raise_descriptor_limit();

} // namespace net
