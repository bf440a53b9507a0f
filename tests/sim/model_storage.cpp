#include "tests/sim/model_storage.hpp"

#include "net/assert.hpp"
#include "s2/protobuf.hpp"

#include <algorithm>

namespace sim {
namespace {

using s2::local::batch_row;
using s2::local::list_query;
using s2::local::storage_error;

// The part of the names from `begin` on that a listing asks for. `name_of` of an iterator gives its name.
template <class Iterator, class NameOf, class Take>
void list_from(Iterator begin, Iterator end, const list_query& query, NameOf name_of, Take take) {
    std::size_t count = 0;
    for (auto each = begin; each != end && count < query.limit; ++each) {
        const std::string& name = name_of(each);
        if (!name.starts_with(query.prefix)) {
            if (name > query.prefix)
                return; // behind everything that begins with it
            continue;
        }
        if (name <= query.start_after)
            continue;
        take(each);
        ++count;
    }
}

std::vector<model_record> records_in(const batch_row& row) {
    auto decoded = s2::decode_read_batch(row.data);
    if (!decoded) // a batch that no server made (a test of the storage alone)
        return std::vector<model_record>(row.records);
    NET_ASSERT(decoded->records.size() == row.records, "a row says how many records it holds");
    std::vector<model_record> records;
    for (auto& each : decoded->records) {
        const bool command = s2::is_command(each);
        std::string value = each.headers.empty() ? std::string() : std::move(each.headers.front().value);
        records.push_back({each.seq_num, each.timestamp, command, std::move(value), std::move(each.body)});
    }
    return records;
}

} // namespace

model_storage::model_storage(std::shared_ptr<model_store> over)
    : store_(std::move(over))
    , generation_(++store_->generation_) {}

model_store::stream_data* model_storage::live(std::int64_t stream) {
    const auto found = store_->streams_.find(stream);
    return found == store_->streams_.end() || found->second.removed ? nullptr : &found->second;
}

std::optional<storage_error> model_storage::replaced() const {
    if (generation_ == store_->generation_)
        return std::nullopt;
    return storage_error{storage_error::kind::unusable, "another server has taken the store"};
}

std::optional<storage_error> model_storage::misfit(std::span<const batch_row* const> batches) {
    std::map<std::int64_t, std::uint64_t> tails;
    for (const batch_row* row : batches) {
        const auto* data = live(row->stream);
        if (!data)
            return storage_error{storage_error::kind::corrupt, "a batch of a stream that is not there"};
        std::uint64_t& tail = tails.try_emplace(row->stream, data->row.tail.seq_num).first->second;
        if (row->first_seq != tail || row->records == 0)
            return storage_error{storage_error::kind::corrupt, "a batch that does not begin at the tail"};
        tail = row->end_seq();
    }
    return std::nullopt;
}

model_storage::stored<void> model_storage::commit(std::span<const batch_row* const> batches,
                                                  std::span<const stream_change> changes) {
    auto refused = replaced();
    if (!refused)
        refused = misfit(batches);
    if (refused) {
        ++store_->commits_refused_;
        return *refused;
    }
    for (const batch_row* row : batches)
        append(*row);
    for (const stream_change& change : changes) {
        auto* data = live(change.stream);
        if (data && change.fencing_token)
            data->row.fencing_token = *change.fencing_token;
        if (data && change.trim_point)
            data->row.trim_point = *change.trim_point;
    }
    // Told when the whole transaction is there.
    if (store_->on_commit)
        for (const batch_row* row : batches)
            store_->on_commit(row->stream, row->first_seq,
                              store_->ever_appended(row->stream).subspan(row->first_seq, row->records));
    return {};
}

void model_storage::append(const batch_row& row) {
    auto& data = *live(row.stream);
    for (auto& record : records_in(row))
        data.ever.push_back(std::move(record));
    data.row.tail = {row.end_seq(), row.last_timestamp};
    data.row.written_at_ms = row.written_at_ms;
    data.batches.emplace(row.first_seq, row);
    store_->bytes_ += row.data.size();
}

model_storage::stored<std::vector<batch_row>> model_storage::read(std::int64_t stream, std::uint64_t from_seq,
                                                                  std::uint64_t below_seq,
                                                                  page_limits limits) {
    std::vector<batch_row> page;
    const auto* data = live(stream);
    if (!data)
        return page;
    auto next = data->batches.upper_bound(from_seq);
    if (next != data->batches.begin() && std::prev(next)->second.end_seq() > from_seq)
        --next;
    std::size_t records = 0;
    std::uint64_t metered = 0;
    for (; next != data->batches.end() && next->first < below_seq; ++next) {
        records += next->second.records;
        metered += next->second.metered;
        if (!page.empty() && (records > limits.records_max || metered > limits.metered_max))
            break;
        page.push_back(next->second);
    }
    return page;
}

model_storage::stored<std::optional<batch_row>> model_storage::find_timestamp(std::int64_t stream,
                                                                              std::uint64_t timestamp) {
    if (const auto* data = live(stream))
        for (const auto& [first_seq, row] : data->batches)
            if (row.last_timestamp >= timestamp)
                return std::optional(row);
    return std::optional<batch_row>();
}

model_storage::stored<std::size_t> model_storage::erase(std::int64_t stream, std::uint64_t below_seq,
                                                        std::size_t rows_max) {
    return erase_front(stream, rows_max, [&](const batch_row& row) { return row.end_seq() <= below_seq; });
}

model_storage::stored<std::size_t>
model_storage::erase_written_before(std::int64_t stream, std::int64_t wall_ms, std::size_t rows_max) {
    return erase_front(stream, rows_max, [&](const batch_row& row) { return row.written_at_ms < wall_ms; });
}

model_storage::stored<std::size_t>
model_storage::erase_front(std::int64_t stream, std::size_t rows_max,
                           const std::function<bool(const batch_row&)>& goes) {
    if (auto refused = replaced())
        return *refused;
    auto* data = live(stream);
    std::size_t count = 0;
    while (data && count < rows_max && !data->batches.empty() && goes(data->batches.begin()->second)) {
        store_->bytes_ -= data->batches.begin()->second.data.size();
        data->batches.erase(data->batches.begin());
        ++count;
    }
    return count;
}

model_storage::stored<std::optional<model_storage::basin_row>>
model_storage::find_basin(const std::string& name) {
    const auto found = store_->basins_.find(name);
    return found == store_->basins_.end() ? std::nullopt : std::optional(found->second);
}

model_storage::stored<std::vector<model_storage::basin_row>>
model_storage::list_basins(const list_query& query) {
    std::vector<basin_row> rows;
    const auto name_of = [](auto at) -> const std::string& { return at->first; };
    const auto take = [&](auto at) { rows.push_back(at->second); };
    list_from(store_->basins_.begin(), store_->basins_.end(), query, name_of, take);
    return rows;
}

model_storage::stored<void> model_storage::put_basin(const basin_row& row) {
    if (auto refused = replaced())
        return *refused;
    const auto [at, added] = store_->basins_.try_emplace(row.name, row);
    if (!added) {
        at->second.deleted_at_us = row.deleted_at_us;
        at->second.config = row.config;
    }
    return {};
}

model_storage::stored<void> model_storage::remove_basin(const std::string& name) {
    if (auto refused = replaced())
        return *refused;
    store_->basins_.erase(name);
    return {};
}

model_storage::stored<std::optional<model_storage::stream_row>>
model_storage::find_stream(const std::string& basin, const std::string& name) {
    const auto found = store_->names_.find({basin, name});
    if (found == store_->names_.end())
        return std::optional<stream_row>();
    return std::optional(live(found->second)->row);
}

model_storage::stored<std::vector<model_storage::stream_row>>
model_storage::list_streams(const std::string& basin, const list_query& query) {
    std::vector<stream_row> rows;
    const auto name_of = [](auto at) -> const std::string& { return at->first.second; };
    const auto take = [&](auto at) { rows.push_back(live(at->second)->row); };
    const auto begin = store_->names_.lower_bound({basin, ""});
    const auto end = store_->names_.lower_bound({basin + '\0', ""});
    list_from(begin, end, query, name_of, take);
    return rows;
}

model_storage::stored<std::vector<model_storage::stream_row>>
model_storage::list_all_streams(std::int64_t above_id, std::size_t limit) {
    std::vector<stream_row> rows;
    auto& all = store_->streams_;
    for (auto each = all.upper_bound(above_id); each != all.end() && rows.size() < limit; ++each)
        if (!each->second.removed)
            rows.push_back(each->second.row);
    return rows;
}

model_storage::stored<std::int64_t> model_storage::put_stream(const stream_row& row) {
    if (auto refused = replaced())
        return *refused;
    if (row.id != 0) {
        if (auto* data = live(row.id)) {
            data->row.config = row.config;
            data->row.deleted_at_us = row.deleted_at_us;
        }
        return row.id;
    }
    const auto id = static_cast<std::int64_t>(store_->streams_.size()) + 1; // none ever leaves
    if (!store_->names_.try_emplace({row.basin, row.name}, id).second)
        return storage_error{storage_error::kind::io, "UNIQUE: a stream of that name exists"};
    stream_row& made = store_->streams_[id].row;
    made.id = id;
    made.basin = row.basin;
    made.name = row.name;
    made.created_at_us = row.created_at_us;
    made.config = row.config;
    made.creation_key = row.creation_key;
    return id;
}

model_storage::stored<void> model_storage::remove_stream(std::int64_t id) {
    if (auto refused = replaced())
        return *refused;
    if (auto* data = live(id)) {
        store_->names_.erase({data->row.basin, data->row.name});
        data->removed = true;
    }
    return {};
}

model_storage::stored<std::uint64_t> model_storage::bytes() {
    return store_->bytes_;
}

model_storage::stored<void> model_storage::checkpoint() {
    return {};
}

} // namespace sim
