#include "agent/log.hpp"

#include <boost/json/parse.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sstream>
#include <unistd.h>

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

// Standard error as a pipe of which the test holds the reader's end.
class standard_error_pipe {
public:
    standard_error_pipe()
        : before_(::dup(STDERR_FILENO)) {
        int ends[2];
        EXPECT_EQ(::pipe(ends), 0);
        reader_ = ends[0];
        ::dup2(ends[1], STDERR_FILENO);
        ::close(ends[1]);
        ::fcntl(reader_, F_SETFL, O_NONBLOCK);
    }

    ~standard_error_pipe() {
        ::dup2(before_, STDERR_FILENO);
        ::close(before_);
        ::close(reader_);
    }

    std::string read_all() const {
        std::string all;
        char piece[4096];
        for (ssize_t got = 0; (got = ::read(reader_, piece, sizeof piece)) > 0;)
            all.append(piece, static_cast<std::size_t>(got));
        return all;
    }

private:
    int before_;
    int reader_;
};

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream from(text);
    std::vector<std::string> all;
    for (std::string line; std::getline(from, line);)
        all.push_back(line);
    return all;
}

// Without the fix this test hangs at the first line that the pipe has no room for.
TEST(log_lines, nobody_who_reads_them_costs_lines_and_no_wait) {
    const standard_error_pipe error;
    init_log("info", log_format::text);
    const int flags = ::fcntl(STDERR_FILENO, F_GETFL);
    constexpr int written = 100; // of 4 KB: more than a pipe holds
    for (int n = 0; n < written; ++n)
        spdlog::info("{} {}", n, std::string(4000, 'x'));
    const auto taken = lines_of(error.read_all());
    EXPECT_LT(taken.size(), std::size_t{written});
    ASSERT_FALSE(taken.empty());
    for (const auto& line : taken)
        EXPECT_THAT(line, testing::EndsWith("xxx")) << "whole lines";
    spdlog::info("heard");
    spdlog::info("and this");
    const auto later = lines_of(error.read_all());
    EXPECT_EQ(::fcntl(STDERR_FILENO, F_GETFL), flags);
    ASSERT_EQ(later.size(), 2u);
    EXPECT_THAT(later[0], testing::HasSubstr("heard (" + std::to_string(written - taken.size()) +
                                             " log lines before this one were dropped"));
    EXPECT_THAT(later[1], testing::EndsWith("and this"));
}

TEST(log_lines, a_long_line_is_cut_and_a_json_one_stays_json) {
    const std::string texts[] = {std::string(10'000, 'x'), std::string(10'000, '\x01'),
                                 std::string(1, 'y') + [] {
                                     std::string all;
                                     for (int n = 0; n < 3000; ++n)
                                         all += "é";
                                     return all;
                                 }()};
    for (const auto& text : texts) {
        testing::internal::CaptureStderr();
        init_log("info", log_format::json);
        spdlog::info("{}", text);
        const auto line = testing::internal::GetCapturedStderr();
        EXPECT_LE(line.size(), log_line_bytes_max);
        EXPECT_GE(line.size(), log_line_bytes_max / 3);
        const auto parsed = boost::json::parse(line).as_object(); // whole characters, or it throws
        std::string_view message = parsed.at("message").as_string();
        ASSERT_TRUE(message.ends_with("…"));
        message.remove_suffix(std::string_view("…").size());
        EXPECT_TRUE(text.starts_with(message));
        testing::internal::CaptureStderr();
        init_log("info", log_format::text);
        spdlog::info("{}", text);
        const auto plain = testing::internal::GetCapturedStderr();
        EXPECT_EQ(plain.back(), '\n');
        EXPECT_LE(plain.size(), log_line_bytes_max);
    }
    init_log("info", log_format::text);
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
