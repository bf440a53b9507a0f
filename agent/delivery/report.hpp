#pragma once
// The report at exit, status.json and GET /status: one account of one run (product: "Report and status").

#include "agent/config/exit_code.hpp"
#include "agent/delivery/delivery.hpp"

#include <boost/json/object.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace agent {

struct report {
    std::optional<session_account> session; // of this run's (last) session
    std::uint64_t refused = 0;
    backlog_size backlog;
    std::optional<exit_code> exit; // none while running
    // Beyond the contract's members, for status:
    std::string state; // "starting", "running", "stopping", "stopped"
    delivery_status delivery;
    std::optional<std::string>
        api; // the address to call this agent at, "http://127.0.0.1:10001" or "unix:/path"
    std::vector<std::string> listening; // all of them
    int pid = 0;
};

// Members in the contract's order: session_id, s2_stream, published, durable, undelivered, undelivered_bytes,
// dropped, refused, durable_seq, tail, backlog, exit; then what status adds.
boost::json::object to_json(const report& of);

// Member streams, [{place, stream, events, bytes, state, reason}] with the producers' events of each that has
// something undelivered; where not all are listed, streams_not_listed says how many more there are.
void add_streams(boost::json::object& to, const delivery_status& status);

// One line of JSON to a file (replaced as a whole), or to standard output for "-". Blocking.
net::error_code write_report(net::environment& env, const report& of, const std::string& where);
// The same as <state_dir>/status.json, which outlives the agent. Blocking.
net::error_code write_status(net::environment& env, const report& of, const std::filesystem::path& state_dir);
net::result<boost::json::object> read_status(net::file_system& files, const std::filesystem::path& state_dir);

} // namespace agent
