#include "tests/sim/faults.hpp"

#include "net/assert.hpp"

namespace sim {
namespace {

constexpr std::array<std::string_view, fault_count> names{
    "connection_refused",
    "name_unresolved",
    "connect_hangs",
    "bytes_split",
    "latency_spike",
    "connection_stalls",
    "connection_reset",
    "half_close",
    "bytes_damaged",
    "reset_before_append",
    "reset_during_append",
    "reset_after_append",
    "lost_ack",
    "ack_after_reset",
    "end_with_unacked",
    "rst_stream",
    "reconnect_advised",
    "server_draining",
    "error_500",
    "error_503",
    "error_504",
    "rate_limited",
    "slow_ack",
    "never_answers",
    "tiny_windows",
    "token_refused",
    "permission_denied",
    "stream_forbidden",
    "basin_missing",
    "refused_stream",
    "handshake_hangs",
    "foreign_certificate",
    "server_killed",
    "server_stopped",
    "other_fence",
    "other_append",
    "token_cleared",
    "stream_deleted",
    "stream_recreated",
    "stream_trimmed",
    "agent_killed",
    "agent_terminated",
    "signalled_twice",
    "machine_crashed",
    "machine_paused",
    "wall_clock_jumped",
    "machine_cloned",
    "state_copied",
    "disk_full",
    "disk_error",
    "disk_slow",
    "descriptors_scarce",
    "mappings_scarce",
    "allocation_fails",
    "rename_refused",
    "unlink_refused",
    "directory_read_only",
    "nothing_written_back",
    "boot_id_hidden",
    "fingerprint_hidden",
    "clock_restarted",
    "caller_vanishes",
    "line_split",
    "bad_line",
    "line_filtered",
    "producer_vanishes",
    "input_ends",
};
static_assert(!names.back().empty(), "every fault has a name");

} // namespace

std::string_view name_of(fault which) {
    NET_ASSERT(which < fault::count_, "a fault of the list");
    return names[static_cast<std::size_t>(which)];
}

} // namespace sim
