#pragma once
// The format of a state directory, by number and the version that wrote it, in a file of its own: an earlier
// one is taken over, a later one refused (product: --state-dir).

#include "net/environment.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace agent {

// Rises when an earlier version could not go on with what this one leaves. 1 had no such file.
constexpr unsigned state_format = 2;

// Says that the directory is of this format from here on, synced, before anything in it is taken over. Else
// why it can't be used, and what to do. Blocking.
std::optional<std::string> claim_state_format(net::environment& env, const std::filesystem::path& dir);

} // namespace agent
