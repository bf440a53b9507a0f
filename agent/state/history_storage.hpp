#pragma once
// Where the history keeps the sessions that have left the tables, and what is known of their streams. Every
// call is synchronous and runs on the helper thread, one at a time; sqlite_history is the real one, a model
// takes its place in simulation.
//
// 1. What keep() returned success for survives the death of the process and of the machine; what it returned
//    an error for is not there, whole or in part.
// 2. One row a session id, one row a stream of a place: the newest that was kept. So a stream that sessions
//    share has one state, whichever of them left last.

#include "agent/state/delivery_table.hpp"
#include "agent/state/session_table.hpp"
#include "s2/local/storage.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace agent {

constexpr std::size_t history_sessions_max = 100'000; // the newest, by their last start
constexpr std::size_t history_streams_max = 2 * history_sessions_max;
constexpr std::string_view history_file = "sessions.db";

using s2::local::storage_error;
using s2::local::stored;

class history_storage {
public:
    virtual ~history_storage() = default;

    virtual stored<void> keep(const std::vector<session_record>& sessions,
                              const std::vector<delivery_state>& streams) = 0;
    virtual stored<std::optional<session_record>> find_session(const std::string& id) = 0;
    virtual stored<std::optional<delivery_state>> find_stream(const place& at, const std::string& stream) = 0;

    // Sessions that the embedded store still holds something of, the oldest first.
    virtual stored<std::vector<session_record>> oldest_in_store(std::size_t limit) = 0;
    // It holds nothing of it any more.
    virtual stored<void> left_store(const std::string& id) = 0;
};

// Makes the file where there is none. Of its errors `corrupt` and `unusable` say that this file will never
// do, also because a later version wrote it.
using history_opener = std::function<stored<std::unique_ptr<history_storage>>(net::environment& env,
                                                                              const std::filesystem::path&)>;

} // namespace agent
