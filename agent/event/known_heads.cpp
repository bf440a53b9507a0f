#include "agent/event/known_heads.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace agent {

known_heads::place& known_heads::place_of(std::string_view type) {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    const std::size_t bytes = std::min(type.size(), sizeof first);
    std::memcpy(&first, type.data(), bytes);
    std::memcpy(&last, type.data() + type.size() - bytes, bytes);
    const std::uint64_t mixed = (first + last * 31 + type.size()) * 0x9e3779b97f4a7c15; // Fibonacci hashing
    return places_[mixed >> (64 - places_bits)];
}

const known_head* known_heads::find(std::string_view type, const char* end, event_origin origin) {
    auto& here = place_of(type);
    const auto& text = here.head.text;
    if (text.empty() || text.size() > static_cast<std::size_t>(end - type.data()) ||
        std::memcmp(text.data(), type.data(), text.size()) != 0 || here.head.origin != origin)
        return nullptr;
    here.came_again = true;
    return &here.head;
}

void known_heads::keep(std::string_view text, const event& of, bool names_category, event_origin origin) {
    auto& here = place_of(of.type);
    if (here.not_kept > 0) {
        --here.not_kept;
        return;
    }
    // Line breaks are taken out of metadata, which then does not lie in the text.
    if (text.size() > text_bytes_max || text.find_first_of("\r\n") != std::string_view::npos)
        return;
    here.pause = here.came_again ? 0 : std::min(here.pause * 2 + 1, not_kept_max);
    here.not_kept = here.pause;
    here.came_again = false;

    auto& head = here.head;
    head.text = text;
    head.origin = origin;
    head.names_category = names_category;
    head.in = of.in;
    head.kind = of.kind;
    const auto within = [&](std::string_view part) {
        return part.empty() ? part
                            : std::string_view(head.text.data() + (part.data() - text.data()), part.size());
    };
    head.source_event = within(of.source_event);
    head.source_metadata = within(of.source_metadata);
    write_head(of, head.written);
}

} // namespace agent
