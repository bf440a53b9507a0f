#pragma once
// File descriptors are budgeted at start (product: Bounded): what the ring, the store and delivery may need
// is set aside, and connections share the rest, so that no number of them makes a publish or a delivery fail.
// Plain data, no I/O.

#include "agent/config/config.hpp"
#include "net/environment.hpp"

#include <cstddef>
#include <string>

namespace agent {

// Who asks for metrics and probes is never many at one time.
constexpr std::size_t metrics_connections_max = 8;
constexpr std::size_t metrics_connections_spare = 4;

// What will want descriptors.
struct descriptor_needs {
    bool state_dir = false;
    bool embedded_store = false;
    bool s2 = false;
    bool file_sink = false;
    bool input = false;
    std::size_t listeners = 0;
    std::size_t set_aside = 0;          // for connections of their own: what asks for metrics
    std::size_t connections_wanted = 0; // of all listeners together
    std::size_t ndjson_wanted = 0;      // of these

    bool operator==(const descriptor_needs&) const = default;
};

// At most, for an address to listen on: how many addresses a name has is not known yet.
std::size_t listeners_of(const std::optional<net::endpoint>& at);

descriptor_needs needs_of(const config& configuration);

struct descriptor_budget {
    std::size_t limit = 0;
    std::size_t open = 0;     // already at start; part of `reserved`
    std::size_t reserved = 0; // for all but connections
    std::size_t connections = 0;
    std::size_t ndjson_connections = 0; // of these
    std::size_t spare = 0;  // connections of which one request is read when all places are taken; reserved
    std::size_t needed = 0; // the least limit

    bool enough() const { return limit >= needed; }

    bool operator==(const descriptor_budget&) const = default;
};

descriptor_budget budget_descriptors(const net::descriptor_supply& supply, const descriptor_needs& needs);

// For the log; the second where there are not enough.
std::string text_of(const descriptor_budget& budget);
std::string too_few_text(const descriptor_budget& budget);

} // namespace agent
