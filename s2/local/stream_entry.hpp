#pragma once
// A stream while somebody uses it: its state, who waits for it, and its newest durable batches for those who
// follow.

#include "net/task/condition.hpp"
#include "s2/local/stream_state.hpp"

#include <deque>

namespace s2::local {

using durable_batch = std::shared_ptr<const stream_state::accepted>;

struct stream_entry {
    static constexpr std::size_t recent_batches_max = 64;
    static constexpr std::uint64_t recent_bytes_max = 2 * 1024 * 1024;

    stream_entry(net::environment& env, const stream_row& row, stream_config config)
        : basin(row.basin)
        , name(row.name)
        , id(row.id)
        , state(row, std::move(config))
        , changed(env) {}

    const std::string basin;
    const std::string name;
    const std::int64_t id;
    stream_state state;
    // Rises whenever accepted batches were taken back; an append session is bound to the one it began in.
    std::uint64_t epoch = 0;
    std::optional<failure> taken_back; // why, the last time
    std::optional<failure> gone;       // deleted: nothing is accepted or read any more
    net::condition changed;            // durable tail, epoch, gone

    unsigned followers = 0;
    std::deque<durable_batch> recent; // in order; kept only while somebody follows

    void committed(const durable_batch& batch) {
        state.committed(*batch);
        if (followers == 0)
            return;
        recent.push_back(batch);
        recent_bytes_ += batch->row.data.size();
        while (recent.size() > recent_batches_max ||
               (recent.size() > 1 && recent_bytes_ > recent_bytes_max)) {
            recent_bytes_ -= recent.front()->row.data.size();
            recent.pop_front();
        }
    }

    void leave() { // a follower has
        if (--followers == 0) {
            recent.clear();
            recent_bytes_ = 0;
        }
    }

private:
    std::uint64_t recent_bytes_ = 0;
};

using stream_handle = std::shared_ptr<stream_entry>;

} // namespace s2::local
