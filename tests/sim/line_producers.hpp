#pragma once
// Who writes into the NDJSON intakes: the program at the other end of an agent's standard input, and programs
// that connect to its Unix socket and read what is answered.

#include "tests/sim/line_writer.hpp"

namespace sim {

// An agent's standard input, as the program sees that writes it.
struct standard_input {
    explicit standard_input(process& by)
        : producer(by.id())
        , changed(by) {}

    const std::uint64_t producer;
    net::condition changed;              // only while that process runs
    const line_input* written = nullptr; // once it has begun
    bool over = false;                   // no more is wanted: end it
};

// Writes until its time is over, which it may end by itself where input_ends is a fault of this world; else it
// waits until no more is wanted.
net::task<> feed_standard_input(process& env, caller_context& context, std::shared_ptr<standard_input> input,
                                std::unique_ptr<net::stream> to);

// One connection after the other, until the plan's time is over.
net::task<> feed_socket(process& env, caller_context& context);

const net::endpoint& ndjson_socket();

} // namespace sim
