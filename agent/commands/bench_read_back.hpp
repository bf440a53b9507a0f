#pragma once
// What the bench does at the place of its stream beside the load: looks before, reads back, deletes.

#include "agent/archive/replay_target.hpp"
#include "agent/config/config.hpp"
#include "agent/delivery/report.hpp"
#include "agent/load/verdict.hpp"
#include "net/task/task_group.hpp"

#include <optional>
#include <string>
#include <vector>

namespace agent::commands {

// The stream that a load is to go to, before it does.
struct stream_before {
    bool there = false;
    std::uint64_t tail = 0;
    std::string failure; // it could not be looked at
    exit_code code = exit_code::failure;
};

net::task<stream_before> look_at_stream(net::environment& env, const config& from, std::string stream);

// Hands every record of the parts, commands left out, to the verdict; the first part is read from
// `first_position` on. A text: why it could not be read to its end.
net::task<std::optional<std::string>> read_back(net::environment& env, const config& from,
                                                std::vector<replay_part> parts, std::uint64_t first_position,
                                                load_verdict& into);

// Those that are not there count as deleted. A text: why one could not be deleted.
net::task<std::optional<std::string>> delete_streams(net::environment& env, const config& from,
                                                     std::vector<replay_part> parts);

} // namespace agent::commands
