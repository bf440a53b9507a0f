#pragma once
// What all parts of one agent share.

#include "agent/config/config.hpp"
#include "agent/intake/body_memory.hpp"
#include "agent/load/producer.hpp"
#include "agent/service/descriptors.hpp"
#include "agent/service/stop_order.hpp"
#include "net/task/task_group.hpp"

#include <functional>
#include <string_view>

namespace agent {

constexpr net::duration close_grace = std::chrono::seconds(2); // for parts that need no network

struct service_core {
    service_core(net::environment& world, const config& from, producer* publishing)
        : env(world)
        , configuration(from)
        , in_process(publishing)
        , stop(world, from.shutdown_timeout, from.input_grace)
        , bodies(world) {}

    net::environment& env;
    const config& configuration;
    producer* in_process; // publishes where the configuration names no input
    stop_order stop;
    body_memory bodies; // of all callers and intakes
    descriptor_budget descriptors;
    net::task_group* connections = nullptr; // outlives all parts
    net::task_group* tasks = nullptr;       // of the parts, which outlive it
    bool ready = false;
    bool part_failed = false;
    bool session_resumed = false;
    bool input_failed = false;
    bool input_unread = false; // when it was stopped

    bool has_input() const { return configuration.input || in_process; } // whose end is the agent's

    // A task that nobody waits for.
    void run(std::string_view name, std::function<net::task<>()> body);
    // Without this part the agent is not what it was told to be, but what it holds still has to be delivered.
    void fail(const std::string& line);
};

} // namespace agent
