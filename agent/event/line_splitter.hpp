#pragma once
// Bytes in any pieces become lines. It owns the buffer that is read into, so that a line is looked at where
// it was read.
//
// 1. A line ends at LF; one CR before it belongs to the end. NUL bytes at a line's begin (a hole that a power
//    cut left) and a byte order mark at the very start are passed over: they count as nothing.
// 2. Empty lines are counted but not given.
// 3. A line longer than line_bytes_max is skipped up to its LF in bounded memory and given as one refusal.
// 4. At the end of input what stands there without LF is a line; on abort it is lost, and that is one
//    refusal.
// 5. At most line_bytes_max + 2 bytes are held, and what the caller has asked room for.

#include "agent/event/event.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace agent {

struct input_line {
    std::uint64_t number; // from 1, empty ones counted
    std::string_view text;
};

struct refused_line {
    std::uint64_t number;
    std::uint64_t bytes; // of the line, as far as it came, without its LF
    event_error error;   // too_long or cut_off
};

struct need_input {};

// What a line without its end can need, the piece behind it included.
constexpr std::size_t whole_line_bytes = event_line_bytes_max + 64 * 1024;

class line_splitter {
public:
    explicit line_splitter(std::size_t line_bytes_max = event_line_bytes_max);

    // Room for up to `bytes` more, then how many came. All lines must have been taken: they are no longer
    // valid.
    std::span<char> prepare(std::size_t bytes);
    void commit(std::size_t bytes);
    // No more will come (4).
    void end_of_input();
    // No more is wanted: forgets what is there without LF, and gives it as refused (cut_off). Whole lines are
    // taken first.
    std::optional<refused_line> abort();

    // The next line; valid until prepare().
    std::variant<need_input, input_line, refused_line> next();

    std::size_t buffer_bytes() const { return capacity_; }

    // Of what has not been taken: with every line taken, of one without its end.
    std::size_t held_bytes() const { return end_ - begin_; }

private:
    bool pass_over_no_text();

    std::size_t line_bytes_max_;
    std::unique_ptr<char[]> buffer_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;   // of the first line not taken
    std::size_t scanned_ = 0; // no LF in [begin_, scanned_)
    std::size_t end_ = 0;
    std::uint64_t number_ = 1;  // of the line at begin_
    std::uint64_t skipped_ = 0; // bytes of it let go
    bool begun_ = false;        // what stands at the start is no byte order mark, or it was passed over
    bool ended_ = false;
};

} // namespace agent
