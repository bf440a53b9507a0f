#pragma once
// What happened, in order: a hash that two runs of one seed must share, and, where asked for, a story to
// read. Times are virtual. Every line is also looked through for the secret that nobody may tell.

#include "net/clock.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sim {

class trace {
public:
    explicit trace(bool print)
        : print_(print) {}

    void mix(std::uint64_t value) {
        hash_ ^= value + 0x9e3779b97f4a7c15 + (hash_ << 6) + (hash_ >> 2);
        hash_ *= 0xff51afd7ed558ccd;
    }

    void mix(std::string_view bytes);
    // One line: who ("agent-0", "service", "world") and what.
    void say(net::time_point when, std::string_view who, std::string_view what);

    std::uint64_t hash() const { return hash_; }

    bool printing() const { return print_; }

    // A line that holds these bytes is a leak.
    void watch_for(std::string secret) { secret_ = std::move(secret); }

    // Whatever else leaves an agent: answers, files.
    void inspect(std::string_view where, std::string_view bytes);

    const std::string& leak() const { return leak_; } // the first, or empty

private:
    bool print_;
    std::uint64_t hash_ = 0x51ed270b8d5a1f37;
    std::string secret_;
    std::string leak_;
};

} // namespace sim
