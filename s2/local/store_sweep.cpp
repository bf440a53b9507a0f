// What the store does behind its callers' backs: erasing what was deleted, trimmed or has expired, a few rows
// at a time. A piece that fails is left; the next sweep finds it again, since what is to be erased can be
// read off the storage.

#include "s2/local/store.hpp"

#include <algorithm>
#include <limits>

namespace s2::local {
namespace {

constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t sweep_page = 64; // streams looked at per helper call

} // namespace

void store::committed(const stream_handle& stream, bool trimmed) {
    if (trimmed) {
        trims_[stream->id] = stream->state.durable_trim_point();
        sweep_wanted_.notify();
    }
    sweep_if_due();
}

void store::sweep_if_due() {
    const bool due = swept_at_ == net::time_point::min() || env_.now() - swept_at_ >= sweep_every;
    sweep_due_ = sweep_due_ || due;
    if (sweep_due_)
        sweep_wanted_.notify();
}

net::task<void> store::sweep_loop() {
    while (!closing_) {
        if (!trims_.empty()) {
            const auto [stream, below] = *trims_.begin();
            trims_.erase(trims_.begin());
            std::function<stored<std::size_t>()> piece = [this, stream, below] {
                return storage_->erase(stream, below, erase_rows);
            };
            co_await erase_all(std::move(piece));
        } else if (!deleted_streams_.empty()) {
            const auto stream = *deleted_streams_.begin();
            deleted_streams_.erase(deleted_streams_.begin());
            co_await finish_stream(stream);
        } else if (!deleted_basins_.empty()) {
            std::string basin = *deleted_basins_.begin();
            deleted_basins_.erase(deleted_basins_.begin());
            co_await finish_basin(std::move(basin));
        } else if (sweep_due_) {
            sweep_due_ = false;
            swept_at_ = env_.now();
            co_await sweep_all();
        } else {
            co_await sweep_wanted_.wait();
        }
    }
}

// False: a piece failed. Between two pieces commits and reads get their turn: the helper thread works in
// order.
net::task<bool> store::erase_all(std::function<stored<std::size_t>()> piece) {
    while (!closing_) {
        std::function<stored<std::size_t>()> call = piece;
        const stored<std::size_t> erased = co_await net::on_helper(env_, std::move(call));
        if (!erased)
            co_return false;
        if (*erased < erase_rows)
            co_return true;
    }
    co_return false;
}

net::task<void> store::finish_stream(std::int64_t stream) {
    std::function<stored<std::size_t>()> piece = [this, stream] {
        return storage_->erase(stream, everything, erase_rows);
    };
    const bool erased = co_await erase_all(std::move(piece));
    if (!erased)
        co_return;
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    auto remove = [this, stream] { return storage_->remove_stream(stream); };
    (void)co_await net::on_helper(env_, std::move(remove));
}

net::task<void> store::finish_basin(std::string basin) {
    while (!closing_) {
        const list_query first_page;
        auto list = [&] { return storage_->list_streams(basin, first_page); };
        const stored<std::vector<stream_row>> streams = co_await net::on_helper(env_, std::move(list));
        if (!streams)
            co_return;
        if (streams->empty())
            break;
        for (const stream_row& each : *streams) {
            if (closing_)
                co_return;
            outcome<void> deleted = outcome<void>();
            {
                const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
                deleted = co_await delete_held(basin, each.name);
            }
            if (!deleted && deleted.error().status != 404)
                co_return;
            if (deleted_streams_.erase(each.id) || each.deleted_at_us)
                co_await finish_stream(each.id);
        }
    }
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    auto remove = [&, now = env_.wall_now()] { return free_name(basin, now); };
    (void)co_await net::on_helper(env_, std::move(remove));
}

stored<void> store::free_name(const std::string& basin, std::int64_t now_us) {
    using std::chrono::microseconds;
    const auto row = storage_->find_basin(basin);
    if (!row)
        return row.error();
    if (!*row || !(*row)->deleted_at_us || microseconds(now_us - *(*row)->deleted_at_us) < basin_deleted_for)
        return {};
    return storage_->remove_basin(basin);
}

net::task<void> store::sweep_all() {
    list_query basins;
    while (!closing_) {
        auto list = [&] { return storage_->list_basins(basins); };
        const stored<std::vector<basin_row>> rows = co_await net::on_helper(env_, std::move(list));
        if (!rows || rows->empty())
            break;
        for (const basin_row& row : *rows)
            if (row.deleted_at_us)
                deleted_basins_.insert(row.name);
        basins.start_after = rows->back().name;
    }
    std::int64_t above = 0;
    while (!closing_) {
        auto list = [&] { return storage_->list_all_streams(above, sweep_page); };
        const stored<std::vector<stream_row>> rows = co_await net::on_helper(env_, std::move(list));
        if (!rows || rows->empty())
            co_return;
        for (const stream_row& row : *rows) {
            if (row.deleted_at_us)
                deleted_streams_.insert(row.id);
            else
                co_await expire(row);
        }
        above = rows->back().id;
    }
}

// Retention, a trim that was cut short, and delete-on-empty of one stream.
net::task<void> store::expire(stream_row row) {
    const auto config = stored_stream_config(row.config);
    if (!config)
        co_return; // reported to whoever opens it
    const std::int64_t now_ms = env_.wall_now() / 1000;
    if (row.trim_point > 0) {
        std::function<stored<std::size_t>()> trim = [this, id = row.id, below = row.trim_point] {
            return storage_->erase(id, below, erase_rows);
        };
        co_await erase_all(std::move(trim));
    }
    if (const auto age = config->retention_policy.age_seconds;
        ages_count_ && age && *age < static_cast<std::uint64_t>(now_ms) / 1000) {
        const std::int64_t before_ms = now_ms - static_cast<std::int64_t>(*age) * 1000;
        std::function<stored<std::size_t>()> old = [this, id = row.id, before_ms] {
            return storage_->erase_written_before(id, before_ms, erase_rows);
        };
        co_await erase_all(std::move(old));
    }
    const std::uint64_t min_age = config->delete_on_empty_min_age_seconds;
    const std::int64_t since_ms = std::max(row.created_at_us / 1000, row.written_at_ms);
    if (min_age == 0 || now_ms < since_ms || static_cast<std::uint64_t>(now_ms - since_ms) / 1000 < min_age)
        co_return;
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    auto entry = loaded(row.basin, row.name);
    if (entry && (!entry->state.all_durable() || entry->state.durable_tail() != row.tail))
        co_return; // written to meanwhile
    auto look = [&] { return storage_->read(row.id, 0, everything, page_limits{1, 0}); };
    const stored<std::vector<batch_row>> left = co_await net::on_helper(env_, std::move(look));
    if (left && left->empty())
        (void)co_await delete_held(row.basin, row.name);
}

} // namespace s2::local
