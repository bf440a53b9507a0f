#pragma once
// The embedded store: basins and streams over a storage, as calls that the HTTP face (or anything else)
// makes. Everything here runs on the loop; only the storage runs on the helper thread.
//
// Invariants:
// 1. A stream has at most one entry in memory, found by name; entries nobody uses any more are forgotten.
// 2. What changes basins and streams goes one at a time.
// 3. A commit never waits for more than one page of somebody's reading.
// 4. Nothing here wakes up by itself: expiry and deletion are carried on by what is done with the store.

#include "net/task/task_group.hpp"
#include "s2/local/commit_pump.hpp"

#include <map>
#include <set>

namespace s2::local {

enum class access { append, read };

template <class T>
struct provisioned {
    provision_result result;
    T row;
};

class store {
public:
    static constexpr std::size_t streams_loaded_max = 1024; // unused ones beyond it are forgotten
    static constexpr std::size_t erase_rows = 32;           // per step, so that a commit gets in between
    static constexpr auto sweep_every = std::chrono::minutes(1);
    // A deleted basin is emptied at once, but its name stays taken this long (and until the next sweep), as
    // with s2 lite: whoever counts on a name that is free at once learns it here.
    static constexpr auto basin_deleted_for = std::chrono::minutes(1);

    store(net::environment& env, std::unique_ptr<storage> on);
    ~store();
    store(const store&) = delete;
    store& operator=(const store&) = delete;

    // No batch is too old for its stream's retention: ages are told by the wall clock, and where that is a
    // VM's, which was wrong or is, they mean nothing. Before run().
    void keep_all_ages() { ages_count_ = false; }

    // Group commit, deletions and expiry. To be run for as long as the store is used; ends after close(),
    // when everything accepted is durable. Then the storage is closed.
    net::task<void> run();
    void close();

    // Basins. `request_token`: of a create, which then may be repeated; nothing: no token.
    using token = std::optional<std::string>;
    net::task<outcome<page<basin_row>>> list_basins(list_query query);
    net::task<outcome<provisioned<basin_row>>> create_basin(std::string name, basin_config config,
                                                            token request_token);
    net::task<outcome<provisioned<basin_row>>> ensure_basin(std::string name, basin_config config);
    net::task<outcome<basin_config>> get_basin(std::string name);
    net::task<outcome<basin_config>> reconfigure_basin(std::string name, basin_patch patch);
    net::task<outcome<void>> delete_basin(std::string name);

    // Streams.
    net::task<outcome<page<stream_row>>> list_streams(std::string basin, list_query query);
    net::task<outcome<provisioned<stream_row>>>
    create_stream(std::string basin, std::string name, optional_stream_config config, token request_token);
    net::task<outcome<provisioned<stream_row>>> ensure_stream(std::string basin, std::string name,
                                                              optional_stream_config config);
    net::task<outcome<stream_config>> get_stream(std::string basin, std::string name);
    net::task<outcome<stream_config>> reconfigure_stream(std::string basin, std::string name,
                                                         stream_patch patch);
    // Returns once the deletion is stored; the records go piece by piece. Also what --store-capacity is
    // enforced with.
    net::task<outcome<void>> delete_stream(std::string basin, std::string name);

    // For appending, reading or check-tail; creates the stream where the basin says so (§6.6).
    net::task<outcome<stream_handle>> open_stream(std::string basin, std::string name, access how,
                                                  optional_stream_config create_with = {});

    commit_pump& appends() { return pump_; }

    // For read_session. Durable rows only, below `below_seq`.
    net::task<outcome<std::vector<batch_row>>> read_page(stream_handle stream, std::uint64_t from_seq,
                                                         std::uint64_t below_seq);
    net::task<outcome<std::optional<batch_row>>> find_timestamp(stream_handle stream,
                                                                std::uint64_t timestamp);

    net::task<outcome<std::uint64_t>> bytes();

    net::environment& env() { return env_; }

    bool closing() const { return closing_; }

private:
    // What goes one at a time; held until destroyed.
    class turn {
    public:
        turn(bool& busy, net::condition& freed)
            : busy_(&busy)
            , freed_(&freed) {}

        turn(turn&& other) noexcept
            : busy_(std::exchange(other.busy_, nullptr))
            , freed_(other.freed_) {}

        turn& operator=(turn&&) = delete;

        ~turn() {
            if (!busy_)
                return;
            *busy_ = false;
            freed_->notify();
        }

    private:
        bool* busy_;
        net::condition* freed_;
    };

    net::task<turn> take_turn(bool& busy, net::condition& freed);

    using basin_result = outcome<provisioned<basin_row>>;
    using stream_result = outcome<provisioned<stream_row>>;
    net::task<basin_result> provision(basin_row wanted, bool ensure);
    net::task<stream_result> provision(stream_row wanted, optional_stream_config config, bool ensure);
    net::task<outcome<void>> delete_held(std::string basin, std::string name); // by who has the turn
    outcome<stream_row> find_or_create(const std::string& basin, const std::string& name, access how,
                                       const optional_stream_config& create_with,
                                       std::int64_t now_us); // on the helper
    outcome<bool> mark_deleted(stream_row row);              // on the helper
    stream_handle loaded(const std::string& basin, const std::string& name);
    outcome<stream_handle> remember(const stream_row& row);
    void forget_unused();

    // store_sweep.cpp
    net::task<void> sweep_loop();
    net::task<void> sweep_all();
    net::task<void> expire(stream_row row);
    net::task<void> finish_stream(std::int64_t stream);
    net::task<void> finish_basin(std::string basin);
    net::task<bool> erase_all(std::function<stored<std::size_t>()> piece);
    void committed(const stream_handle& stream, bool trimmed);
    void sweep_if_due();
    stored<void> free_name(const std::string& basin, std::int64_t now_us); // on the helper

    net::environment& env_;
    std::unique_ptr<storage> storage_;
    commit_pump pump_;
    std::map<std::pair<std::string, std::string>, stream_handle> entries_;

    net::condition metadata_freed_, reading_freed_;
    bool metadata_busy_ = false;
    bool reading_busy_ = false;

    net::condition sweep_wanted_;
    std::map<std::int64_t, std::uint64_t> trims_; // stream → below
    std::set<std::int64_t> deleted_streams_;
    std::set<std::string> deleted_basins_;
    net::time_point swept_at_ = net::time_point::min();
    bool sweep_due_ = true;
    bool ages_count_ = true;
    bool closing_ = false;
};

} // namespace s2::local
