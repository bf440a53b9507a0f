#pragma once
// The server that the cases run against: named by RINGTAIL_CONFORMANCE_ENDPOINT (http://… or https://…), with
// RINGTAIL_CONFORMANCE_CA (a file) or RINGTAIL_CONFORMANCE_INSECURE=1 for its certificate; or one in this
// process.

#include "s2/connector.hpp"

#include <functional>
#include <optional>

namespace conformance {

struct target {
    s2::endpoints where;
    s2::connector_options options; // with a dial function for a server in this process
};

// Starts a server inside this process, in the group; gives how to reach it. A program that links one sets
// this before the cases run; RINGTAIL_CONFORMANCE_ENDPOINT=in-process then selects it.
using in_process_server = std::function<s2::dial_function(net::environment&, net::task_group&)>;
void set_in_process_server(in_process_server start);

// Nothing: no target is configured, and the case is skipped.
std::optional<target> find_target(net::environment& env, net::task_group& group);
bool target_configured();

} // namespace conformance
