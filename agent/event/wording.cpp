#include "agent/event/wording.hpp"

#include <algorithm>

namespace agent {
namespace {

constexpr std::size_t shown_bytes_max = 64;

} // namespace

std::string_view kind_of_value(char first) {
    switch (first) {
    case '"':
        return "a string";
    case '{':
        return "an object";
    case '[':
        return "an array";
    case 't':
    case 'f':
        return "a boolean";
    case 'n':
        return "null";
    default:
        return "a number";
    }
}

std::string place_in(std::string_view text, const char* at) {
    const auto before = text.substr(0, static_cast<std::size_t>(at - text.data()));
    const auto line = 1 + std::ranges::count(before, '\n');
    const auto column = before.size() - (before.rfind('\n') + 1) + 1; // npos + 1 is 0
    const auto where = "column " + std::to_string(column);
    return line == 1 ? where : "line " + std::to_string(line) + ", " + where;
}

std::string shown(std::string_view text) {
    auto end = std::min(text.size(), shown_bytes_max);
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
        --end;
    std::string out = "`" + std::string(text.substr(0, end)) + (end < text.size() ? "…`" : "`");
    std::ranges::replace_if(out, [](unsigned char c) { return c < ' ' || c == 0x7F; }, '?');
    return out;
}

event_error error_of(const event_scan& scan, std::string_view text) {
    const std::string where = ", at " + place_in(text, scan.fault_at());
    switch (scan.fault()) {
    case scan_fault::utf8:
        return {"invalid_utf8", "not UTF-8" + where};
    case scan_fault::depth:
        return {"too_deep", "nested deeper than " + std::to_string(event_nesting_max) +
                                " levels, the event included" + where};
    default:
        return {"invalid_json", std::string("not JSON: ") + scan.fault_text() + where};
    }
}

} // namespace agent
