#pragma once
// Where the embedded store keeps its basins, streams and batches. Every call is synchronous and runs on the
// helper thread, one at a time; sqlite_storage is the real one, a model takes its place in simulation.
//
// Invariants:
// 1. What commit() returned success for survives the death of the process and of the machine; what it
//    returned an error for is not there, whole or in part, for any later call.
// 2. A batch is one row, whole or absent; rows of a stream are contiguous, but for those removed at its
//    front.
// 3. A stream's tail survives the removal of all its rows.

#include "s2/types.hpp"

#include <memory>

namespace s2::local {

// No stream gets longer: 2^40 − 1, a million records per second for twelve days.
constexpr std::uint64_t seq_num_max = (std::uint64_t{1} << 40) - 1;

struct storage_error {
    enum class kind {
        io,
        full,
        corrupt,
        unusable
    }; // unusable: cannot be opened (locked, another schema, no permission)
    kind what = kind::io;
    std::string message; // SQLite's words, with what was being done
};

template <class T>
using stored = boost::system::result<T, storage_error>;

// boost::system::result calls this from value() on a failure.
[[noreturn]] void throw_exception_from_error(const storage_error& failure,
                                             const boost::source_location& location);

struct basin_row {
    std::string name;
    std::int64_t created_at_us = 0; // wall clock
    std::optional<std::int64_t> deleted_at_us;
    std::string config;       // JSON (config.hpp)
    std::string creation_key; // request token and config of the create call; empty: none
};

struct stream_row {
    std::int64_t id = 0; // never reused, so that a stream recreated under its name is another one
    std::string basin;
    std::string name;
    std::int64_t created_at_us = 0;
    std::optional<std::int64_t> deleted_at_us;
    std::string config; // JSON, resolved
    std::string creation_key;
    std::string fencing_token;
    std::uint64_t trim_point = 0;   // lowest seq_num kept
    stream_position tail;           // filled by find_stream
    std::int64_t written_at_ms = 0; // of the last batch known; 0: never
};

struct batch_row {
    std::int64_t stream = 0;
    std::uint64_t first_seq = 0;
    std::uint32_t records = 0;
    std::uint64_t metered = 0;
    std::uint64_t last_timestamp = 0;
    std::int64_t written_at_ms = 0; // wall clock, what retention counts from
    std::string data;               // ReadBatch in protobuf, without tail

    std::uint64_t end_seq() const { return first_seq + records; }
};

// What commands in the batches of one transaction change about their stream.
struct stream_change {
    std::int64_t stream = 0;
    std::optional<std::string> fencing_token;
    std::optional<std::uint64_t> trim_point;
};

struct list_query {
    std::string prefix;
    std::string start_after; // exclusive
    std::size_t limit = list_page_max;
};

struct page_limits {
    std::size_t records_max = batch_records_max;
    std::uint64_t metered_max = batch_metered_bytes_max;
};

class storage {
public:
    virtual ~storage() = default;

    // One transaction: all of it, durable, or nothing. first_seq of each batch is its stream's tail at that
    // point.
    virtual stored<void> commit(std::span<const batch_row* const> batches,
                                std::span<const stream_change> changes) = 0;

    // Rows in order: the one that holds from_seq, or else the first behind it; ends before below_seq, and
    // before the row that would exceed the limits, but holds at least one row where there is one.
    virtual stored<std::vector<batch_row>> read(std::int64_t stream, std::uint64_t from_seq,
                                                std::uint64_t below_seq, page_limits limits) = 0;
    // The first row whose last timestamp is at or above.
    virtual stored<std::optional<batch_row>> find_timestamp(std::int64_t stream, std::uint64_t timestamp) = 0;

    virtual stored<std::optional<basin_row>> find_basin(const std::string& name) = 0;
    virtual stored<std::vector<basin_row>> list_basins(const list_query& query) = 0; // ascending byte order
    virtual stored<void> put_basin(const basin_row& row) = 0;
    virtual stored<void> remove_basin(const std::string& name) = 0;

    virtual stored<std::optional<stream_row>> find_stream(const std::string& basin,
                                                          const std::string& name) = 0;
    virtual stored<std::vector<stream_row>> list_streams(const std::string& basin,
                                                         const list_query& query) = 0;
    // All streams of all basins by id, for sweeps: those with an id above. Tails are filled in.
    virtual stored<std::vector<stream_row>> list_all_streams(std::int64_t above_id, std::size_t limit) = 0;
    // A new one (id 0): gives it an id. Otherwise updates config and deleted_at only.
    virtual stored<std::int64_t> put_stream(const stream_row& row) = 0;
    virtual stored<void> remove_stream(std::int64_t id) = 0; // its batches are gone already

    // Removes at most rows_max rows from the front: those that end at or below `below_seq`, or
    // (erase_written_before) were written before. Says how many it removed; fewer than rows_max means that
    // there is nothing left to remove.
    virtual stored<std::size_t> erase(std::int64_t stream, std::uint64_t below_seq, std::size_t rows_max) = 0;
    virtual stored<std::size_t> erase_written_before(std::int64_t stream, std::int64_t wall_ms,
                                                     std::size_t rows_max) = 0;

    // Room taken by what is stored (free pages are not counted).
    virtual stored<std::uint64_t> bytes() = 0;
    // Folds the write-ahead log into the file; also done from time to time by itself.
    virtual stored<void> checkpoint() = 0;
};

} // namespace s2::local
