#include "agent/event/printable.hpp"

#include "net/utf8.hpp"

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
    if (byte(0) < 0x80)
        return {byte(0), 1};
    const auto bytes = static_cast<std::size_t>(net::utf8_sequence(text.data(), text.data() + text.size()));
    if (bytes == 0)
        return {};
    std::uint32_t code = byte(0) & (0x7Fu >> bytes);
    for (std::size_t i = 1; i < bytes; ++i)
        code = code << 6 | (byte(i) & 0x3F);
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
