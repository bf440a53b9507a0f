#pragma once
// Every fault that a simulated world knows, by name, with how often it may strike and how often it did. A
// world draws families on or off; a batch of seeds in which one of these never fired fails (main.cpp).

#include "tests/sim/draw.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sim {

enum class fault : std::size_t {
    // the network
    connection_refused,
    name_unresolved,
    connect_hangs,
    bytes_split,
    latency_spike,
    connection_stalls,
    connection_reset,
    half_close,
    bytes_damaged, // on connections with TLS, which notice it
    // the service, on one request or session
    reset_before_append, // not applied
    reset_during_append, // part of the batch arrived
    reset_after_append,  // applied, the ack not sent
    lost_ack,            // the ack is swallowed, and nothing more comes
    ack_after_reset,     // applied while the client has gone already
    end_with_unacked,    // END_STREAM with batches unacknowledged
    rst_stream,
    reconnect_advised,
    server_draining,
    error_500,
    error_503,
    error_504,
    rate_limited, // 429 with retry-after-ms
    slow_ack,
    never_answers,
    tiny_windows,
    token_refused,     // 401
    permission_denied, // 403, for one kind of operation
    stream_forbidden,  // 403, for some streams beside others that work
    basin_missing,     // 404 basin_not_found
    refused_stream,    // RST_STREAM(REFUSED_STREAM): not processed
    handshake_hangs,   // of TLS
    foreign_certificate,
    // the service as a whole
    server_killed,
    server_stopped, // in order: GOAWAY with open streams
    // other people in the stream
    other_fence,
    other_append,
    token_cleared,
    stream_deleted,
    stream_recreated,
    stream_trimmed,
    // the machine
    agent_killed,
    agent_terminated,
    signalled_twice,
    machine_crashed,
    machine_paused,
    wall_clock_jumped,
    machine_cloned, // a snapshot restored twice: two agents with one memory
    state_copied,   // a state directory that exists twice
    disk_full,
    disk_error,
    disk_slow,
    descriptors_scarce,
    mappings_scarce,
    allocation_fails, // fallocate, though the disk is not full
    rename_refused,
    unlink_refused,
    directory_read_only,
    nothing_written_back, // before a crash, but what was synced
    boot_id_hidden,
    fingerprint_hidden, // of a file
    clock_restarted,    // the monotonic one, at the boot behind a crash
    // callers of the agent
    caller_vanishes,
    // who writes lines into its intakes
    line_split, // written in two pieces
    bad_line,
    line_filtered,     // by its category
    producer_vanishes, // within a line
    input_ends,        // standard input, long before all is over
    count_,
};

constexpr std::size_t fault_count = static_cast<std::size_t>(fault::count_);
std::string_view name_of(fault which);

class fault_table {
public:
    explicit fault_table(draw source)
        : source_(source) {}

    void allow(fault which, unsigned per_mille) { rate_[index(which)] = per_mille; }

    bool allowed(fault which) const { return !healed_ && rate_[index(which)] > 0; }

    // Whether it strikes at this opportunity; counted by the caller with fired() when it took effect.
    bool strikes(fault which) { return allowed(which) && source_.chance(rate_[index(which)]); }

    void fired(fault which) { ++fired_[index(which)]; }

    std::uint64_t count(fault which) const { return fired_[index(which)]; }

    // From now on nothing strikes.
    void heal() { healed_ = true; }

    bool healed() const { return healed_; }

    draw& source() { return source_; }

private:
    static std::size_t index(fault which) { return static_cast<std::size_t>(which); }

    draw source_;
    std::array<unsigned, fault_count> rate_{};
    std::array<std::uint64_t, fault_count> fired_{};
    bool healed_ = false;
};

} // namespace sim
