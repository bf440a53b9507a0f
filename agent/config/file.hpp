#pragma once
// A configuration file: TOML 1.0, keys as the flags without dashes, no sections. A text is a string, a number
// (N) an integer, a flag without a value a boolean, a LIST a string or an array of strings; a size may be an
// integer too (bytes), as on the command line. Everything else is refused with line and key.
// An error never repeats what may be a secret (a token on a line of its own): no more than a key of ours.

#include "agent/config/sources.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace agent {

// The settings of a configuration file into `into`; they are there only where nothing is returned.
std::optional<config_error> gather_file(std::string_view content, const std::string& path,
                                        setting_values& into);

} // namespace agent
