// The store's basins and streams as things to create, list, change and delete (§2.1–2.3).

#include "s2/local/store.hpp"

#include <boost/json/serialize.hpp>

#include <limits>

namespace s2::local {
namespace {

// A create may be repeated with the same token and the same config (§2.3). Empty: no token.
std::string creation_key(const std::optional<std::string>& token, const json::object& config) {
    return token ? *token + "\n" + json::serialize(config) : std::string();
}

template <class Row>
page<Row> page_of(std::vector<Row> rows, std::size_t limit) {
    page<Row> page;
    page.has_more = rows.size() > limit;
    if (page.has_more)
        rows.resize(limit);
    page.items = std::move(rows);
    return page;
}

failure damaged(const std::string& what) {
    return storage_failed({storage_error::kind::corrupt, what + ": its stored configuration is damaged"});
}

} // namespace

// --- basins

net::task<outcome<page<basin_row>>> store::list_basins(list_query query) {
    sweep_if_due();
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    if (closing_)
        co_return server_draining();
    const std::size_t limit = query.limit++; // one more, to know whether there is more
    auto work = [&] { return storage_->list_basins(query); };
    stored<std::vector<basin_row>> rows = co_await net::on_helper(env_, std::move(work));
    if (!rows)
        co_return storage_failed(rows.error());
    co_return page_of(std::move(*rows), limit);
}

net::task<outcome<provisioned<basin_row>>> store::create_basin(std::string name, basin_config config,
                                                               token request_token) {
    basin_row wanted;
    wanted.name = std::move(name);
    wanted.config = json::serialize(to_json(config));
    wanted.creation_key = creation_key(request_token, to_json(config));
    return provision(std::move(wanted), false);
}

net::task<outcome<provisioned<basin_row>>> store::ensure_basin(std::string name, basin_config config) {
    basin_row wanted;
    wanted.name = std::move(name);
    wanted.config = json::serialize(to_json(config));
    return provision(std::move(wanted), true);
}

net::task<store::basin_result> store::provision(basin_row wanted, bool ensure) {
    sweep_if_due();
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    if (closing_)
        co_return server_draining();
    wanted.created_at_us = env_.wall_now();
    auto work = [&]() -> basin_result {
        auto found = storage_->find_basin(wanted.name);
        if (!found)
            return storage_failed(found.error());
        auto result = provision_result::created;
        if (*found) {
            basin_row& existing = **found;
            if (existing.deleted_at_us)
                return basin_deletion_pending(existing.name);
            if (!ensure && (wanted.creation_key.empty() || existing.creation_key != wanted.creation_key))
                return basin_exists(existing.name);
            if (!ensure || existing.config == wanted.config)
                return provisioned<basin_row>{provision_result::noop, std::move(existing)};
            std::swap(existing.config, wanted.config);
            wanted = std::move(existing);
            result = provision_result::updated;
        }
        if (auto put = storage_->put_basin(wanted); !put)
            return storage_failed(put.error());
        return provisioned<basin_row>{result, wanted};
    };
    co_return co_await net::on_helper(env_, std::move(work));
}

net::task<outcome<basin_config>> store::get_basin(std::string name) {
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    if (closing_)
        co_return server_draining();
    auto work = [&] { return storage_->find_basin(name); };
    const stored<std::optional<basin_row>> row = co_await net::on_helper(env_, std::move(work));
    if (!row)
        co_return storage_failed(row.error());
    if (!*row)
        co_return basin_not_found(name);
    const auto config = stored_basin_config((*row)->config);
    if (!config)
        co_return damaged("basin " + name);
    co_return *config;
}

net::task<outcome<basin_config>> store::reconfigure_basin(std::string name, basin_patch patch) {
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    if (closing_)
        co_return server_draining();
    auto work = [&]() -> outcome<basin_config> {
        auto row = storage_->find_basin(name);
        if (!row)
            return storage_failed(row.error());
        if (!*row)
            return basin_not_found(name);
        if ((*row)->deleted_at_us)
            return basin_deletion_pending(name);
        auto config = stored_basin_config((*row)->config);
        if (!config)
            return damaged("basin " + name);
        apply(patch, *config);
        (*row)->config = json::serialize(to_json(*config));
        if (auto put = storage_->put_basin(**row); !put)
            return storage_failed(put.error());
        return *config;
    };
    co_return co_await net::on_helper(env_, std::move(work));
}

net::task<outcome<void>> store::delete_basin(std::string name) {
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    if (closing_)
        co_return server_draining();
    auto work = [&, now = env_.wall_now()]() -> outcome<void> {
        auto row = storage_->find_basin(name);
        if (!row)
            return storage_failed(row.error());
        if (!*row)
            return basin_not_found(name);
        if ((*row)->deleted_at_us)
            return {};
        (*row)->deleted_at_us = now;
        if (auto put = storage_->put_basin(**row); !put)
            return storage_failed(put.error());
        return {};
    };
    const outcome<void> marked = co_await net::on_helper(env_, std::move(work));
    if (marked) {
        deleted_basins_.insert(name);
        sweep_wanted_.notify();
    }
    co_return marked;
}

// --- streams

net::task<outcome<page<stream_row>>> store::list_streams(std::string basin, list_query query) {
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    if (closing_)
        co_return server_draining();
    const std::size_t limit = query.limit++;
    auto work = [&]() -> outcome<page<stream_row>> {
        const auto owner = storage_->find_basin(basin);
        if (!owner)
            return storage_failed(owner.error());
        if (!*owner)
            return basin_not_found(basin);
        auto rows = storage_->list_streams(basin, query);
        if (!rows)
            return storage_failed(rows.error());
        return page_of(std::move(*rows), limit);
    };
    co_return co_await net::on_helper(env_, std::move(work));
}

net::task<outcome<provisioned<stream_row>>> store::create_stream(std::string basin, std::string name,
                                                                 optional_stream_config config,
                                                                 token request_token) {
    stream_row wanted;
    wanted.basin = std::move(basin);
    wanted.name = std::move(name);
    wanted.creation_key = creation_key(request_token, to_json(config));
    return provision(std::move(wanted), std::move(config), false);
}

net::task<outcome<provisioned<stream_row>>> store::ensure_stream(std::string basin, std::string name,
                                                                 optional_stream_config config) {
    stream_row wanted;
    wanted.basin = std::move(basin);
    wanted.name = std::move(name);
    return provision(std::move(wanted), std::move(config), true);
}

net::task<store::stream_result> store::provision(stream_row wanted, optional_stream_config config,
                                                 bool ensure) {
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    if (closing_)
        co_return server_draining();
    wanted.created_at_us = env_.wall_now();
    auto work = [&]() -> stream_result {
        const auto owner = storage_->find_basin(wanted.basin);
        if (!owner)
            return storage_failed(owner.error());
        if (!*owner)
            return basin_not_found(wanted.basin);
        if ((*owner)->deleted_at_us)
            return basin_deletion_pending(wanted.basin);
        const auto defaults = stored_basin_config((*owner)->config);
        if (!defaults)
            return damaged("basin " + wanted.basin);
        wanted.config = json::serialize(to_json(resolve(config, defaults->default_stream_config)));
        auto found = storage_->find_stream(wanted.basin, wanted.name);
        if (!found)
            return storage_failed(found.error());
        auto result = provision_result::created;
        if (*found) {
            stream_row& existing = **found;
            if (existing.deleted_at_us)
                return stream_deletion_pending();
            if (!ensure && (wanted.creation_key.empty() || existing.creation_key != wanted.creation_key))
                return stream_exists(wanted.basin, wanted.name);
            if (!ensure || existing.config == wanted.config)
                return provisioned<stream_row>{provision_result::noop, std::move(existing)};
            std::swap(existing.config, wanted.config);
            wanted = std::move(existing);
            result = provision_result::updated;
        }
        const auto id = storage_->put_stream(wanted);
        if (!id)
            return storage_failed(id.error());
        wanted.id = *id;
        return provisioned<stream_row>{result, wanted};
    };
    stream_result done = co_await net::on_helper(env_, std::move(work));
    if (done && done->result == provision_result::updated)
        if (auto entry = loaded(wanted.basin, wanted.name))
            if (auto changed = stored_stream_config(done->row.config))
                entry->state.reconfigure(std::move(*changed)); // open sessions see it with their next batch
    co_return done;
}

net::task<outcome<stream_config>> store::get_stream(std::string basin, std::string name) {
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    if (closing_)
        co_return server_draining();
    auto work = [&] { return storage_->find_stream(basin, name); };
    const stored<std::optional<stream_row>> row = co_await net::on_helper(env_, std::move(work));
    if (!row)
        co_return storage_failed(row.error());
    if (!*row)
        co_return stream_not_found(basin, name);
    if ((*row)->deleted_at_us)
        co_return stream_deletion_pending();
    auto config = stored_stream_config((*row)->config);
    if (!config)
        co_return damaged("stream " + name);
    co_return std::move(*config);
}

net::task<outcome<stream_config>> store::reconfigure_stream(std::string basin, std::string name,
                                                            stream_patch patch) {
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    if (closing_)
        co_return server_draining();
    auto work = [&]() -> outcome<stream_config> {
        const auto owner = storage_->find_basin(basin);
        auto row = storage_->find_stream(basin, name);
        if (!owner || !row)
            return storage_failed(!owner ? owner.error() : row.error());
        if (!*owner)
            return basin_not_found(basin);
        if ((*owner)->deleted_at_us)
            return basin_deletion_pending(basin);
        if (!*row)
            return stream_not_found(basin, name);
        if ((*row)->deleted_at_us)
            return stream_deletion_pending();
        const auto defaults = stored_basin_config((*owner)->config);
        const auto current = stored_stream_config((*row)->config);
        if (!defaults || !current)
            return damaged(!defaults ? "basin " + basin : "stream " + name);
        optional_stream_config changed = as_optional(*current);
        apply(patch, changed);
        const stream_config config = resolve(changed, defaults->default_stream_config);
        (*row)->config = json::serialize(to_json(config));
        if (auto put = storage_->put_stream(**row); !put)
            return storage_failed(put.error());
        return config;
    };
    outcome<stream_config> done = co_await net::on_helper(env_, std::move(work));
    if (done)
        if (auto entry = loaded(basin, name))
            entry->state.reconfigure(*done);
    co_return done;
}

net::task<outcome<void>> store::delete_stream(std::string basin, std::string name) {
    const turn held = co_await take_turn(metadata_busy_, metadata_freed_);
    if (closing_)
        co_return server_draining();
    co_return co_await delete_held(std::move(basin), std::move(name));
}

net::task<outcome<void>> store::delete_held(std::string basin, std::string name) {
    auto find = [&] { return storage_->find_stream(basin, name); };
    stored<std::optional<stream_row>> found = co_await net::on_helper(env_, std::move(find));
    if (!found)
        co_return storage_failed(found.error());
    if (!*found)
        co_return stream_not_found(basin, name);
    stream_row row = std::move(**found);
    if (row.deleted_at_us)
        co_return outcome<void>();
    row.deleted_at_us = env_.wall_now();
    // From here nothing more gets into the stream; what is being written is written before the mark.
    if (auto entry = loaded(basin, name)) {
        entry->gone = unavailable("the stream was deleted");
        pump_.fail_queued(entry, *entry->gone);
        entries_.erase({basin, name});
    }
    auto mark = [&] { return mark_deleted(row); };
    const outcome<bool> finished = co_await net::on_helper(env_, std::move(mark));
    if (!finished)
        co_return finished.error();
    if (!*finished) {
        deleted_streams_.insert(row.id);
        sweep_wanted_.notify();
    }
    co_return outcome<void>();
}

// A small stream goes at once, so that its name is free when the answer arrives. True: it is gone.
outcome<bool> store::mark_deleted(stream_row row) {
    if (auto put = storage_->put_stream(row); !put)
        return storage_failed(put.error());
    const auto erased = storage_->erase(row.id, std::numeric_limits<std::uint64_t>::max(), erase_rows);
    if (!erased || *erased == erase_rows)
        return false;
    return bool(storage_->remove_stream(row.id));
}

} // namespace s2::local
