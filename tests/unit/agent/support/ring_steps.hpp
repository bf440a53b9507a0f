#pragma once
// What can happen to a ring, drawn at random. Each step means something in every state, so that any part of
// a failing case is a case too, and shrinking finds the small one.

#include "machine_crash.hpp"

#include <cstdint>
#include <ostream>
#include <rapidcheck.h>
#include <tuple>
#include <vector>

namespace agent::test {

enum class act : std::uint8_t {
    publish,      // a: size, b: how many
    hold,         // a: from where, b: how long
    change_hold,  // a: which, b: how
    acknowledge,  // a: up to where nothing is owed; b: whether some older ones stay owed
    disk,         // a: none left, one or two segments left, or enough
    read,         // a: which reader, b: how far, or back to where
    check,        // everything, from the start
    stop,         // in order; a: on which boot the next one starts; b: killed at that call of the stop
    kill,         // b: and the next one at that call of its start
    kill_publish, // a: size; b: at that call of a roll-over
    write_back,   // the kernel does, b eighths
    crash,        // the machine dies, b eighths reached the disk; a: and the next start is killed there
};

struct step {
    act what = act::publish;
    unsigned a = 0;
    unsigned b = 0;
    std::uint64_t dice = 0;
};

struct ring_case {
    unsigned segments = 3; // of capacity
    unsigned history = 0;  // of live history, in half segments
    std::vector<step> steps;
};

inline std::ostream& operator<<(std::ostream& out, const step& one) {
    static constexpr const char* names[] = {"publish", "hold",         "change_hold", "acknowledge",
                                            "disk",    "read",         "check",       "stop",
                                            "kill",    "kill_publish", "write_back",  "crash"};
    return out << names[static_cast<std::size_t>(one.what)] << "(" << one.a << ", " << one.b << ", "
               << one.dice << ")";
}

inline std::ostream& operator<<(std::ostream& out, const ring_case& one) {
    out << one.segments << " segments, history " << one.history << "/2";
    for (const auto& each : one.steps)
        out << "\n    " << each;
    return out;
}

constexpr unsigned draw_max = 24;

inline rc::Gen<step> any_step(const std::vector<std::pair<std::size_t, act>>& weighted) {
    std::vector<act> acts; // one entry per weight: shrinks towards the first
    for (const auto& [weight, what] : weighted)
        acts.insert(acts.end(), weight, what);
    return rc::gen::map(rc::gen::tuple(rc::gen::elementOf(acts), rc::gen::inRange(0u, draw_max),
                                       rc::gen::inRange(0u, draw_max),
                                       rc::gen::noShrink(rc::gen::inRange<std::uint64_t>(0, 1u << 20))),
                        [](const auto& drawn) {
                            return step{std::get<0>(drawn), std::get<1>(drawn), std::get<2>(drawn),
                                        std::get<3>(drawn)};
                        });
}

inline rc::Gen<ring_case> any_case(const std::vector<std::pair<std::size_t, act>>& weighted) {
    return rc::gen::map(rc::gen::tuple(rc::gen::inRange(3u, 7u), rc::gen::inRange(0u, 5u),
                                       rc::gen::container<std::vector<step>>(any_step(weighted))),
                        [](auto drawn) {
                            return ring_case{std::get<0>(drawn), std::get<1>(drawn),
                                             std::move(std::get<2>(drawn))};
                        });
}

} // namespace agent::test
