#include "agent/config/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string file_error(std::string_view content) {
    setting_values values;
    const auto failed = gather_file(content, "c.toml", values);
    EXPECT_TRUE(failed) << content;
    EXPECT_FALSE(values.find("linger")) << content; // nothing of a refused file is taken
    return failed ? failed->message : "";
}

std::string value_of(std::string_view content, std::string_view name) {
    setting_values values;
    const auto failed = gather_file(content, "c.toml", values);
    EXPECT_FALSE(failed) << failed->message;
    const auto* value = values.find(name);
    return value ? value->text : "absent";
}

TEST(configuration_file, is_toml) {
    EXPECT_EQ(value_of("\xEF\xBB\xBFlinger = \"1s\"\r\n", "linger"), "1s");
    EXPECT_EQ(value_of("categories = [\n  \"console\", # a\n  \"network\",\n]\n", "categories"),
              "console,network");
    EXPECT_EQ(value_of("categories = \"console,network\"", "categories"), "console,network");
    EXPECT_EQ(value_of("files = \"/a\\u0020\\\"b\\\\#c\" # d", "files"), "/a \"b\\#c");
    EXPECT_EQ(value_of("files = '/a\\n#b'", "files"), "/a\\n#b");
    EXPECT_EQ(value_of("files = \"\"\"\n/a\\\n   /b\"\"\"", "files"), "/a/b");
    EXPECT_EQ(value_of("start = true", "start"), "true");
    EXPECT_EQ(value_of("start = false", "start"), "false");
    EXPECT_EQ(value_of("in-flight = 0x10", "in-flight"), "16");
    EXPECT_EQ(value_of("batch-bytes = 1_000", "batch-bytes"), "1000");
    EXPECT_EQ(value_of("\"linger\" = '1s'", "linger"), "1s");
    EXPECT_EQ(value_of("", "linger"), "absent");
}

TEST(configuration_file, a_file_names_no_other_file) {
    EXPECT_THAT(file_error("config = \"other.toml\"\n"), HasSubstr("c.toml: line 1"));
}

TEST(configuration_file, a_key_twice_is_an_error) {
    const std::string twice = file_error("s2-stream = \"first\"\nlinger = \"1s\"\ns2-stream = \"second\"\n");
    EXPECT_THAT(twice, HasSubstr("c.toml: line 3: the key 's2-stream' stands here a second time"));
    EXPECT_THAT(file_error("\xEF\xBB\xBFstart = true\n\"start\" = true\n"), HasSubstr("a second time"));
}

TEST(configuration_file, a_value_of_the_wrong_type_is_named_with_what_is_wanted) {
    EXPECT_EQ(file_error("start = false\nlinger = 5\n"),
              "c.toml: line 2: 'linger' wants a duration in quotes, like \"100ms\" or \"1m30s\"; this is a "
              "number");
    EXPECT_THAT(file_error("in-flight = \"4\"\n"), HasSubstr("'in-flight' wants a number, without quotes"));
    EXPECT_THAT(file_error("in-flight = 4.0\n"), HasSubstr("this is a number with a fraction"));
    EXPECT_THAT(file_error("start = \"yes\"\n"), HasSubstr("'start' wants true or false"));
    EXPECT_THAT(file_error("start = 1\n"), HasSubstr("'start' wants true or false"));
    EXPECT_THAT(file_error("files = 2026-01-02\n"), HasSubstr("this is a date or time"));
    EXPECT_THAT(file_error("files = [\"/a\"]\n"), HasSubstr("this is an array"));
    EXPECT_THAT(file_error("categories = [\"page\", 1]\n"), HasSubstr("'categories' wants"));
    EXPECT_THAT(file_error("categories = [\"page,console\"]\n"), HasSubstr("'categories' wants"));
    EXPECT_THAT(file_error("linger.x = \"1s\"\n"), HasSubstr("'linger' wants"));
    EXPECT_THAT(file_error("live-history = {a = 1}\nlinger = 1\n"), HasSubstr("line 1: 'live-history'"));
    EXPECT_THAT(file_error("linger = \"1s\"\nstart = 1\n"), HasSubstr("line 2: 'start'"));
}

