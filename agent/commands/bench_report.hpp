#pragma once
// What `ringtail bench` says: a line each second, the table at the end, the same as JSON.

#include "agent/commands/bench_options.hpp"
#include "agent/load/verdict.hpp"

#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <vector>

namespace agent::commands {

// One load from its begin to its verdict.
struct bench_result {
    std::string target; // "s2://basin/stream at https://…"
    load_progress load;
    std::uint64_t undelivered = 0;       // events not acknowledged at the end
    std::optional<load_verdict> verdict; // none: nothing could be judged
    std::string no_verdict;              // why
    std::vector<std::string> kept;       // what was left behind, and how to remove it
    exit_code code = exit_code::failure;
};

// How far it is, and how fast since `before`, `passed` ago.
std::string progress_line(const load_progress& now, std::uint64_t durable_before, net::duration passed,
                          net::duration since_begin);
std::string table(const bench_options& asked, const bench_result& of); // ends with the verdict's line
boost::json::object to_json(const bench_options& asked, const bench_result& of);

} // namespace agent::commands
