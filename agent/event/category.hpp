#pragma once
// The categories, their names, and the one table that maps known event types to them.

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>

namespace agent {

enum class category : std::uint8_t {
    console,
    network,
    page,
    interaction,
    liveview,
    captcha,
    system,
    control,
    connection,
    screenshot,
    monitor,
};
constexpr std::size_t category_count = 11;

std::string_view name_of(category value);
std::optional<category> parse_category(std::string_view name);
// From the table of known types by the whole type, then by its first word (up to . _ : - or /), which may
// also be a category's name: console.log, network_request; else system.
category category_of_type(std::string_view type);

using category_set = std::bitset<category_count>;

inline category_set all_categories() {
    return category_set{}.set();
}

inline bool contains(category_set set, category value) {
    return set.test(static_cast<std::size_t>(value));
}

} // namespace agent
