#pragma once
// The streams that are written: starts their deliveries as schedule_policy.hpp says, retires those that have
// nothing left, and holds in the ring what was sent by somebody who is no more.

#include "agent/delivery/schedule_policy.hpp"
#include "agent/delivery/stream_delivery.hpp"
#include "agent/delivery/stream_placement.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace agent {

// Whom it tells.
class schedule_listener {
public:
    virtual void progressed() = 0; // something was acknowledged
    virtual void ended() = 0;      // a delivery is over
    virtual void condition_changed() = 0;
    virtual net::task<> lost(delivery_table::entry& stream, std::string reason) = 0;

protected:
    ~schedule_listener() = default;
};

struct schedule_setup {
    net::environment& env;
    ring& journal;
    session_table& sessions;
    delivery_table& deliveries;
    s2::client& client;
    delivery_config limits;
};

class delivery_schedule {
public:
    using entry = delivery_table::entry;

    delivery_schedule(schedule_setup setup, owed_streams& owed, const stream_placement& placement,
                      schedule_listener& listener);
    ~delivery_schedule();

    void recover(); // holds what an earlier agent sent and does not know to be durable
    void start_due(net::task_group& group);
    void retire_unneeded();
    void wake(); // envelopes were published

    // Nothing new is to come: what is active is no reason to write a stream any more.
    void drain() { draining_ = true; }

    // All that waits up to this seq goes at once, and of the refused streams a few are tried again.
    void hurry(seq_t up_to);

    bool idle() const { return running_.empty(); }

    const std::vector<std::shared_ptr<stream_delivery>>& running() const { return running_; }

    stream_delivery* find(const entry& of) const;
    bool is_wanted(stream_delivery& of) const; // it owes something, or is the active session's
    std::optional<sink_parked> parked() const;
    // rises with each acknowledgement, for a deadline counted from the last one
    std::uint64_t ack_count() const;

    void forget(const entry& gone) { holds_.erase(&gone); } // before its slot is freed

private:
    bool is_needed(const entry& stream) const;
    void start(entry& stream, net::task_group& group);
    net::task<> deliver(std::shared_ptr<stream_delivery> one);
    std::vector<delivered_stream> facts() const;

    schedule_setup setup_;
    owed_streams& owed_;
    const stream_placement& placement_;
    schedule_listener& listener_;
    std::vector<std::shared_ptr<stream_delivery>> running_;
    // sent by an earlier agent, unresolved
    std::map<const entry*, std::unique_ptr<ring_hold>> holds_;
    seq_t flush_to_ = 0;
    bool draining_ = false;
    std::uint64_t finished_acks_ = 0;
};

} // namespace agent
