#include "tests/sim/trace.hpp"

#include <cstdio>
#include <cstring>

namespace sim {

void trace::mix(std::string_view bytes) {
    std::uint64_t word = 0;
    while (bytes.size() >= sizeof word) {
        std::memcpy(&word, bytes.data(), sizeof word);
        mix(word);
        bytes.remove_prefix(sizeof word);
    }
    word = bytes.size();
    std::memcpy(&word, bytes.data(), bytes.size());
    mix(word + (std::uint64_t{bytes.size()} << 56));
}

void trace::say(net::time_point when, std::string_view who, std::string_view what) {
    mix(static_cast<std::uint64_t>(when.time_since_epoch().count()));
    mix(who);
    mix(what);
    inspect(who, what);
    if (!print_)
        return;
    const double seconds = std::chrono::duration<double>(when.time_since_epoch()).count();
    std::printf("%12.6f  %-10.*s %.*s\n", seconds, static_cast<int>(who.size()), who.data(),
                static_cast<int>(what.size()), what.data());
}

void trace::inspect(std::string_view where, std::string_view bytes) {
    if (secret_.empty() || !leak_.empty() || bytes.find(secret_) == std::string_view::npos)
        return;
    leak_ = std::string(where) + ": " + std::string(bytes.substr(0, 300));
}

} // namespace sim
