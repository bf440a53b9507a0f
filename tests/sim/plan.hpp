#pragma once
// What one seed makes of the world: how the agent is configured, what its callers do, which families of
// faults there are, and when the big ones strike.

#include "agent/config/config.hpp"
#include "tests/sim/api_caller.hpp"
#include "tests/sim/faults.hpp"

#include <string>
#include <vector>

namespace sim {

struct planned_act {
    net::duration after; // the beginning
    fault what;
    net::duration lasts{}; // until it is undone (a restart, a resume), where it has an end
};

struct plan {
    std::uint64_t seed = 0;
    agent::config agent;
    caller_plan callers;
    link_profile link;
    bool create_stream_on_append = true;
    net::duration active_for{};      // then everything heals
    bool stops_under_faults = false; // a SIGTERM before things heal
    std::vector<std::string> families;
    std::vector<std::pair<fault, unsigned>> rates; // per mille of each opportunity
    std::vector<planned_act> acts;                 // in order
    bool capacity_may_drop = false;                // the ring is overrun on purpose
    bool tls = false;                              // between agents and service
    bool lines_only = false;                       // events come by standard input, and by nothing else
    std::size_t sessions_kept = 0;                 // more leave the tables for the history; 0: there is none

    bool has(std::string_view family) const;
    bool plans(fault what) const;

    // One agent writes its sessions, each into the stream that has its name, and nobody else.
    bool one_writer() const {
        return !has("copies") && !has("others") && agent.s2.stream_template == "{capture_session_id}";
    }

    std::string text() const; // one line
};

plan draw_plan(std::uint64_t seed);

// Of it, in worlds that have them (plan_hardships.cpp).
void draw_shortages(plan& into, draw source);
void draw_forbidden_streams(plan& into, draw source);
void draw_hidden_facts(plan& into, draw source);

constexpr std::string_view service_token = "sim-secret-5f1e2d";
constexpr std::string_view token_path = "/token"; // where it comes from a file
constexpr std::string_view basin_name = "simulated-basin";

} // namespace sim
