#include "s2/local/sqlite_storage.hpp"

#include "s2/local/sqlite_statements.hpp"

namespace s2::local {
namespace {

batch_row batch_of(const use& query, std::int64_t stream) {
    batch_row row;
    row.stream = stream;
    row.first_seq = query.unsigned_at(0) & seq_num_max;
    row.records = static_cast<std::uint32_t>(query.number_at(1));
    row.metered = query.unsigned_at(2);
    row.last_timestamp = query.unsigned_at(3);
    row.written_at_ms = query.number_at(4);
    return row;
}

} // namespace

sqlite_storage::sqlite_storage(database opened)
    : db_(std::move(opened)) {}

// The statements go before the database; closing it folds the log in.
sqlite_storage::~sqlite_storage() = default;

stored<std::unique_ptr<sqlite_storage>> sqlite_storage::open(const std::filesystem::path& file, options how) {
    auto opened = database::open(file, how);
    if (!opened)
        return opened.error();
    std::unique_ptr<sqlite_storage> storage(new sqlite_storage(std::move(*opened)));
    if (auto ready = storage->prepare(how.read_only); !ready) {
        auto why = ready.error();
        why.message = file.string() + ": " + why.message;
        return why;
    }
    if (how.page_count_max)
        if (auto set =
                storage->db_.execute(("PRAGMA max_page_count=" + std::to_string(how.page_count_max)).c_str());
            !set)
            return set.error();
    return storage;
}

stored<void> sqlite_storage::prepare(bool read_only) {
    const std::string setup = "PRAGMA page_size=" + std::to_string(page_bytes) +
                              "; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"
                              "; PRAGMA wal_autocheckpoint=" +
                              std::to_string(checkpoint_pages) +
                              "; PRAGMA journal_size_limit=" + std::to_string(log_bytes_max);
    if (!read_only)
        if (auto done = db_.execute(setup.c_str()); !done)
            return done;
    if (auto done = db_.execute(("PRAGMA cache_size=-" + std::to_string(cache_bytes / 1024)).c_str()); !done)
        return done;
    const auto version = db_.number("PRAGMA user_version");
    const auto application = db_.number("PRAGMA application_id");
    const auto tables = db_.number("SELECT count(*) FROM sqlite_schema");
    if (!version || !application || !tables)
        return (!version ? version : !application ? application : tables).error();
    if (*tables == 0 && !read_only) {
        auto created = db_.within_transaction([&]() -> stored<void> {
            const std::string stamp = "PRAGMA application_id=" + std::to_string(application_id) +
                                      "; PRAGMA user_version=" + std::to_string(schema_version);
            if (auto done = db_.execute(schema); !done)
                return done;
            return db_.execute(stamp.c_str());
        });
        if (!created)
            return created;
    } else if (*application != application_id || *version != schema_version) {
        return storage_error{storage_error::kind::unusable,
                             "not a store of this program, or of another version of it"};
    }
    sql_ = std::make_unique<statements>(db_);
    return {};
}

stored<void> sqlite_storage::commit(std::span<const batch_row* const> batches,
                                    std::span<const stream_change> changes) {
    // What goes into a file that has no name any more is gone with this process.
    if (db_.file_gone())
        return storage_error{storage_error::kind::unusable,
                             "the store's file was removed or moved away while it was open"};
    return db_.within_transaction([&]() -> stored<void> {
        for (const batch_row* row : batches) {
            use insert(db_, sql_->insert_batch);
            insert.number(key_of(row->stream, row->first_seq));
            insert.number(std::int64_t{row->records}).number(row->metered);
            insert.number(row->last_timestamp).number(row->written_at_ms).blob(row->data);
            if (auto done = insert.run(); !done)
                return done;
        }
        for (const stream_change& change : changes) {
            if (change.fencing_token) {
                use update(db_, sql_->set_token);
                if (auto done = update.text(*change.fencing_token).number(change.stream).run(); !done)
                    return done;
            }
            if (change.trim_point) {
                use update(db_, sql_->set_trim);
                if (auto done = update.number(*change.trim_point).number(change.stream).run(); !done)
                    return done;
            }
        }
        return {};
    });
}

stored<std::vector<batch_row>> sqlite_storage::read(std::int64_t stream, std::uint64_t from_seq,
                                                    std::uint64_t below_seq, page_limits limits) {
    std::vector<batch_row> page;
    {
        use floor(db_, sql_->last_batch);
        auto found = floor.number(key_of(stream, 0)).number(key_of(stream, from_seq)).row();
        if (!found)
            return found.error();
        if (*found)
            if (const batch_row row = batch_of(floor, stream); row.end_seq() > from_seq)
                from_seq = row.first_seq;
    }
    use rows(db_, sql_->batches_from);
    rows.number(key_of(stream, from_seq)).number(key_of(stream, below_seq));
    std::size_t records = 0;
    std::uint64_t metered = 0;
    while (true) {
        auto found = rows.row();
        if (!found)
            return found.error();
        if (!*found)
            return page;
        batch_row row = batch_of(rows, stream);
        records += row.records;
        metered += row.metered;
        if (!page.empty() && (records > limits.records_max || metered > limits.metered_max))
            return page;
        row.data = rows.bytes_at(5);
        page.push_back(std::move(row));
    }
}

stored<std::optional<batch_row>> sqlite_storage::find_timestamp(std::int64_t stream,
                                                                std::uint64_t timestamp) {
    const auto last_up_to = [&](std::uint64_t seq) -> stored<std::optional<batch_row>> {
        use query(db_, sql_->last_batch);
        auto found = query.number(key_of(stream, 0)).number(key_of(stream, seq)).row();
        if (!found)
            return found.error();
        return *found ? std::optional(batch_of(query, stream)) : std::nullopt;
    };
    auto last = last_up_to(seq_num_max);
    if (!last || !*last || (*last)->last_timestamp < timestamp)
        return last ? stored<std::optional<batch_row>>(std::nullopt) : last;
    auto first = read(stream, 0, seq_num_max, {1, 0});
    if (!first)
        return first.error();
    std::uint64_t low = first->front().first_seq;
    std::uint64_t high = (*last)->first_seq; // of a row known to qualify
    while (low < high) {
        auto middle = last_up_to(low + (high - low) / 2);
        if (!middle)
            return middle;
        if (!*middle || (*middle)->end_seq() <= low)
            return storage_error{storage_error::kind::corrupt, "batches of a stream are not contiguous"};
        if ((*middle)->last_timestamp >= timestamp)
            high = (*middle)->first_seq;
        else
            low = (*middle)->end_seq();
    }
    auto rows = read(stream, low, low + 1, {1, 0});
    if (!rows)
        return rows.error();
    if (rows->empty())
        return storage_error{storage_error::kind::corrupt, "batches of a stream are not contiguous"};
    return std::move(rows->front());
}

stored<std::size_t> sqlite_storage::erase(std::int64_t stream, std::uint64_t below_seq,
                                          std::size_t rows_max) {
    return erase_front(stream, rows_max, [&](const batch_row& row) { return row.end_seq() <= below_seq; });
}

stored<std::size_t> sqlite_storage::erase_written_before(std::int64_t stream, std::int64_t wall_ms,
                                                         std::size_t rows_max) {
    return erase_front(stream, rows_max, [&](const batch_row& row) { return row.written_at_ms < wall_ms; });
}

stored<std::size_t> sqlite_storage::erase_front(std::int64_t stream, std::size_t rows_max,
                                                const std::function<bool(const batch_row&)>& goes) {
    std::size_t count = 0;
    std::optional<batch_row> last;
    {
        use query(db_, sql_->front);
        query.number(key_of(stream, 0)).number(key_of(stream, seq_num_max));
        query.number(static_cast<std::int64_t>(rows_max));
        while (true) {
            auto found = query.row();
            if (!found)
                return found.error();
            if (!*found)
                break;
            const batch_row row = batch_of(query, stream);
            if (!goes(row))
                break;
            last = row;
            ++count;
        }
    }
    if (!last)
        return 0;
    auto done = db_.within_transaction([&]() -> stored<void> {
        use keep(db_, sql_->keep_tail);
        keep.number(last->end_seq()).number(last->last_timestamp).number(last->written_at_ms).number(stream);
        if (auto kept = keep.run(); !kept)
            return kept;
        use erase(db_, sql_->erase_front);
        return erase.number(key_of(stream, 0)).number(key_of(stream, last->first_seq)).run();
    });
    if (!done)
        return done.error();
    return count;
}

stored<std::uint64_t> sqlite_storage::bytes() {
    const auto pages = db_.number("PRAGMA page_count");
    const auto free = db_.number("PRAGMA freelist_count");
    if (!pages || !free)
        return (!pages ? pages : free).error();
    return static_cast<std::uint64_t>(*pages - *free) * page_bytes;
}

stored<void> sqlite_storage::checkpoint() {
    const int code =
        sqlite3_wal_checkpoint_v2(db_.handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY) // busy: somebody reads; the next one will do
        return db_.failure("checkpoint", code);
    return {};
}

} // namespace s2::local
