#pragma once
// Everything random in a simulated world comes out of one of these, and so out of the seed. Each part of the
// world forks a source of its own, so that one draw more in one part does not change what the others draw.

#include "net/clock.hpp"

#include <cstdint>
#include <string_view>

namespace sim {

class draw {
public:
    explicit draw(std::uint64_t seed)
        : state_(seed) {}

    // splitmix64
    std::uint64_t bits() {
        state_ += 0x9e3779b97f4a7c15;
        std::uint64_t mixed = state_;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        return mixed ^ (mixed >> 31);
    }

    std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : bits() % bound; }

    // Both ends included.
    std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }

    net::duration between(net::duration low, net::duration high) {
        const auto span = static_cast<std::uint64_t>((high - low).count());
        return low + net::duration(static_cast<std::int64_t>(below(span + 1)));
    }

    bool chance(unsigned per_mille) { return below(1000) < per_mille; }

    // A source of its own for a named part.
    draw fork(std::string_view name) {
        std::uint64_t hash = 0xcbf29ce484222325;
        for (const char each : name)
            hash = (hash ^ static_cast<unsigned char>(each)) * 0x100000001b3;
        return draw(bits() ^ hash);
    }

private:
    std::uint64_t state_;
};

} // namespace sim
