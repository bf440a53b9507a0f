#include "agent/event/category.hpp"

#include <gtest/gtest.h>

namespace {

using agent::category;

TEST(category, has_a_name_that_parses_back) {
    for (std::size_t i = 0; i < agent::category_count; ++i) {
        const auto value = static_cast<category>(i);
        EXPECT_EQ(agent::parse_category(name_of(value)), value);
    }
    for (const char* unknown : {"", "Console", "consol", "consoles", "network ", "null"})
        EXPECT_FALSE(agent::parse_category(unknown)) << unknown;
}

TEST(category, follows_from_the_type) {
    const std::pair<const char*, category> cases[] = {
        {"console.log", category::console},
        {"console_error", category::console},
        {"console", category::console},
        {"exception.thrown", category::console},
        {"network.request", category::network},
        {"network_loading_failed", category::network},
        {"page:load", category::page},
        {"navigation", category::page},
        {"dom_content_loaded", category::page},
        {"interaction.click", category::interaction},
        {"click", category::interaction},
        {"liveview/opened", category::liveview},
        {"captcha-solved", category::captcha},
        {"agent_action", category::control},
        {"monitor_screenshot", category::screenshot},
        {"monitor_disconnected", category::monitor},
        {"screenshot", category::screenshot},
        {"connection.lost", category::connection},
        {"session_started", category::system},
        {"networking", category::system},
        {"CONSOLE.log", category::system},
        {".console", category::system},
        {"something else", category::system},
        {"", category::system},
    };
    for (const auto& [type, expected] : cases)
        EXPECT_EQ(agent::category_of_type(type), expected) << type;
}

TEST(category_set, starts_whole_and_can_be_narrowed) {
    auto set = agent::all_categories();
    EXPECT_TRUE(contains(set, category::monitor));
    set.reset(static_cast<std::size_t>(category::page));
    EXPECT_FALSE(contains(set, category::page));
    EXPECT_TRUE(contains(set, category::console));
}

} // namespace
