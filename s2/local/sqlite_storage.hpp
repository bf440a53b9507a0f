#pragma once
// The storage on one SQLite file: write-ahead log, synchronous=FULL, pages of 64 KiB, one row per batch.
//
// Layout (schema version 1), readable with sqlite3 while the store writes:
//   basins   name, created_at_us, deleted_at_us, config (JSON), creation_key
//   streams  id, basin, name, created_at_us, deleted_at_us, config, creation_key, fencing_token, trim_point,
//            tail_seq, tail_timestamp, written_at_ms
//   batches  key (stream << 40 | first_seq) → records, metered, last_timestamp, written_at_ms, data
//   (ReadBatch in
//            protobuf); stream and first_seq as computed columns
//
// The key in one number makes a batch one row of a table ordered by it: with a key of two columns SQLite
// would keep only 16 KiB of a row in its page, and give the rest a page of its own. An append writes one page
// of `batches` and nothing else: the tail is what the last row says. streams.tail_* hold it only where rows
// were removed. Timestamps never fall along a stream, so that a lookup by timestamp bisects the primary key:
// an index of its own would cost another page per commit. u64 values are stored as the i64 of the same bits.

#include "s2/local/sqlite.hpp"

#include <functional>

namespace s2::local {

class sqlite_storage final : public storage {
public:
    static constexpr int page_bytes = 65536;
    static constexpr int checkpoint_pages = 256;                    // 16 MiB of log, then it is folded in
    static constexpr std::int64_t log_bytes_max = 64 * 1024 * 1024; // kept on disk after a checkpoint at most
    static constexpr int cache_bytes = 8 * 1024 * 1024;

    using options = database::options;
    static stored<std::unique_ptr<sqlite_storage>> open(const std::filesystem::path& file, options how = {});
    ~sqlite_storage() override;

    stored<void> commit(std::span<const batch_row* const> batches,
                        std::span<const stream_change> changes) override;
    stored<std::vector<batch_row>> read(std::int64_t stream, std::uint64_t from_seq, std::uint64_t below_seq,
                                        page_limits limits) override;
    stored<std::optional<batch_row>> find_timestamp(std::int64_t stream, std::uint64_t timestamp) override;
    stored<std::optional<basin_row>> find_basin(const std::string& name) override;
    stored<std::vector<basin_row>> list_basins(const list_query& query) override;
    stored<void> put_basin(const basin_row& row) override;
    stored<void> remove_basin(const std::string& name) override;
    stored<std::optional<stream_row>> find_stream(const std::string& basin, const std::string& name) override;
    stored<std::vector<stream_row>> list_streams(const std::string& basin, const list_query& query) override;
    stored<std::vector<stream_row>> list_all_streams(std::int64_t above_id, std::size_t limit) override;
    stored<std::int64_t> put_stream(const stream_row& row) override;
    stored<void> remove_stream(std::int64_t id) override;
    stored<std::size_t> erase(std::int64_t stream, std::uint64_t below_seq, std::size_t rows_max) override;
    stored<std::size_t> erase_written_before(std::int64_t stream, std::int64_t wall_ms,
                                             std::size_t rows_max) override;
    stored<std::uint64_t> bytes() override;
    stored<void> checkpoint() override;

private:
    explicit sqlite_storage(database opened);
    stored<void> prepare(bool read_only);
    stored<void> fill_tail(stream_row& row);
    stored<std::vector<stream_row>> streams_of(use& query);
    stored<std::size_t> erase_front(std::int64_t stream, std::size_t rows_max,
                                    const std::function<bool(const batch_row&)>& goes);

    database db_;
    struct statements;
    std::unique_ptr<statements> sql_;
};

} // namespace s2::local
