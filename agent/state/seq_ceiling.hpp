#pragma once
// The seq ceiling: reserved ahead on disk, synced, off the publish path, so that after a machine crash no seq
// comes twice.
//
// Every seq ever given out is at or below the stored ceiling: the ring gives out none above it. A block is
// large enough that the next one is on disk long before this one is used up, whatever the rate of publishing;
// where the disk refuses it for so long, publishing is refused until it takes it.

#include "agent/ring/ring.hpp"
#include "agent/state/slot_file.hpp"

namespace agent {

constexpr seq_t seq_block = seq_t{1} << 24;
constexpr seq_t seq_ceiling_max = seq_t{1} << 62; // of a stored one; higher ones would soon begin at 0 again

class seq_ceiling {
public:
    // error::corrupt where all copies of the stored value are damaged, or it is none. Blocking.
    static net::result<std::unique_ptr<seq_ceiling>> open(net::environment& env,
                                                          const std::filesystem::path& state_dir);

    seq_t stored() const { return stored_; }

    // Reserves a block behind this seq, synced. Blocking: before the first publish.
    net::error_code reserve_behind(seq_t seq);
    // Keeps at least half a block in reserve, and tells the ring; runs as long as envelopes are published.
    net::task<void> keep_ahead(net::environment& env, ring& journal);

private:
    std::unique_ptr<slot_file> slot_;
    seq_t stored_ = 0;
};

} // namespace agent
