#include "agent/state/sqlite_history.hpp"

#include "agent/state/session_record_json.hpp"

#include <algorithm>

namespace agent {
namespace {

using s2::local::database;
using s2::local::statement;
using s2::local::use;

constexpr std::int64_t application_id = 0x52544848; // "RTHH"
constexpr std::int64_t schema_version = 1;

// A start waits for what is looked up here: another program that locks the file delays it no longer.
constexpr const char* patience = "PRAGMA busy_timeout=250";

constexpr const char* schema = R"sql(
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, last_start INTEGER NOT NULL, in_store INTEGER NOT NULL, record TEXT NOT NULL) STRICT;
CREATE INDEX sessions_by_start ON sessions (last_start);
CREATE INDEX sessions_in_store ON sessions (last_start) WHERE in_store;
CREATE TABLE streams (
    basin TEXT NOT NULL, account_endpoint TEXT NOT NULL, basin_endpoint TEXT NOT NULL, stream TEXT NOT NULL,
    last_used INTEGER NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (stream, basin, basin_endpoint, account_endpoint)) STRICT;
CREATE INDEX streams_by_use ON streams (last_used);
)sql";

storage_error damaged(const std::string& what) {
    return {storage_error::kind::corrupt, what + " is no record of this program"};
}

std::uint64_t last_start(const session_record& of) {
    return of.spans.empty() ? 0 : of.spans.back().from_seq;
}

bool in_store(const session_record& session) {
    return std::any_of(session.parts.begin(), session.parts.end(),
                       [](const session_part& part) { return part.at.embedded(); });
}

} // namespace

struct sqlite_history::statements {
    statement put_session, put_stream, find_session, find_stream, oldest, left, drop_sessions, drop_streams;

    explicit statements(database& on)
        : put_session(on, "INSERT OR REPLACE INTO sessions (id, last_start, in_store, record) "
                          "VALUES (?, ?, ?, ?)")
        , put_stream(on, "INSERT OR REPLACE INTO streams (basin, account_endpoint, basin_endpoint, stream, "
                         "last_used, state) VALUES (?, ?, ?, ?, ?, ?)")
        , find_session(on, "SELECT record FROM sessions WHERE id = ?")
        , find_stream(on, "SELECT state FROM streams WHERE stream = ? AND basin = ? AND basin_endpoint = ? "
                          "AND account_endpoint = ?")
        , oldest(on, "SELECT record FROM sessions WHERE in_store ORDER BY last_start LIMIT ?")
        , left(on, "UPDATE sessions SET in_store = 0 WHERE id = ?")
        , drop_sessions(on, "DELETE FROM sessions WHERE last_start < (SELECT last_start FROM sessions "
                            "ORDER BY last_start DESC LIMIT 1 OFFSET ?)")
        , drop_streams(on, "DELETE FROM streams WHERE last_used < (SELECT last_used FROM streams "
                           "ORDER BY last_used DESC LIMIT 1 OFFSET ?)") {}
};

sqlite_history::sqlite_history(database opened, std::size_t keeps)
    : db_(std::move(opened))
    , keeps_(keeps) {}

// The statements go before the database; closing it folds the log in.
sqlite_history::~sqlite_history() = default;

stored<std::unique_ptr<sqlite_history>> sqlite_history::open(const std::filesystem::path& file, options how) {
    auto opened = database::open(file, {how.read_only, 0});
    if (!opened)
        return opened.error();
    std::unique_ptr<sqlite_history> made(new sqlite_history(std::move(*opened), how.keeps));
    if (auto ready = made->prepare(how); !ready) {
        auto why = ready.error();
        why.message = file.string() + ": " + why.message;
        return why;
    }
    return made;
}

stored<void> sqlite_history::prepare(const options& how) {
    if (auto done = db_.execute(patience); !done)
        return done;
    if (!how.read_only)
        if (auto done = db_.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
                                    "PRAGMA journal_size_limit=4194304");
            !done)
            return done;
    if (auto done = db_.execute("PRAGMA cache_size=-1024"); !done)
        return done;
    const auto version = db_.number("PRAGMA user_version");
    const auto application = db_.number("PRAGMA application_id");
    const auto tables = db_.number("SELECT count(*) FROM sqlite_schema");
    if (!version || !application || !tables)
        return (!version ? version : !application ? application : tables).error();
    if (*tables == 0 && !how.read_only) {
        auto created = db_.within_transaction([&]() -> stored<void> {
            const std::string stamp = "PRAGMA application_id=" + std::to_string(application_id) +
                                      "; PRAGMA user_version=" + std::to_string(schema_version);
            if (auto done = db_.execute(schema); !done)
                return done;
            return db_.execute(stamp.c_str());
        });
        if (!created)
            return created;
    } else if (*application != application_id) {
        return storage_error{storage_error::kind::corrupt, "not a history of this program"};
    } else if (*version != schema_version) {
        return storage_error{storage_error::kind::corrupt,
                             "written by another version of this program (schema " +
                                 std::to_string(*version) + ", this one knows " +
                                 std::to_string(schema_version) + ")"};
    }
    if (how.page_count_max != 0)
        if (auto set = db_.execute(("PRAGMA max_page_count=" + std::to_string(how.page_count_max)).c_str());
            !set)
            return set;
    sql_ = std::make_unique<statements>(db_);
    return {};
}

