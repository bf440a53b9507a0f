#pragma once
// One stream of NDJSON (standard input, a file, one connection of the Unix socket) into the capture
// session.
//
// 1. Each line is published as it comes; a bad one is refused, said, and costs its neighbours nothing.
// 2. It is paused instead of making envelopes go that S2 still lacks, and where the ring can't get room at
//    all (ring::make_room). It is held back a little, too, where it is far ahead of a delivery that moves
//    (ring_pace).
// 3. On a stop (drain or abort) nothing more is read: whole lines that were read are still published where
//    room is, the others and a last line without its end are refused. At end of input such a last line
//    counts.
// 4. Memory: one buffer of lines, whose unfinished one counts among what all callers hold (body_places),
//    and at most intake_errors_bytes_max of errors that the other side has not read yet.

#include "agent/event/line_splitter.hpp"
#include "agent/intake/body_memory.hpp"
#include "agent/intake/refusal_log.hpp"
#include "agent/ring/pace.hpp"
#include "agent/session/capture.hpp"
#include "net/stream.hpp"
#include "net/task/stop_token.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace agent {

constexpr std::size_t intake_errors_bytes_max = 64 * 1024;
constexpr net::duration intake_errors_linger_max =
    std::chrono::seconds(5); // at the end, for who reads them slowly

struct intake_counts {
    std::uint64_t lines = 0; // without empty ones: accepted + filtered + refused
    std::uint64_t accepted = 0;
    std::uint64_t filtered = 0;
    std::uint64_t refused = 0;

    intake_counts& operator+=(const intake_counts& other);
};

enum class intake_end { end_of_input, stopped, failed };

struct intake_options {
    std::string name = "standard input"; // for logs
    std::size_t read_bytes = 256 * 1024;
    bool write_errors_back = false; // one line {"line":N,"code":…,"message":…} each
    bool one_of_many = false;       // its unfinished lines wait for room, and give up where others wait
};

class ndjson_intake {
public:
    ndjson_intake(net::environment& env, capture& into, ring& journal, body_memory& bodies, net::stream& from,
                  net::stop_token stop, intake_options options);

    // Once. Until the end of input, a failure of the stream (logged) or the stop.
    net::task<intake_end> run();

    const intake_counts& counts() const { return counts_; } // also after an abort

private:
    net::task<void> stop_reading();
    net::task<intake_end> read();
    net::task<net::result<std::size_t>> read_some();
    net::task<void> publish_lines();
    net::task<void> stay_near_delivery(std::size_t bytes);
    net::task<void> wait_for_room(std::size_t bytes);
    void publish(const input_line& line);
    void refuse(std::uint64_t line, std::string_view code, std::string_view message);
    void cut_off();
    void give_up_line();
    void refuse_rest();
    net::task<void> write_errors();
    net::task<void> finish_errors();

    net::environment& env_;
    capture& capture_;
    ring& ring_;
    net::stream& from_;
    net::stop_token stop_;
    intake_options options_;
    line_splitter lines_;
    body_memory::share held_; // the unfinished one
    intake_counts counts_;
    refusal_log log_;
    std::optional<std::uint64_t> waiting_line_; // taken, and waiting for room
    ring_pace pace_;
    std::string errors_; // not written yet
    std::uint64_t errors_omitted_ = 0;
    bool errors_ended_ = false;
    bool errors_done_ = false; // nothing more is written back
    net::condition
        errors_changed_; // errors to write have come, or no more will, or none are written any more
};

} // namespace agent
