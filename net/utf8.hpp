#pragma once
// Well-formed UTF-8 (RFC 3629, Unicode table 3-7: no surrogates, nothing overlong, at most U+10FFFF).

#include <cstddef>
#include <string_view>

namespace net {

// Length of the sequence of several bytes at `from`, or 0 where none is well formed. Inline: an event's text
// goes through here.
inline int utf8_sequence(const char* from, const char* end) {
    const auto byte = [&](int i) { return static_cast<unsigned char>(from[i]); };
    const auto continues = [&](int i) { return (byte(i) & 0xC0) == 0x80; };
    const unsigned lead = byte(0);
    const auto left = end - from;
    if (lead >= 0xC2 && lead <= 0xDF)
        return left >= 2 && continues(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (left < 3 || !continues(1) || !continues(2))
            return 0;
        const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
        const bool surrogate = lead == 0xED && byte(1) > 0x9F;
        return overlong || surrogate ? 0 : 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (left < 4 || !continues(1) || !continues(2) || !continues(3))
            return 0;
        const bool overlong = lead == 0xF0 && byte(1) < 0x90;
        const bool too_high = lead == 0xF4 && byte(1) > 0x8F;
        return overlong || too_high ? 0 : 4;
    }
    return 0;
}

inline bool valid_utf8(std::string_view bytes) {
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    while (at != end) {
        const int length = static_cast<unsigned char>(*at) < 0x80 ? 1 : utf8_sequence(at, end);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

} // namespace net
