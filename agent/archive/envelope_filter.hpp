#pragma once
// Which envelopes `replay` and `tail` show: --since, --until, --type, --category, --limit. A plain struct; it
// compares the event's own ts, never the stored timestamp (the service clamps that one).

#include "agent/event/event.hpp"
#include "net/clock.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

struct envelope_filter {
    std::optional<net::wall_micros> since; // inclusive
    std::optional<net::wall_micros> until; // exclusive
    std::string type_glob;                 // * and ?; empty: any
    std::vector<std::string> categories;   // names; empty: any

    bool passes(const envelope_head& head) const;
};

// * is any run of characters, ? any one byte; everything else is itself.
bool glob_matches(std::string_view pattern, std::string_view text);

// µs since 1970 as a number, RFC 3339 ("2026-01-02T03:04:05.678Z", also with an offset, also the date alone),
// "now", or a duration, which means so long ago. Nothing: none of them.
std::optional<net::wall_micros> parse_moment(std::string_view text, net::wall_micros now);

} // namespace agent
