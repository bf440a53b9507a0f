#include "agent/category.hpp"

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

// Types that don't begin with their category's name. Sorted, for the search.
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

std::optional<category> find_known(std::string_view type) {
    const auto known = std::ranges::lower_bound(known_types, type, {}, &known_type::type);
    if (known == known_types.end() || known->type != type)
        return std::nullopt;
    return known->in;
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
    const auto first_word = type.substr(0, type.find_first_of("._:-/"));
    if (const auto known = find_known(first_word))
        return *known;
    return parse_category(first_word).value_or(category::system);
}

} // namespace agent
