#include "agent/config/sources.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

using testing::HasSubstr;
using testing::Not;

class arguments : public testing::Test {
protected:
    CLI::App app{"about", "ringtail run"};
    setting_flags flags{app};

    std::string usage_error(std::vector<std::string> given) {
        testing::internal::CaptureStderr();
        const auto ended = parse_arguments(app, std::move(given));
        EXPECT_EQ(ended, exit_code::usage);
        return testing::internal::GetCapturedStderr();
    }
};

TEST_F(arguments, a_mistyped_flag_suggests_the_nearest) {
    EXPECT_THAT(usage_error({"--lingr", "5ms"}), HasSubstr("unknown flag --lingr; did you mean --linger?"));
    EXPECT_THAT(usage_error({"--s2-bassin=x"}), HasSubstr("did you mean --s2-basin?"));
    EXPECT_THAT(usage_error({"--shutdown-timout", "1s"}), HasSubstr("did you mean --shutdown-timeout?"));
    EXPECT_THAT(usage_error({"--zzzzzz"}), Not(HasSubstr("did you mean")));
}

TEST_F(arguments, what_may_be_a_token_is_not_repeated) {
    for (const std::vector<std::string>& given : {std::vector<std::string>{"--s2-token", "very-secret"},
                                                  {"--s2-token=very-secret"},
                                                  {"--token=very-secret"}}) {
        const std::string said = usage_error(given);
        EXPECT_THAT(said, HasSubstr("--s2-token-file"));
        EXPECT_THAT(said, Not(HasSubstr("very-secret")));
    }
}

TEST_F(arguments, a_flag_without_its_value_and_a_stray_word) {
    EXPECT_THAT(usage_error({"--linger"}), HasSubstr("--linger"));
    EXPECT_THAT(usage_error({"events.ndjson"}), HasSubstr("unexpected argument 'events.ndjson'"));
}

TEST_F(arguments, help_names_every_flag_its_variable_and_its_default) {
    testing::internal::CaptureStdout();
    EXPECT_EQ(parse_arguments(app, {"--help"}), exit_code::durable);
    const std::string help = testing::internal::GetCapturedStdout();
    for (const setting& one : all_settings()) {
        EXPECT_THAT(help, HasSubstr("--" + std::string(one.name)));
        EXPECT_THAT(help, HasSubstr(std::string(one.variable)));
        EXPECT_THAT(help, HasSubstr(std::string(one.group) + ":"));
    }
    EXPECT_THAT(help, HasSubstr("default 100ms; RINGTAIL_LINGER"));
}

TEST_F(arguments, a_dash_and_values_that_look_like_flags_stay_values) {
    EXPECT_EQ(parse_arguments(app, {"--input=-", "--report", "-"}), std::nullopt);
    const auto gathered = flags.gather({}, {});
    const auto& values = std::get<setting_values>(gathered);
    EXPECT_EQ(values.find("input")->text, "-");
    EXPECT_EQ(values.find("report")->text, "-");
}

TEST_F(arguments, the_last_of_a_repeated_flag_counts) {
    EXPECT_EQ(parse_arguments(app, {"--linger", "1s", "--linger", "2s"}), std::nullopt);
    const auto gathered = flags.gather({}, {});
    EXPECT_EQ(std::get<setting_values>(gathered).find("linger")->text, "2s");
}

TEST(own_settings, a_variable_still_in_quotes_is_refused_by_name) {
    CLI::App app("about", "ringtail some");
    constexpr std::string_view names[] = {"state-dir", "start"};
    const setting_flags flags(app, names);
    for (const char* value : {"\"/var/lib/x\"", "'/var/lib/x'", "\"\"", "''"}) {
        const auto gathered = flags.gather({{"RINGTAIL_STATE_DIR", value}}, {});
        const auto* failed = std::get_if<config_error>(&gathered);
        ASSERT_TRUE(failed) << value;
        EXPECT_EQ(failed->code, exit_code::usage);
        EXPECT_THAT(failed->message, HasSubstr("RINGTAIL_STATE_DIR: its value is still in quotes"));
        EXPECT_THAT(failed->message, Not(HasSubstr("/var")));
    }
    for (const char* value : {"/var/\"x\"", "\"x", "x'", "\"x'", "\""}) {
        const auto gathered = flags.gather({{"RINGTAIL_STATE_DIR", value}}, {});
        EXPECT_EQ(std::get<setting_values>(gathered).find("state-dir")->text, value);
    }
}

TEST(own_settings, an_empty_variable_is_none) {
    CLI::App app("about", "ringtail some");
    constexpr std::string_view names[] = {"state-dir"};
    const setting_flags flags(app, names);
    const auto gathered = flags.gather({{"RINGTAIL_STATE_DIR", ""}}, {});
    EXPECT_FALSE(std::get<setting_values>(gathered).find("state-dir"));
}

TEST(own_settings, a_commands_default_is_shown_and_gives_way_to_whatever_is_set) {
    CLI::App app("about", "ringtail some");
    constexpr std::string_view names[] = {"log-level", "linger"};
    constexpr setting_default defaults[] = {{"log-level", "warn"}};
    const setting_flags flags(app, names, defaults);
    EXPECT_THAT(app.help(), HasSubstr("default warn; RINGTAIL_LOG_LEVEL"));
    const auto value = [&](const variables& environment) {
        const auto gathered = flags.gather(environment, {});
        return std::get<setting_values>(gathered).find("log-level")->text;
    };
    EXPECT_EQ(value({}), "warn");
    EXPECT_EQ(value({{"RINGTAIL_LOG_LEVEL", "debug"}}), "debug");
    EXPECT_EQ(parse_arguments(app, {"--log-level", "error"}), std::nullopt);
    EXPECT_EQ(value({{"RINGTAIL_LOG_LEVEL", "debug"}}), "error");
}

TEST(own_settings, a_command_adds_flags_with_variables) {
    CLI::App app("about", "ringtail some");
    constexpr setting own[] = {{"rate", "RINGTAIL_SOME_RATE", "N", "7", "Some", "how fast"},
                               {"keep", "RINGTAIL_SOME_KEEP", "", "off", "Some", "what is left"}};
    const setting_flags flags(app, own);
    EXPECT_THAT(app.help(), HasSubstr("how fast [default 7; RINGTAIL_SOME_RATE]"));
    EXPECT_EQ(parse_arguments(app, {"--keep"}), std::nullopt);
    const auto gathered = flags.gather({{"RINGTAIL_SOME_RATE", "9"}}, {});
    EXPECT_EQ(std::get<setting_values>(gathered).find("rate")->text, "9");
    EXPECT_EQ(std::get<setting_values>(gathered).find("keep")->text, "true");
}

TEST(nearest_word, is_near_or_nothing) {
    const std::vector<std::string> words{"replay", "tail", "status"};
    EXPECT_EQ(nearest("repaly", words), "replay");
    EXPECT_EQ(nearest("tale", words), "tail");
    EXPECT_EQ(nearest("xyzzy", words), std::nullopt);
    EXPECT_EQ(nearest(std::string(1000, 'x'), words), std::nullopt);
}

} // namespace
} // namespace agent
