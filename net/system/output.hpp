#pragma once
// Writing to descriptors that others gave us and may not read from (standard error and output, a named
// pipe). Their flags are shared with those others and stay as they are.

#include "net/clock.hpp"
#include "net/result.hpp"

#include <chrono>
#include <cstddef>
#include <string_view>

namespace net {

// What a pipe takes in one piece, and takes without waiting once it polls as writable.
constexpr std::size_t output_piece_bytes_max = 4096;

constexpr duration output_patience =
    std::chrono::seconds(2); // with who does not read, at the end of a program

// As much as is taken at once, at most output_piece_bytes_max; 0 where that is nothing.
std::size_t write_without_waiting(int to, std::string_view text) noexcept;

// All, waiting at most this long for each piece to be taken; then error::timed_out.
error_code write_patiently(int to, std::string_view text, duration patience) noexcept;

// A command's own words, to a person or a log: given up where nobody reads.
void tell_standard_error(std::string_view text) noexcept;

} // namespace net
