#pragma once
// What /metrics says, in the text format of Prometheus (0.0.4). Plain numbers in, text out; no names of
// sessions, places or streams, and nothing secret.

#include "agent/api/control.hpp"
#include "agent/delivery/report.hpp"

#include <cstdint>
#include <string>

namespace agent {

struct metrics_facts {
    report account;
    bool ready = false;
    seq_t last_seq = 0;
    std::uint64_t refused = 0;  // by this process, of all sessions
    std::uint64_t filtered = 0; // likewise
    std::uint64_t ring_bytes = 0;
    std::uint64_t ring_capacity = 0;
    std::uint64_t disk_full = 0; // roll-overs that met a full disk
    std::uint64_t damaged_segments = 0;
    std::size_t sse_clients = 0;
    connection_count connections;
};

std::string metrics_text(const metrics_facts& of);

} // namespace agent
