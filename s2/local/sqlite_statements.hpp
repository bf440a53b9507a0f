#pragma once
// The store's tables, and every statement that sqlite_storage runs on them.

#include "s2/local/sqlite_storage.hpp"

#include <algorithm>

namespace s2::local {

inline constexpr std::int64_t schema_version = 1;
inline constexpr std::int64_t application_id = 0x52544c53; // "RTLS"

inline constexpr const char* schema = R"sql(
CREATE TABLE basins (
    name TEXT PRIMARY KEY, created_at_us INTEGER NOT NULL, deleted_at_us INTEGER, config TEXT NOT NULL,
    creation_key TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT, basin TEXT NOT NULL, name TEXT NOT NULL, created_at_us INTEGER NOT NULL,
    deleted_at_us INTEGER, config TEXT NOT NULL, creation_key TEXT NOT NULL, fencing_token TEXT NOT NULL DEFAULT '',
    trim_point INTEGER NOT NULL DEFAULT 0, tail_seq INTEGER NOT NULL DEFAULT 0,
    tail_timestamp INTEGER NOT NULL DEFAULT 0, written_at_ms INTEGER NOT NULL DEFAULT 0, UNIQUE (basin, name)) STRICT;
CREATE TABLE batches (
    key INTEGER PRIMARY KEY, records INTEGER NOT NULL, metered INTEGER NOT NULL, last_timestamp INTEGER NOT NULL,
    written_at_ms INTEGER NOT NULL, data BLOB NOT NULL,
    stream INTEGER GENERATED ALWAYS AS (key >> 40) VIRTUAL,
    first_seq INTEGER GENERATED ALWAYS AS (key & 1099511627775) VIRTUAL) STRICT;
)sql";

#define STREAM_COLUMNS                                                                                       \
    "id, basin, name, created_at_us, deleted_at_us, config, creation_key, fencing_token, trim_point, "       \
    "tail_seq, "                                                                                             \
    "tail_timestamp, written_at_ms"
#define BATCH_COLUMNS "key, records, metered, last_timestamp, written_at_ms"

// The stream in the upper 23 bits, the seq_num in the lower 40 (seq_num_max).
inline std::int64_t key_of(std::int64_t stream, std::uint64_t seq) {
    return stream << 40 | static_cast<std::int64_t>(std::min(seq, seq_num_max));
}

inline constexpr std::int64_t stream_id_max = (std::int64_t{1} << 23) - 1;

// All statements on batches take their range as two keys, both of one stream.
struct sqlite_storage::statements {
    statement insert_batch, last_batch, front, batches_from, erase_front;
    statement set_token, set_trim, keep_tail;
    statement find_basin, list_basins, put_basin, remove_basin;
    statement find_stream, list_streams, list_all, insert_stream, update_stream, remove_stream;

    explicit statements(database& on)
        : insert_batch(on, "INSERT INTO batches (" BATCH_COLUMNS ", data) VALUES (?, ?, ?, ?, ?, ?)")
        , last_batch(on, "SELECT " BATCH_COLUMNS
                         " FROM batches WHERE key >= ? AND key <= ? ORDER BY key DESC LIMIT 1")
        , front(on, "SELECT " BATCH_COLUMNS " FROM batches WHERE key >= ? AND key <= ? ORDER BY key LIMIT ?")
        , batches_from(on,
                       "SELECT " BATCH_COLUMNS ", data FROM batches WHERE key >= ? AND key < ? ORDER BY key")
        , erase_front(on, "DELETE FROM batches WHERE key >= ? AND key <= ?")
        , set_token(on, "UPDATE streams SET fencing_token = ? WHERE id = ?")
        , set_trim(on, "UPDATE streams SET trim_point = ? WHERE id = ?")
        , keep_tail(on, "UPDATE streams SET tail_seq = ?, tail_timestamp = ?, written_at_ms = ? WHERE id = ? "
                        "AND tail_seq < ?1")
        , find_basin(
              on,
              "SELECT name, created_at_us, deleted_at_us, config, creation_key FROM basins WHERE name = ?")
        , list_basins(on, "SELECT name, created_at_us, deleted_at_us, config, creation_key FROM basins "
                          "WHERE name > ? AND name >= ? AND (?3 = '' OR name < ?3) ORDER BY name LIMIT ?4")
        , put_basin(on, "INSERT INTO basins (name, created_at_us, deleted_at_us, config, creation_key) "
                        "VALUES (?, ?, ?, ?, ?) "
                        "ON CONFLICT (name) DO UPDATE SET deleted_at_us = excluded.deleted_at_us, config = "
                        "excluded.config")
        , remove_basin(on, "DELETE FROM basins WHERE name = ?")
        , find_stream(on, "SELECT " STREAM_COLUMNS " FROM streams WHERE basin = ? AND name = ?")
        , list_streams(on,
                       "SELECT " STREAM_COLUMNS " FROM streams WHERE basin = ? AND name > ? AND name >= ? "
                       "AND (?4 = '' OR name < ?4) ORDER BY name LIMIT ?5")
        , list_all(on, "SELECT " STREAM_COLUMNS " FROM streams WHERE id > ? ORDER BY id LIMIT ?")
        , insert_stream(
              on,
              "INSERT INTO streams (basin, name, created_at_us, config, creation_key) VALUES (?, ?, ?, ?, ?)")
        , update_stream(on, "UPDATE streams SET config = ?, deleted_at_us = ? WHERE id = ?")
        , remove_stream(on, "DELETE FROM streams WHERE id = ?") {}
};

#undef STREAM_COLUMNS
#undef BATCH_COLUMNS

} // namespace s2::local
