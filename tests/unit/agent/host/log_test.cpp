#include "agent/event/printable.hpp"
#include "agent/host/log.hpp"

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
        spdlog::info(
            "{}{} {}", static_cast<char>('a' + n / 26), static_cast<char>('a' + n % 26),
            std::string(4000, 'x')); // each of a kind of its own, so that none is held back as a repeat
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
        EXPECT_TRUE(printable(text).starts_with(message));
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
