#pragma once
// Durations and sizes as people write them: "100ms", "1m30s", "256MiB", "64k".

#include "net/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agent {

// One or more numbers with a unit each (ns, us, µs, ms, s, m, h, d), "1m30s", "1.5s"; "0" needs none.
// Nothing: not a duration, or more than 290 years.
std::optional<net::duration> parse_duration(std::string_view text);
// In the largest units that give it exactly: "1m30s", "100ms", "0s".
std::string duration_text(net::duration value);

// A number, possibly with a fraction, and a unit: none or B; k, K, KiB = 1024 and so on with M, G, T; kB, KB
// = 1000 and so on. Nothing: not a size, not a whole number of bytes, or beyond 2^63.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string size_text(std::uint64_t bytes); // "256MiB", "1000B"

} // namespace agent
