#include "s2/utf8.hpp"

#include <cstddef>
#include <cstdint>

namespace s2 {
namespace {

// How many bytes follow this first byte, and the range that the second one must lie in (RFC 3629 §4); 4: none
// is valid.
struct lead {
    std::size_t following;
    std::uint8_t second_min;
    std::uint8_t second_max;
};

constexpr lead lead_of(std::uint8_t byte) {
    if (byte < 0x80)
        return {0, 0, 0};
    if (byte >= 0xC2 && byte <= 0xDF)
        return {1, 0x80, 0xBF};
    if (byte == 0xE0)
        return {2, 0xA0, 0xBF};
    if (byte == 0xED)
        return {2, 0x80, 0x9F};
    if (byte >= 0xE1 && byte <= 0xEF)
        return {2, 0x80, 0xBF};
    if (byte == 0xF0)
        return {3, 0x90, 0xBF};
    if (byte >= 0xF1 && byte <= 0xF3)
        return {3, 0x80, 0xBF};
    if (byte == 0xF4)
        return {3, 0x80, 0x8F};
    return {4, 0, 0};
}

} // namespace

bool valid_utf8(std::string_view bytes) {
    std::size_t at = 0;
    while (at < bytes.size()) {
        const lead first = lead_of(static_cast<std::uint8_t>(bytes[at]));
        if (first.following > 3 || bytes.size() - at <= first.following)
            return false;
        for (std::size_t i = 1; i <= first.following; ++i) {
            const auto next = static_cast<std::uint8_t>(bytes[at + i]);
            const std::uint8_t low = i == 1 ? first.second_min : 0x80;
            const std::uint8_t high = i == 1 ? first.second_max : 0xBF;
            if (next < low || next > high)
                return false;
        }
        at += first.following + 1;
    }
    return true;
}

} // namespace s2
