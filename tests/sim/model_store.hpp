#pragma once
// What the simulated S2 service has stored: basins, streams and batches in memory, beyond the life of any
// server process, and a log of everything that was ever committed, for checkers to read without any I/O.
//
// Invariants:
// 1. Only model_storage::commit appends; ever_appended(id) at index n is the record with seq_num n, and it
//    stays there after a trim and after the stream's deletion.
// 2. A stream's id is never reused; a stream recreated under its name is another one.
// 3. Everything that is listed comes in one order: basins and names by their bytes, streams by id.

#include "s2/local/config.hpp"
#include "s2/local/storage.hpp"

#include <functional>
#include <map>
#include <utility>

namespace sim {

using stream_id = std::int64_t;

struct model_record {
    std::uint64_t seq_num = 0;
    std::uint64_t timestamp = 0; // ms since 1970, as stored
    bool is_command = false;
    std::string header_value; // of the first header: a command's name ("fence", "trim"); empty: no header
    std::string body;
};

struct model_stream {
    stream_id id = 0;
    std::string basin;
    std::string name;
    bool deleted = false; // being deleted, or gone
};

class model_store {
public:
    // A basin as if it had been there for ever; replaces the configuration of one that is.
    void put_basin(const std::string& name, const s2::local::basin_config& config);

    // All streams ever, by id.
    std::vector<model_stream> streams() const;
    // The one that has this name now, or had it last; nothing where none ever had.
    std::optional<stream_id> find(const std::string& basin, const std::string& name) const;

    std::span<const model_record> ever_appended(stream_id stream) const;
    std::uint64_t records_ever() const; // of all streams
    // What a reader may still see: without what was trimmed; nothing of a deleted stream.
    std::span<const model_record> readable(stream_id stream) const;
    std::string fencing_token(stream_id stream) const;

    // After each batch, in the order of the transaction. The span holds during the call only.
    std::function<void(stream_id, std::uint64_t first_seq, std::span<const model_record>)> on_commit;

    // Transactions refused because they did not fit what is stored, or came from a server that was replaced.
    std::uint64_t commits_refused() const { return commits_refused_; }

private:
    friend class model_storage;

    struct stream_data {
        s2::local::stream_row row; // tail and written_at_ms are kept here
        bool removed = false;
        std::map<std::uint64_t, s2::local::batch_row> batches; // by first_seq
        std::vector<model_record> ever;
    };

    const stream_data& at(stream_id stream) const;

    std::map<std::string, s2::local::basin_row> basins_;
    std::map<std::pair<std::string, std::string>, stream_id> names_; // of those not removed
    std::map<stream_id, stream_data> streams_;
    std::uint64_t bytes_ = 0;
    std::uint64_t generation_ = 0; // of the storage that may write
    std::uint64_t commits_refused_ = 0;
};

} // namespace sim
