#pragma once
// The storage of one simulated server process over the model store that outlives it. What sqlite_storage does
// with a file, in memory: a server that is killed leaves exactly what was committed.
//
// Beyond the interface it is strict where SQLite would let a mistake pass: a batch must begin at its stream's
// tail, and the storage that was made last is the only one that may write (a zombie of a killed server gets
// `unusable`).

#include "tests/sim/model_store.hpp"

namespace sim {

class model_storage final : public s2::local::storage {
public:
    template <class T>
    using stored = s2::local::stored<T>;
    using basin_row = s2::local::basin_row;
    using stream_row = s2::local::stream_row;
    using batch_row = s2::local::batch_row;
    using stream_change = s2::local::stream_change;
    using list_query = s2::local::list_query;
    using page_limits = s2::local::page_limits;

    explicit model_storage(std::shared_ptr<model_store> over);

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
    model_store::stream_data* live(std::int64_t stream);
    std::optional<s2::local::storage_error> replaced() const;
    std::optional<s2::local::storage_error> misfit(std::span<const batch_row* const> batches);
    void append(const batch_row& row);
    stored<std::size_t> erase_front(std::int64_t stream, std::size_t rows_max,
                                    const std::function<bool(const batch_row&)>& goes);

    std::shared_ptr<model_store> store_;
    std::uint64_t generation_;
};

} // namespace sim
