#include "agent/printable.hpp"

#include <array>
#include <cstdint>
#include <cstdio>

namespace agent {
namespace {

struct range {
    std::uint32_t first;
    std::uint32_t last;
};

// Not the joiners U+200C and U+200D: words of living languages and emoji are written with them.
constexpr std::array unseen{
    range{0x00, 0x1F},       // C0
    range{0x7F, 0x9F},       // DEL, C1
    range{0x61C, 0x61C},     // Arabic letter mark
    range{0x180E, 0x180E},   // Mongolian vowel separator
    range{0x200B, 0x200B},   // zero width space
    range{0x200E, 0x200F},   // marks of direction
    range{0x2028, 0x202E},   // separators; embeddings and overrides of direction
    range{0x2060, 0x206F},   // word joiner, invisible operators, isolates
    range{0xFEFF, 0xFEFF},   // byte order mark
    range{0xFFF9, 0xFFFB},   // annotations
    range{0xE0000, 0xE007F}, // tags
};

bool is_unseen(std::uint32_t code) {
    for (const range& one : unseen)
        if (code >= one.first && code <= one.last)
            return true;
    return false;
}

// The code point at the front and its bytes; no bytes: not UTF-8 (RFC 3629).
struct decoded {
    std::uint32_t code = 0;
    std::size_t bytes = 0;
};

decoded decode(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t lead = byte(0);
    if (lead < 0x80)
        return {lead, 1};
    const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    constexpr std::array<std::uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    if (lead < 0xC0 || lead > 0xF7 || text.size() < bytes)
        return {};
    std::uint32_t code = lead & (0x7Fu >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((byte(i) & 0xC0) != 0x80)
            return {};
        code = code << 6 | (byte(i) & 0x3F);
    }
    if (code < least[bytes] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return {};
    return {code, bytes};
}

} // namespace

std::string printable(std::string_view text) {
    std::string shown;
    shown.reserve(text.size());
    while (!text.empty()) {
        const decoded next = decode(text);
        if (next.bytes > 0 && !is_unseen(next.code)) {
            shown += text.substr(0, next.bytes);
        } else {
            std::array<char, 16> escaped{};
            const unsigned value = next.bytes > 0 ? next.code : static_cast<std::uint8_t>(text.front());
            const int size =
                std::snprintf(escaped.data(), escaped.size(), next.bytes > 0 ? "\\u{%x}" : "\\x%02x", value);
            shown.append(escaped.data(), static_cast<std::size_t>(size));
        }
        text.remove_prefix(next.bytes > 0 ? next.bytes : 1);
    }
    return shown;
}

} // namespace agent
