#pragma once
// The events of a load: event n is always the same bytes, so that what was stored can be judged without
// keeping what was sent. Its text is words drawn by n, about as compressible as a console's. Plain.

#include "agent/event/event.hpp"
#include "agent/ring/types.hpp"
#include "net/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace agent {

constexpr std::size_t load_event_bytes_min = 160;
constexpr std::size_t load_event_bytes_max = 976 * 1024; // and its envelope is within envelope_bytes_max

// When each event of a load is due, counted from its begin. Faster than one a millisecond they come in
// bursts, one burst a millisecond: no timer is finer without costing more than the events.
struct load_schedule {
    std::uint64_t per_second = 0; // 0: as fast as they are taken

    net::duration due(std::uint64_t n) const;
};

class load_events {
public:
    // `bytes`: of each event's line. An event's ts is the time it is due, or as many µs behind the first.
    load_events(std::size_t bytes, net::wall_micros first_ts, load_schedule schedule);

    // Each is valid until the next call.
    std::string_view event(std::uint64_t n);
    // The envelope that it comes to be.
    std::string_view envelope(std::uint64_t n, std::string_view capture_session_id, seq_t seq);

private:
    void make_event(std::uint64_t n); // appends to text_

    std::size_t bytes_;
    net::wall_micros first_ts_;
    load_schedule schedule_;
    std::string text_;
};

} // namespace agent
