#pragma once
// A range of envelopes that stays, and stays mapped: what is in flight to S2, or was sent by an earlier
// process.

#include "agent/ring/types.hpp"
#include "net/files.hpp"

#include <memory>
#include <vector>

namespace agent {

class ring_chain;
class ring_segment;

// Keeps a range of envelopes from being freed and unmapped.
class ring_hold {
public:
    // Must not outlive the chain; see ring::hold().
    ring_hold(ring_chain& of, seq_t first, seq_t last);
    ~ring_hold();
    ring_hold(const ring_hold&) = delete;
    ring_hold& operator=(const ring_hold&) = delete;

    seq_t first() const { return first_; }

    seq_t last() const { return last_; }

    void shrink_from(seq_t first); // lets go of everything below
    void extend_to(seq_t last);

    void pin_present(); // maps the segments in range that are not pinned yet

private:
    struct pinned {
        std::shared_ptr<ring_segment> segment;
        std::shared_ptr<net::mapped_file> mapping;
    };

    ring_chain& chain_;
    seq_t first_;
    seq_t last_;
    std::vector<pinned> pins_;
    seq_t pinned_to_ = 0; // everything of the range up to there is
};

} // namespace agent
