#pragma once
// A blank mapping that can become the next segment: a new file, a recycled one, or anonymous memory.

#include "agent/ring/segment.hpp"

namespace agent {

struct ring_spare {
    std::filesystem::path path; // where it is now; empty: anonymous
    ring_pin mapping;
    bool dense = false; // made for many events a second: see ring_head::rate()
};

} // namespace agent
