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
    std::istringstream lines(testing::internal::GetCapturedStderr());
    std::vector<boost::json::object> parsed;
    for (std::string line; std::getline(lines, line);)
        parsed.push_back(boost::json::parse(line).as_object());
    init_log("info", log_format::text);
    ASSERT_EQ(parsed.size(), 1u);
    EXPECT_EQ(parsed[0].at("message").as_string(), "a \"quote\", a \\ and a\\u{a}line break");
    EXPECT_EQ(parsed[0].at("level").as_string(), "info");
}

TEST(repeat_filter, lets_several_pass_where_asked) {
    repeat_filter filter;
    EXPECT_EQ(filter.pass("a", start, 60s, 2), 0u);
    EXPECT_EQ(filter.pass("a", start + 59s, 60s, 2), 0u);
    EXPECT_EQ(filter.pass("a", start + 59s, 60s, 2), std::nullopt);
    EXPECT_EQ(filter.pass("a", start + 60s, 60s, 2), 1u);
    EXPECT_EQ(filter.pass("a", start - 1h, 60s, 2), 0u); // the clock was set back
}

TEST(log_lines, of_one_kind_are_limited_and_counted) {
    EXPECT_EQ(repeat_key("NDJSON connection 17: line 3 refused"),
              repeat_key("NDJSON connection 2: line 41 refused"));
    EXPECT_NE(repeat_key("ring: there is room again"), repeat_key("ring: it is damaged"));
    testing::internal::CaptureStderr();
    init_log("info", log_format::text);
    for (int i = 0; i < 1000; ++i)
        spdlog::warn("connection {}: reading failed", i);
    spdlog::warn("something else");
    std::istringstream lines(testing::internal::GetCapturedStderr());
    init_log("info", log_format::text);
    std::size_t said = 0;
    std::string last;
    for (std::string line; std::getline(lines, line); last = line)
        ++said;
    EXPECT_LE(said, 2 * log_repeats_max + 1); // an interval may end in between
    EXPECT_THAT(last, testing::HasSubstr("something else"));
}

TEST(log_lines, words_of_others_forge_no_line_and_are_utf8) {
    for (const auto format : {log_format::text, log_format::json}) {
        testing::internal::CaptureStderr();
        init_log("info", format);
        spdlog::info("/a\xff\x1b[31m\n2026-01-02T03:04:05.678Z error  forged \xe2\x80\xae");
        const std::string said = testing::internal::GetCapturedStderr();
        init_log("info", log_format::text);
        const std::string message = said.substr(0, said.size() - 1);
        EXPECT_EQ(message.find_first_of("\n\x1b\xff\xe2"), std::string::npos) << message;
        EXPECT_THAT(message, testing::HasSubstr("xff")) << message;
        EXPECT_THAT(message, testing::HasSubstr("u{202e}")) << message;
    }
}

} // namespace
} // namespace agent
