#pragma once
// Invariant 5: the named maxima, whatever happens.

#include "tests/sim/agent_host.hpp"
#include "tests/sim/service_watch.hpp"

namespace sim {

class bounds_checker {
public:
    static constexpr std::uint64_t every_events = 256; // how often the disks are looked at

    explicit bounds_checker(const service_watch& watch)
        : watch_(watch) {}

    void check_traffic(const agent::config& how) const;
    void check_disk(const agent_host& agent);

    // After each event.
    bool due() { return ++events_ % every_events == 0; }

private:
    const service_watch& watch_;
    std::uint64_t events_ = 0;
};

} // namespace sim
