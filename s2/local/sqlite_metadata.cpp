// Basins and streams in SQLite.

#include "s2/local/sqlite_statements.hpp"

namespace s2::local {
namespace {

basin_row basin_of(const use& query) {
    return {query.bytes_at(0), query.number_at(1), query.optional_at(2), query.bytes_at(3),
            query.bytes_at(4)};
}

// The least text above everything that begins with the prefix; empty: there is none.
std::string behind_prefix(std::string prefix) {
    while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF)
        prefix.pop_back();
    if (!prefix.empty())
        ++prefix.back();
    return prefix;
}

} // namespace

stored<std::optional<basin_row>> sqlite_storage::find_basin(const std::string& name) {
    use query(db_, sql_->find_basin);
    auto found = query.text(name).row();
    if (!found)
        return found.error();
    return *found ? std::optional(basin_of(query)) : std::nullopt;
}

stored<std::vector<basin_row>> sqlite_storage::list_basins(const list_query& asked) {
    use query(db_, sql_->list_basins);
    const std::string end = behind_prefix(asked.prefix);
    query.text(asked.start_after).text(asked.prefix).text(end).number(static_cast<std::int64_t>(asked.limit));
    std::vector<basin_row> rows;
    while (true) {
        auto found = query.row();
        if (!found)
            return found.error();
        if (!*found)
            return rows;
        rows.push_back(basin_of(query));
    }
}

stored<void> sqlite_storage::put_basin(const basin_row& row) {
    use put(db_, sql_->put_basin);
    return put.text(row.name)
        .number(row.created_at_us)
        .number(row.deleted_at_us)
        .text(row.config)
        .text(row.creation_key)
        .run();
}

stored<void> sqlite_storage::remove_basin(const std::string& name) {
    use remove(db_, sql_->remove_basin);
    return remove.text(name).run();
}

stored<void> sqlite_storage::fill_tail(stream_row& row) {
    use query(db_, sql_->last_batch);
    auto found = query.number(key_of(row.id, 0)).number(key_of(row.id, seq_num_max)).row();
    if (!found)
        return found.error();
    if (!*found)
        return {};
    const std::uint64_t end = (query.unsigned_at(0) & seq_num_max) + query.unsigned_at(1);
    if (end > row.tail.seq_num) {
        row.tail = {end, query.unsigned_at(3)};
        row.written_at_ms = query.number_at(4);
    }
    return {};
}

stored<std::vector<stream_row>> sqlite_storage::streams_of(use& query) {
    std::vector<stream_row> rows;
    while (true) {
        auto found = query.row();
        if (!found)
            return found.error();
        if (!*found)
            return rows;
        stream_row row;
        row.id = query.number_at(0);
        row.basin = query.bytes_at(1);
        row.name = query.bytes_at(2);
        row.created_at_us = query.number_at(3);
        row.deleted_at_us = query.optional_at(4);
        row.config = query.bytes_at(5);
        row.creation_key = query.bytes_at(6);
        row.fencing_token = query.bytes_at(7);
        row.trim_point = query.unsigned_at(8);
        row.tail = {query.unsigned_at(9), query.unsigned_at(10)};
        row.written_at_ms = query.number_at(11);
        rows.push_back(std::move(row));
    }
}

stored<std::optional<stream_row>> sqlite_storage::find_stream(const std::string& basin,
                                                              const std::string& name) {
    use query(db_, sql_->find_stream);
    auto rows = streams_of(query.text(basin).text(name));
    if (!rows)
        return rows.error();
    if (rows->empty())
        return std::nullopt;
    if (auto filled = fill_tail(rows->front()); !filled)
        return filled.error();
    return std::move(rows->front());
}

stored<std::vector<stream_row>> sqlite_storage::list_streams(const std::string& basin,
                                                             const list_query& asked) {
    use query(db_, sql_->list_streams);
    const std::string end = behind_prefix(asked.prefix);
    query.text(basin)
        .text(asked.start_after)
        .text(asked.prefix)
        .text(end)
        .number(static_cast<std::int64_t>(asked.limit));
    return streams_of(query);
}

stored<std::vector<stream_row>> sqlite_storage::list_all_streams(std::int64_t above_id, std::size_t limit) {
    use query(db_, sql_->list_all);
    auto rows = streams_of(query.number(above_id).number(static_cast<std::int64_t>(limit)));
    if (rows)
        for (auto& row : *rows)
            if (auto filled = fill_tail(row); !filled)
                return filled.error();
    return rows;
}

stored<std::int64_t> sqlite_storage::put_stream(const stream_row& row) {
    if (row.id == 0) {
        use insert(db_, sql_->insert_stream);
        insert.text(row.basin)
            .text(row.name)
            .number(row.created_at_us)
            .text(row.config)
            .text(row.creation_key);
        if (auto done = insert.run(); !done)
            return done.error();
        const std::int64_t id = sqlite3_last_insert_rowid(db_.handle());
        if (id <= stream_id_max)
            return id;
        (void)remove_stream(id);
        return storage_error{storage_error::kind::full, "this file has had as many streams as it can hold"};
    }
    use update(db_, sql_->update_stream);
    if (auto done = update.text(row.config).number(row.deleted_at_us).number(row.id).run(); !done)
        return done.error();
    return row.id;
}

stored<void> sqlite_storage::remove_stream(std::int64_t id) {
    use remove(db_, sql_->remove_stream);
    return remove.number(id).run();
}

} // namespace s2::local
