#pragma once
// What is seen of the simulated service's traffic, over all its server processes: for the checkers of bounds
// and for the trace. Seen from the server's side: what it has received whole and not acknowledged yet; the
// client has at least as much in flight.

#include "tests/sim/refusal_record.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sim {

struct service_watch {
    // Of any one append session, at any time.
    std::size_t batches_in_flight_max = 0;
    std::uint64_t metered_bytes_in_flight_max = 0;
    std::uint64_t payload_bytes_in_flight_max = 0; // frames, as on the wire
    // Of any one stream, at any time.
    std::size_t append_sessions_max = 0;
    // Of any one request or batch.
    std::uint64_t unary_body_bytes_max = 0;
    std::uint64_t frame_bytes_max = 0; // with its length
    std::size_t batch_records_max = 0;
    std::uint64_t batch_metered_bytes_max = 0;

    // `stream`: "basin/name"; empty where the request names none.
    std::function<void(std::string_view what, std::string_view stream)> on_event;
    // The body of each request at its end, whole or not.
    std::function<void(std::string_view stream, std::uint64_t bytes)> on_body;

    refusal_record refusals;

    std::uint64_t tls_connections = 0; // whose handshake ended well
    // What no service may ever see.
    std::function<void(const std::string& what)> on_wrong;

    void wrong(const std::string& what) const {
        if (on_wrong)
            on_wrong(what);
    }

    void event(std::string_view what, std::string_view stream) const {
        if (on_event)
            on_event(what, stream);
    }
};

// Raises a maximum.
template <class T>
void raise(T& maximum, T seen) {
    maximum = std::max(maximum, seen);
}

} // namespace sim
