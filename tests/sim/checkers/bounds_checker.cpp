#include "tests/sim/checkers/bounds_checker.hpp"

#include "agent/delivery/stream_delivery.hpp"
#include "s2/types.hpp"

#include <algorithm>

namespace sim {
namespace {

void expect_at_most(std::uint64_t seen, std::uint64_t most, const char* what) {
    if (seen > most)
        throw verdict(exit_correctness,
                      std::string(what) + ": " + std::to_string(seen) + ", at most " + std::to_string(most));
}

} // namespace

void bounds_checker::check_traffic(const agent::config& how) const {
    expect_at_most(watch_.batches_in_flight_max, how.delivery.in_flight, "batches in flight");
    expect_at_most(watch_.metered_bytes_in_flight_max, agent::in_flight_metered_bytes_max,
                   "metered bytes in flight");
    expect_at_most(watch_.batch_records_max, s2::batch_records_max, "records of a batch");
    expect_at_most(watch_.batch_metered_bytes_max, s2::batch_metered_bytes_max, "metered bytes of a batch");
}

void bounds_checker::check_disk(const agent_host& agent) {
    const auto listed = agent.on().storage->list("/state/ring");
    if (!listed)
        return; // not created yet
    std::uint64_t ring_bytes = 0;
    std::uint64_t aside_bytes = 0;
    for (const auto& entry : *listed)
        (entry.name.ends_with(".damaged") ? aside_bytes : ring_bytes) += entry.size;
    constexpr std::uint64_t marks = 4096; // the small files beside the segments
    // Each start behind a crash of the machine takes a new head even where the ring is full.
    const auto heads = std::max<std::uint64_t>(agent.starts_behind_a_crash(), 1);
    expect_at_most(ring_bytes, agent.how.ring_capacity + heads * agent::ring_segment_bytes + marks,
                   "bytes of the ring");
    expect_at_most(aside_bytes, agent::ring_kept_aside_max * agent::ring_segment_bytes,
                   "bytes of damaged segments kept aside");
}

} // namespace sim