TEST(configuration_file, what_is_no_toml_is_said_with_its_place) {
    EXPECT_THAT(file_error("# a\nlog-format = json\n"), HasSubstr("c.toml: line 2: column "));
    EXPECT_THAT(file_error("log-format = json\n"), HasSubstr("the value of 'log-format' is not TOML"));
    EXPECT_THAT(file_error("files = \"/a\n\"\n"), HasSubstr("c.toml: line 1: column "));
    EXPECT_THAT(file_error("linger = \"1s\"\nstart = yes"), HasSubstr("c.toml: line 2: column "));
    EXPECT_THAT(file_error("linger = \"1s\"\nfiles = \"\xff\"\n"), HasSubstr("c.toml: line 2"));
    EXPECT_THAT(file_error(std::string("linger = \"1s\"\n\0\n", 16)), HasSubstr("c.toml: line 2"));
    std::string deep;
    for (int i = 0; i < 300'000; ++i)
        deep += "a.";
    EXPECT_THAT(file_error("\n" + deep + "a = 1"), HasSubstr("c.toml: line 2: has more than 256 dots"));
    EXPECT_THAT(file_error("files = " + std::string(300'000, '[')), HasSubstr("c.toml: line 1"));
}

TEST(configuration_file, other_letters_stand_in_texts_and_comments_alone) {
    for (const auto* text : {"\"/\xC3\xA9\"", "'/\xC3\xA9'", "\"\"\"/\xC3\xA9\"\"\"", "'''/\xC3\xA9'''"})
        EXPECT_EQ(value_of("# \"\xC3\xA9\nfiles = " + std::string(text) + " # '\xE3\x81\x82", "files"),
                  "/\xC3\xA9")
            << text;
    EXPECT_EQ(value_of("files = \"/\\\"\xC3\xA9\"", "files"), "/\"\xC3\xA9");
    for (const auto* wrong : {"\n[,]", "\n[", "\n  [ x", "\n[[a]]", "a = [[1],\n[2]] # ["})
        EXPECT_THAT(file_error(wrong),
                    testing::StartsWith(std::string("c.toml: line ") +
                                        (wrong[0] == '\n' ? "2: unknown key" : "1: unknown key")))
            << wrong;
    EXPECT_EQ(file_error("\nfiles = [[[[}[2st\n\n"), "c.toml: line 2: this is not TOML");
    EXPECT_EQ(value_of("files = \"\"\"/\\\n  \xC3\xA9\xEF\xAE\xBF\xF0\x9F\x98\x80\"\"\"", "files"),
              "/\xC3\xA9\xEF\xAE\xBF\xF0\x9F\x98\x80");
    EXPECT_EQ(value_of("files = \"/\\\\\xC3\xA9\"", "files"), "/\\\xC3\xA9");
    const auto* outside =
        "c.toml: line 2: has a character beyond ASCII where TOML has none; write texts as \"…\"";
    for (const auto* wrong : {"\nr\xEF\xB3\xBFlinger = \"1s\"\n", "# '\nl\xC3\xA9 = 1", "\nfiles = \xC3\xA9",
                              "\nfiles = \"a\" \xE3\x81\x82", "files = \"a\n\xC3\xA9",
                              "\nfiles = \"\"\"a\\\xC3\xA9\"\"\"", "files = '\\'\n\xC3\xA9 = '"})
        EXPECT_EQ(file_error(wrong), outside) << wrong;
}

TEST(configuration_file, an_unknown_key_suggests_the_nearest) {
    EXPECT_EQ(file_error("start = true\nlingr = \"1s\"\n"),
              "c.toml: line 2: unknown key 'lingr'; did you mean 'linger'?");
    EXPECT_THAT(file_error("[run]\nlinger = \"1s\"\n"),
                HasSubstr("line 1: unknown key 'run'; there are no sections"));
    EXPECT_THAT(file_error("config = \"/a\"\n"), HasSubstr("unknown key 'config'"));
}

TEST(configuration_file, what_may_be_a_secret_is_not_repeated) {
    for (const char* line :
         {"s2-access-token \"sekritvalue\"", "s2-token: sekritvalue", "s2-token sekritvalue",
          "s2-token\tsekritvalue = 1", "token:sekritvalue", "'s2-token' sekritvalue",
          "s2-access-token = sekritvalue", "s2-access-token = \"sekritvalue\"",
          "\"s2-token sekritvalue\" = 1", "[s2-token]\nsekritvalue = 1", "s2-token = {sekritvalue = 1}"}) {
        const std::string said = file_error("linger = \"1s\"\n" + std::string(line) + "\n");
        EXPECT_THAT(said, Not(HasSubstr("sekrit"))) << line;
        EXPECT_THAT(said, HasSubstr("s2-token-file")) << line;
    }
    for (const char* line :
         {"sekritvalue", "EsekritJhbGci.sekrit", "sekritE", "linger: sekritvalue", "linger \"sekritvalue\"",
          "Esekrit=", "QWxhZGRpbjpvsekrit==", "linger = sekritvalue", "linger = sekritvalue.12",
          "linger = [\"sekritvalue\"]", "linger = 123sekritvalue", "linger = \"\\sekritvalue\"",
          "[sekritvalue", "linger = \"a\" sekritvalue", "# sekritvalue\nsekritvalue"})
        EXPECT_THAT(file_error(std::string(line) + "\n"), Not(HasSubstr("sekrit"))) << line;
}

} // namespace
} // namespace agent
