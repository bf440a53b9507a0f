#pragma once
// Finding the ring of an earlier agent.
//
// The order makes a death at any point harmless: a new segment with its gap comes first; only then "boot" is
// replaced; "clean" goes last (without it another boot's "boot" would read as a machine crash, see
// marks.hpp), and the directory is synced before anything is published, also where "clean" is gone already:
// the start that removed it may have been killed there, and a mark that comes back with a dead machine would
// give numbers out twice.

#include "agent/ring/chain.hpp"
#include "agent/ring/head.hpp"
#include "agent/ring/marks.hpp"
#include "agent/ring/store.hpp"
#include "agent/ring/types.hpp"
#include "net/environment.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace agent {

class ring_recoverer {
public:
    // What it fills: an empty chain, and the head.
    struct parts {
        segment_store& store;
        ring_chain& chain;
        ring_head& head;
        ring_marks& marks;
    };

    ring_recoverer(net::environment& env, const ring_options& options, const parts& fill);

    // Scans the newest segment; older ones are checked as they are read. See ring::open().
    net::error_code run(seq_t seq_ceiling, ring_recovery& recovery);

private:
    struct newest_found;
    net::error_code find_segments(newest_found& found);
    net::error_code list_segments();
    net::error_code pin_newest(newest_found& found);
    net::error_code finish_recycling(const ring_chain::segment_ptr& renamed);
    net::error_code remove_blank_oldest();
    void drop_unreadable(ring_segment& segment, std::string_view why);
    void scan_newest(newest_found& found);
    seq_t last_before(seq_t first_seq);
    net::error_code start_head(bool newest_empty, seq_t lost_from, gap_reason lost);
    net::error_code replace_marks();

    net::environment& env_;
    const ring_options& options_;
    segment_store& store_;
    ring_chain& chain_;
    ring_head& head_;
    ring_marks& marks_;
    found_marks marked_;
    ring_recovery* recovery_ = nullptr;
};

} // namespace agent
