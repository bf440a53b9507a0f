#pragma once
// The history on one SQLite file: write-ahead log, synchronous=FULL, a row a session and a row a stream, each
// with its record as JSON text. Readable with sqlite3, and by `replay`, while the agent writes.
//
// Layout (schema version 1):
//   sessions  id, last_start (the seq of its last start), in_store, record
//   streams   basin, account_endpoint, basin_endpoint, stream, last_used (as last_start), state

#include "agent/state/history_storage.hpp"
#include "s2/local/sqlite.hpp"

namespace agent {

class sqlite_history final : public history_storage {
public:
    struct options {
        bool read_only = false;
        std::uint32_t page_count_max = 0;         // 0: SQLite's own limit; a test's small disk
        std::size_t keeps = history_sessions_max; // sessions
    };

    static stored<std::unique_ptr<sqlite_history>> open(const std::filesystem::path& file, options how);
    ~sqlite_history() override;

    stored<void> keep(const std::vector<session_record>& sessions,
                      const std::vector<delivery_state>& streams) override;
    stored<std::optional<session_record>> find_session(const std::string& id) override;
    stored<std::optional<delivery_state>> find_stream(const place& at, const std::string& stream) override;
    stored<std::vector<session_record>> oldest_in_store(std::size_t limit) override;
    stored<void> left_store(const std::string& id) override;

private:
    sqlite_history(s2::local::database opened, std::size_t keeps);
    stored<void> prepare(const options& how);
    stored<void> keep_one(const session_record& session);
    stored<void> keep_one(const delivery_state& stream, std::uint64_t last_used);
    stored<void> drop_oldest();

    s2::local::database db_;
    std::size_t keeps_;
    struct statements;
    std::unique_ptr<statements> sql_;
};

// The real one, for whoever opens a history.
stored<std::unique_ptr<history_storage>> open_sqlite_history(net::environment& env,
                                                             const std::filesystem::path& file);

} // namespace agent
