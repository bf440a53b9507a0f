#pragma once
// A single-pass validator of JSON (RFC 8259) over bytes that stay where they are. It is the hottest code of
// the agent.
//
// Why not a library: nearly all bytes of an event are only checked and passed through, so neither an index
// nor a tree is needed, but the text of each member is. simdjson's on-demand front end skips raw values
// without checking them; its DOM parser checks, but gives no raw text, and refuses what data may hold (lone
// surrogates, numbers of any size). Measured with one event of 401 bytes again and again (g++ -O2, one busy
// EPYC core), before this scan had the bits of special_bytes: this scan with all rules of an event 180 ns;
// simdjson 3.0.1, on-demand compiled for AVX2, the members with data unchecked 195, with data walked 355; its
// DOM parser alone 130.
//
// What makes it fast: the end of a string is found in bits that were made before (special_bytes), 57 bytes
// at a look and whatever their place, so that there is no branch to guess at the edge of a block: parsing
// took 219 ns with blocks of 64 bytes that were looked at as strings met them, 209 so. White space is
// looked for only where what compact JSON has is not there.
//
// The scan never reads outside of the text. Each step takes the place where it begins and gives the place
// behind it, or null: then the fault is set, and the scan is over. (The place goes by value to stay in a
// register.)

#include "agent/event/special_bytes.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace agent {

enum class scan_fault : std::uint8_t { none, syntax, utf8, depth };

class event_scan {
public:
    explicit event_scan(std::string_view text)
        : begin_(text.data())
        , end_(text.data() + text.size()) {
        look_at_window(begin_);
    }

    // The whole text as one value with white space around it.
    bool document(unsigned levels_max);

    // `at` is the first byte of what is named.
    const char* value(const char* at, unsigned levels); // `levels` of objects and arrays may be opened
    const char* string(const char* at);
    const char* string_value(const char* at); // the same, faster behind a member's name
    const char* number(const char* at);
    const char* literal(const char* at, std::string_view word);
    // Calls member(name, at) for each member, which gives the place behind its value, or null. The name is as
    // it stands there, without its quotes; escaped() says whether it needs decoding.
    template <class F>
    const char* object(const char* at, F&& member);
    const char* space(const char* at); // none is enough
    // Moves `at` over white space; whether `wanted` stands there. Compact JSON has none: looked at last.
    bool meets(const char*& at, char wanted);

    char peek(const char* at) const { return at == end_ ? '\0' : *at; } // NUL is not JSON outside of strings

    const char* begin() const { return begin_; }

    const char* end() const { return end_; }

    bool escaped() const { return escaped_; } // the last string had an escape in it

    // What strings and white space have held since forget().
    void forget() {
        line_break_ = false;
        lone_surrogate_ = nullptr;
    }

    bool line_break() const { return line_break_; } // LF or CR, in white space only

    const char* lone_surrogate() const { return lone_surrogate_; }

    const char* fail(const char* at, const char* why, scan_fault fault = scan_fault::syntax);

    scan_fault fault() const { return fault_; }

    const char* fault_text() const { return fault_text_; }

    const char* fault_at() const { return fault_at_; }

private:
    static constexpr std::size_t window_bytes_max = 1024;

    const char* array(const char* at, unsigned levels);
    const char* unquoted_value(const char* at, unsigned levels);
    const char* nested_object(const char* at, unsigned levels);
    const char* rest_of_string(const char* from);
    const char* behind_space(const char* at);
    const char* behind_digits(const char* from) const;
    std::uint64_t special_bits(std::size_t offset) const;
    const char* special_from(const char* from);
    void look_at_window(const char* from);
    const char* escape(const char* from);
    const char* utf8_run(const char* from);

    const char* begin_;
    const char* end_;
    // A part of the text, with a bit for each of its bytes that is not plain.
    const char* window_;
    std::size_t window_bytes_;
    std::array<std::uint64_t, special_words(window_bytes_max)> special_;
    // Where the last look for a string's end began, and what it saw behind that end.
    const char* look_ = nullptr;
    std::uint64_t special_behind_ = 0;
    const char* lone_surrogate_ = nullptr;
    const char* fault_at_ = nullptr;
    const char* fault_text_ = "";
    scan_fault fault_ = scan_fault::none;
    bool escaped_ = false;
    bool line_break_ = false;
};

// The text of a string that string() has accepted, quotes included; a lone surrogate becomes U+FFFD.
std::string decode_string(std::string_view quoted);
// Valid JSON without its insignificant white space.
void compact_json(std::string_view valid, std::string& out);

// --- the hot part, inline

inline const char* event_scan::space(const char* at) {
    return at != end_ && static_cast<unsigned char>(*at) > ' ' ? at : behind_space(at);
}

inline bool event_scan::meets(const char*& at, char wanted) {
    if (at != end_ && *at == wanted) [[likely]]
        return true;
    at = behind_space(at);
    return peek(at) == wanted;
}

// From this byte of the window on; 57 at least.
inline std::uint64_t event_scan::special_bits(std::size_t offset) const {
    std::uint64_t word;
    std::memcpy(&word, reinterpret_cast<const char*>(special_.data()) + offset / 8, 8);
    return word >> (offset % 8);
}

inline const char* event_scan::string(const char* at) {
    escaped_ = false;
    ++at;
    const auto offset = static_cast<std::size_t>(at - window_);
    if (offset < window_bytes_) [[likely]] {
        const std::uint64_t special = special_bits(offset);
        if (special != 0) [[likely]] {
            const char* end = at + static_cast<unsigned>(std::countr_zero(special));
            if (*end == '"') [[likely]] {
                look_ = at;
                special_behind_ = special & (special - 1);
                return end + 1;
            }
        }
    }
    special_behind_ = 0;
    return rest_of_string(at);
}

// What the look at the name saw mostly holds the value's quotes as well: no second look, which would have to
// wait for where the first one's string ended. A sixth of event/scan's time.
inline const char* event_scan::string_value(const char* at) {
    const std::uint64_t special = special_behind_ & (special_behind_ - 1); // without the first
    if (special != 0) [[likely]] {
        const char* end = look_ + static_cast<unsigned>(std::countr_zero(special));
        if (end > at && *end == '"') [[likely]] { // behind `at`: so the first was `at` itself
            escaped_ = false;
            return end + 1;
        }
    }
    return string(at);
}

inline const char* event_scan::value(const char* at, unsigned levels) {
    return peek(at) == '"' ? string_value(at) : unquoted_value(at, levels);
}

template <class F>
const char* event_scan::object(const char* at, F&& member) {
    at = space(at + 1);
    if (peek(at) == '}')
        return at + 1;
    for (;;) {
        if (!meets(at, '"'))
            return fail(at, "a member's name in quotes was expected");
        const char* name = at + 1;
        at = string(at);
        if (!at)
            return nullptr;
        const auto name_bytes = static_cast<std::size_t>(at - 1 - name);
        if (!meets(at, ':'))
            return fail(at, "':' was expected");
        at = member(std::string_view(name, name_bytes), space(at + 1));
        if (!at)
            return nullptr;
        at = space(at);
        if (peek(at) != ',')
            return peek(at) == '}' ? at + 1 : fail(at, "',' or '}' was expected");
        ++at;
    }
}

} // namespace agent