stored<void> sqlite_history::keep(const std::vector<session_record>& sessions,
                                  const std::vector<delivery_state>& streams) {
    // What goes into a file that has no name any more is gone with this process.
    if (db_.file_gone())
        return storage_error{storage_error::kind::unusable,
                             "the file was removed or moved away while it was open"};
    return db_.within_transaction([&]() -> stored<void> {
        std::uint64_t newest = 0;
        for (const auto& one : sessions) {
            newest = std::max(newest, last_start(one));
            if (auto done = keep_one(one); !done)
                return done;
        }
        for (const auto& one : streams)
            if (auto done = keep_one(one, std::max(newest, one.durable_seq)); !done)
                return done;
        return drop_oldest();
    });
}

stored<void> sqlite_history::keep_one(const session_record& session) {
    const auto text = to_json_text(session);
    use put(db_, sql_->put_session);
    put.text(session.id).number(last_start(session)).number(std::int64_t{in_store(session)}).text(text);
    return put.run();
}

stored<void> sqlite_history::keep_one(const delivery_state& stream, std::uint64_t last_used) {
    const auto text = to_json_text(stream);
    use put(db_, sql_->put_stream);
    put.text(stream.at.basin).text(stream.at.account_endpoint).text(stream.at.basin_endpoint);
    put.text(stream.stream).number(last_used).text(text);
    return put.run();
}

stored<void> sqlite_history::drop_oldest() {
    use sessions(db_, sql_->drop_sessions);
    if (auto done = sessions.number(std::uint64_t{keeps_ - 1}).run(); !done)
        return done;
    use streams(db_, sql_->drop_streams);
    const auto streams_max = keeps_ * (history_streams_max / history_sessions_max);
    return streams.number(std::uint64_t{streams_max - 1}).run();
}

stored<std::optional<session_record>> sqlite_history::find_session(const std::string& id) {
    use find(db_, sql_->find_session);
    const auto found = find.text(id).row();
    if (!found)
        return found.error();
    if (!*found)
        return std::optional<session_record>();
    auto record = session_record_of_json(find.bytes_at(0));
    if (!record || record->id != id)
        return damaged("the row of capture session " + id);
    return record;
}

stored<std::optional<delivery_state>> sqlite_history::find_stream(const place& at,
                                                                  const std::string& stream) {
    use find(db_, sql_->find_stream);
    find.text(stream).text(at.basin).text(at.basin_endpoint).text(at.account_endpoint);
    const auto found = find.row();
    if (!found)
        return found.error();
    if (!*found)
        return std::optional<delivery_state>();
    auto state = delivery_state_of_json(find.bytes_at(0));
    if (!state || state->stream != stream || !(state->at == at))
        return damaged("the row of stream " + stream);
    return state;
}

stored<std::vector<session_record>> sqlite_history::oldest_in_store(std::size_t limit) {
    std::vector<session_record> sessions;
    use query(db_, sql_->oldest);
    query.number(std::uint64_t{limit});
    for (;;) {
        const auto next = query.row();
        if (!next)
            return next.error();
        if (!*next)
            return sessions;
        auto record = session_record_of_json(query.bytes_at(0));
        if (!record)
            return damaged("a row of a capture session");
        sessions.push_back(std::move(*record));
    }
}

stored<void> sqlite_history::left_store(const std::string& id) {
    use update(db_, sql_->left);
    return update.text(id).run();
}

stored<std::unique_ptr<history_storage>> open_sqlite_history(net::environment&,
                                                             const std::filesystem::path& file) {
    auto opened = sqlite_history::open(file, {});
    if (!opened)
        return opened.error();
    return std::unique_ptr<history_storage>(std::move(*opened));
}

} // namespace agent
