#include "agent/log.hpp"

#include <boost/json/parse.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

const net::time_point start{1h};

TEST(repeat_filter, lets_one_pass_per_interval_and_counts_the_rest) {
    repeat_filter filter;
    EXPECT_EQ(filter.pass("a", start, 60s), 0u);
    EXPECT_EQ(filter.pass("a", start, 60s), std::nullopt);
    EXPECT_EQ(filter.pass("a", start + 59s, 60s), std::nullopt);
    EXPECT_EQ(filter.pass("b", start + 59s, 60s), 0u);
    EXPECT_EQ(filter.pass("a", start + 60s, 60s), 2u);
    EXPECT_EQ(filter.pass("a", start + 119s, 60s), std::nullopt);
    EXPECT_EQ(filter.pass("a", start + 120s, 60s), 1u);
}

TEST(repeat_filter, is_bounded) {
    repeat_filter filter;
    filter.pass("first", start, 60s);
    for (std::size_t i = 0; i < repeat_filter::keys_max; ++i)
        filter.pass(std::to_string(i), start + 1s, 60s);
    EXPECT_EQ(filter.pass("first", start + 2s, 60s), 0u); // it gave way, so it passes again
    EXPECT_EQ(filter.pass("5", start + 2s, 60s), std::nullopt);
}

TEST(log_lines, json_lines_are_json_whatever_they_say) {
    testing::internal::CaptureStderr();
    init_log("info", log_format::json);
    spdlog::info("a \"quote\", a \\ and a\nline break");
    spdlog::debug("not shown");
    repeat_filter filter;
    log_once_per(filter, start, 60s, "k", spdlog::level::warn, "value {}", 7);
    log_once_per(filter, start, 60s, "k", spdlog::level::warn, "value {}", 8);
    log_once_per(filter, start + 60s, 60s, "k", spdlog::level::warn, "value {}", 9);
    std::istringstream lines(testing::internal::GetCapturedStderr());
    std::vector<boost::json::object> parsed;
    for (std::string line; std::getline(lines, line);)
        parsed.push_back(boost::json::parse(line).as_object());
    init_log("info", log_format::text);
    ASSERT_EQ(parsed.size(), 3u);
    EXPECT_EQ(parsed[0].at("message").as_string(), "a \"quote\", a \\ and a\nline break");
    EXPECT_EQ(parsed[0].at("level").as_string(), "info");
    EXPECT_EQ(parsed[1].at("message").as_string(), "value 7");
    EXPECT_EQ(parsed[2].at("message").as_string(), "value 9 (1 more like it since the last line)");
}

} // namespace
} // namespace agent
