#include "s2/local/store.hpp"

#include <boost/json/serialize.hpp>

namespace s2::local {

store::store(net::environment& env, std::unique_ptr<storage> on)
    : env_(env)
    , storage_(std::move(on))
    , pump_(env, *storage_)
    , metadata_freed_(env)
    , reading_freed_(env)
    , sweep_wanted_(env) {
    pump_.on_commit = [this](const stream_handle& stream, bool trimmed) { committed(stream, trimmed); };
}

store::~store() = default;

net::task<void> store::run() {
    auto body = [this](net::task_group& group) -> net::task<void> {
        group.spawn(sweep_loop());
        co_await pump_.run();
        group.abort();
        co_await group.join();
    };
    co_await net::with_task_group(env_, body);
    auto close_storage = [this] { storage_.reset(); };
    co_await net::on_helper(env_, std::move(close_storage));
}

void store::close() {
    closing_ = true;
    pump_.close();
    sweep_wanted_.notify();
}

net::task<store::turn> store::take_turn(bool& busy, net::condition& freed) {
    while (busy)
        co_await freed.wait();
    busy = true;
    co_return turn(busy, freed);
}

stream_handle store::loaded(const std::string& basin, const std::string& name) {
    const auto found = entries_.find({basin, name});
    return found == entries_.end() ? nullptr : found->second;
}

outcome<stream_handle> store::remember(const stream_row& row) {
    auto config = stored_stream_config(row.config);
    if (!config)
        return storage_failed(
            {storage_error::kind::corrupt, "stream " + row.name + ": its stored configuration is damaged"});
    if (entries_.size() >= streams_loaded_max)
        forget_unused();
    auto entry = std::make_shared<stream_entry>(env_, row, std::move(*config));
    entries_[{row.basin, row.name}] = entry;
    return entry;
}

void store::forget_unused() {
    std::erase_if(entries_, [](const auto& each) {
        return each.second.use_count() == 1 && each.second->state.all_durable();
    });
}

net::task<outcome<stream_handle>> store::open_stream(std::string basin, std::string name, access how,
                                                     optional_stream_config create_with) {
    if (auto entry = loaded(basin, name))
        co_return entry;
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    if (auto entry = loaded(basin, name))
        co_return entry;
    if (closing_)
        co_return server_draining();
    auto work = [&, now = env_.wall_now()] { return find_or_create(basin, name, how, create_with, now); };
    const outcome<stream_row> row = co_await net::on_helper(env_, std::move(work));
    if (!row)
        co_return row.error();
    co_return remember(*row);
}

outcome<stream_row> store::find_or_create(const std::string& basin, const std::string& name, access how,
                                          const optional_stream_config& create_with, std::int64_t now_us) {
    auto found = storage_->find_stream(basin, name);
    if (!found)
        return storage_failed(found.error());
    if (*found) {
        if ((*found)->deleted_at_us)
            return stream_deletion_pending();
        return std::move(**found);
    }
    const auto owner = storage_->find_basin(basin);
    if (!owner)
        return storage_failed(owner.error());
    if (!*owner)
        return basin_not_found(basin);
    const auto config = stored_basin_config((*owner)->config);
    if (!config)
        return storage_failed(
            {storage_error::kind::corrupt, "basin " + basin + ": its stored configuration is damaged"});
    if (!(how == access::append ? config->create_stream_on_append : config->create_stream_on_read))
        return stream_not_found(basin, name);
    if ((*owner)->deleted_at_us)
        return basin_deletion_pending(basin);
    stream_row row;
    row.basin = basin;
    row.name = name;
    row.created_at_us = now_us;
    row.config = json::serialize(to_json(resolve(create_with, config->default_stream_config)));
    const auto id = storage_->put_stream(row);
    if (!id)
        return storage_failed(id.error());
    row.id = *id;
    return row;
}

net::task<outcome<std::vector<batch_row>>> store::read_page(stream_handle stream, std::uint64_t from_seq,
                                                            std::uint64_t below_seq) {
    const turn held = co_await take_turn(reading_busy_, reading_freed_);
    if (closing_)
        co_return server_draining();
    auto work = [&] { return storage_->read(stream->id, from_seq, below_seq, page_limits{}); };
    stored<std::vector<batch_row>> rows = co_await net::on_helper(env_, std::move(work));
    if (!rows)
        co_return storage_failed(rows.error());
    co_return std::move(*rows);
}

net::task<outcome<std::optional<batch_row>>> store::find_timestamp(stream_handle stream,
                                                                   std::uint64_t timestamp) {
    const turn held = co_await take_turn(reading_busy_, reading_freed_);
    if (closing_)
        co_return server_draining();
    auto work = [&] { return storage_->find_timestamp(stream->id, timestamp); };
    stored<std::optional<batch_row>> row = co_await net::on_helper(env_, std::move(work));
    if (!row)
        co_return storage_failed(row.error());
    co_return std::move(*row);
}

net::task<outcome<std::uint64_t>> store::bytes() {
    const turn held = co_await take_turn(reading_busy_, reading_freed_);
    if (closing_)
        co_return server_draining();
    auto work = [this] { return storage_->bytes(); };
    const stored<std::uint64_t> size = co_await net::on_helper(env_, std::move(work));
    if (!size)
        co_return storage_failed(size.error());
    co_return *size;
}

} // namespace s2::local
