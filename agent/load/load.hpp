#pragma once
// A load: publishes made events through the capture session, at a rate or as fast as they are taken, and
// measures how long each takes to become durable.
//
// 1. It begins when the capture session's first envelope is durable: connecting and claiming the stream are
//    set-up, told apart.
// 2. At a rate the clock decides, not the answers: an event's latency counts from when it was due, also where
//    it had to wait for room in the ring.
// 3. Without a rate it is paused as standard input is: where the ring has no room, and a little far ahead of
//    delivery. Its latency then is mostly the time in the ring.

#include "agent/host/process.hpp"
#include "agent/load/events.hpp"
#include "agent/load/latency_histogram.hpp"
#include "agent/load/producer.hpp"

#include <deque>
#include <optional>
#include <string>

namespace agent {

struct load_options {
    std::size_t event_bytes = 371;
    load_schedule schedule;
    std::optional<std::uint64_t> events;   // it ends with the last of them
    std::optional<net::duration> duration; // or then, whichever comes first
};

// What has come of it so far; final when the service that ran it has returned.
struct load_progress {
    std::string session_id;
    seq_t first_seq = 0; // of event 0
    net::wall_micros first_ts = 0;
    std::uint64_t published = 0;
    std::uint64_t durable = 0;
    std::uint64_t published_bytes = 0; // of their envelopes
    std::uint64_t not_offered = 0;     // due, and never published: the ring had no room until the end
    net::duration set_up{};
    std::optional<net::time_point> began;
    net::time_point last_durable_at{};
    process_usage used_before;
    process_usage used_after; // when the last event that is durable became so
    latency_histogram latency;
    std::string failure; // why it ended before its end
};

class load final : public producer {
public:
    load(net::environment& env, load_options options);

    net::task<intake_end> publish_all(capture& into, ring& journal, delivery& to,
                                      net::stop_token stop) override;
    void durable(seq_t up_to) override;
    void end_early();

    const load_progress& progress() const { return progress_; }

private:
    struct burst {
        std::uint64_t end; // one behind its last event
        net::time_point due;
    };

    net::task<bool> set_up(capture& into, ring& journal, delivery& to);
    net::task<> end_on(net::stop_token stop);
    net::task<> publish_in_turn(capture& into, ring& journal);
    bool publish_due(capture& into, ring& journal);
    bool over() const;
    net::time_point due(std::uint64_t n) const;
    net::time_point end_time() const;

    net::environment& env_;
    load_options options_;
    std::uint64_t events_max_; // by count, rate and duration
    std::optional<load_events> events_;
    load_progress progress_;
    std::deque<burst> waiting_; // published, and not durable yet
    net::condition wake_;       // it ends early
    bool ended_early_ = false;
};

} // namespace agent
