#include "agent/event/category.hpp"

#include <algorithm>

namespace agent {
namespace {

constexpr std::array<std::string_view, category_count> names{
    "console", "network", "page",       "interaction", "liveview", "captcha",
    "system",  "control", "connection", "screenshot",  "monitor",
};

struct known_type {
    std::string_view type;
    category in;
};

// Types that don't begin with their category's name. Sorted, for the index by first letter.
constexpr std::array known_types{
    known_type{"agent_action", category::control},
    known_type{"click", category::interaction},
    known_type{"dialog", category::page},
    known_type{"dom_content_loaded", category::page},
    known_type{"dom_updated", category::page},
    known_type{"download", category::page},
    known_type{"events_dropped", category::system},
    known_type{"exception", category::console},
    known_type{"input", category::interaction},
    known_type{"key", category::interaction},
    known_type{"layout_settled", category::page},
    known_type{"layout_shift", category::page},
    known_type{"lcp", category::page},
    known_type{"log", category::console},
    known_type{"monitor_screenshot", category::screenshot},
    known_type{"navigation", category::page},
    known_type{"navigation_settled", category::page},
    known_type{"request", category::network},
    known_type{"response", category::network},
    known_type{"scroll", category::interaction},
    known_type{"scroll_settled", category::interaction},
    known_type{"session_continued", category::system},
    known_type{"session_ended", category::system},
    known_type{"session_resumed", category::system},
    known_type{"session_started", category::system},
    known_type{"tab_opened", category::page},
    known_type{"websocket", category::network},
};
static_assert(std::ranges::is_sorted(known_types, {}, &known_type::type));

// Where the known types of each first letter begin, and where the last ends.
constexpr auto first_of_letter = [] {
    std::array<std::uint8_t, 'z' - 'a' + 2> first{};
    for (const auto& known : known_types)
        for (std::size_t letter = known.type.front() - 'a' + 1u; letter < first.size(); ++letter)
            ++first[letter];
    return first;
}();

std::optional<category> find_known(std::string_view type) {
    if (type.empty() || type.front() < 'a' || type.front() > 'z')
        return std::nullopt;
    const auto letter = static_cast<std::size_t>(type.front() - 'a');
    for (std::size_t i = first_of_letter[letter]; i < first_of_letter[letter + 1]; ++i) {
        if (known_types[i].type.size() == type.size() && known_types[i].type == type)
            return known_types[i].in;
    }
    return std::nullopt;
}

bool ends_word(char c) {
    return c == '.' || c == '_' || c == ':' || c == '-' || c == '/';
}

} // namespace

std::string_view name_of(category value) {
    return names[static_cast<std::size_t>(value)];
}

std::optional<category> parse_category(std::string_view name) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        const bool alike = names[i].size() == name.size() && names[i].front() == name.front();
        if (alike && names[i] == name)
            return static_cast<category>(i);
    }
    return std::nullopt;
}

category category_of_type(std::string_view type) {
    if (const auto known = find_known(type))
        return *known;
    const std::string_view first_word(type.begin(), std::ranges::find_if(type, ends_word));
    if (const auto known = find_known(first_word))
        return *known;
    return parse_category(first_word).value_or(category::system);
}

} // namespace agent
