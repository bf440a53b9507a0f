#pragma once
// A hot part of the agent, ready to be measured: in time by Google Benchmark, in instructions by callgrind.
// Each *_part.cpp registers those of one place on the path of an event.

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace bench {

struct work {
    std::uint64_t events = 0;
    std::uint64_t bytes = 0;
};

// Does the same work whenever it is called, so that counts of two runs can be compared.
using round_function = std::function<work()>;

struct part {
    std::string_view name; // "place/what"
    round_function (*prepare)();
};

// By name.
std::vector<part> parts();

struct registered_part {
    registered_part(std::string_view name, round_function (*prepare)());
};

// Calls of malloc and its like by this thread so far: those of operator new, OpenSSL and nghttp2 included.
std::uint64_t allocations();

} // namespace bench
