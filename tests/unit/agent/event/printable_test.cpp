#include "agent/archive/envelope_text.hpp"
#include "agent/event/printable.hpp"

#include <gtest/gtest.h>

#include <string>

namespace agent {
namespace {

using namespace std::string_literals;

TEST(printable_text, leaves_what_is_text) {
    for (const char* text : {"", "plain", "a \"quote\" and a \\", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80",
                             "\xC2\xA0", "\xE2\x80\x8D", "\xEF\xBF\xBD", "\xD7\x90", "\xF4\x8F\xBF\xBF"})
        EXPECT_EQ(printable(text), text);
}

TEST(printable_text, writes_out_what_moves_a_terminal_or_is_not_seen) {
    const std::pair<std::string, std::string> table[] = {
        {"a\0b"s, "a\\u{0}b"},
        {"one\ntwo\r\n\t", "one\\u{a}two\\u{d}\\u{a}\\u{9}"},
        {"\x1b[31m\x07", "\\u{1b}[31m\\u{7}"},
        {"\x1f\x7f", "\\u{1f}\\u{7f}"},
        {"\xC2\x80\xC2\x9B\xC2\x9F", "\\u{80}\\u{9b}\\u{9f}"},
        {"\xD8\x9C", "\\u{61c}"},
        {"\xE2\x80\x8B\xE2\x80\x8E\xE2\x80\x8F", "\\u{200b}\\u{200e}\\u{200f}"},
        {"\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA\xE2\x80\xAE", "\\u{2028}\\u{2029}\\u{202a}\\u{202e}"},
        {"\xE2\x81\xA6\xE2\x81\xA9", "\\u{2066}\\u{2069}"},
        {"\xEF\xBB\xBF", "\\u{feff}"},
        {"\xF3\xA0\x81\x81", "\\u{e0041}"},
        // not UTF-8: stray, cut off, overlong, a surrogate, beyond the last code point
        {"\x9b\xff", "\\x9b\\xff"},
        {"\xE2\x82", "\\xe2\\x82"},
        {"\xC0\x8A", "\\xc0\\x8a"},
        {"\xE0\x80\x8A", "\\xe0\\x80\\x8a"},
        {"\xED\xA0\x80", "\\xed\\xa0\\x80"},
        {"\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
        {"\xF8\x88\x80\x80\x80", "\\xf8\\x88\\x80\\x80\\x80"},
        {"\xE2\x1b[0m", "\\xe2\\u{1b}[0m"}};
    for (const auto& [text, shown] : table)
        EXPECT_EQ(printable(text), shown);
}

std::string envelope(const std::string& event) {
    return R"({"capture_session_id":"s","seq":7,"event":{"ts":0,"type":"a.b","category":"system",)"
           R"("source":{"kind":"local_process"})" +
           event + "}}";
}

const std::string beginning = "1970-01-01T00:00:00.000000Z  7  system  a.b";

TEST(text_of_an_envelope, leaves_nothing_out_and_alters_nothing) {
    EXPECT_EQ(envelope_text(envelope("")), beginning);
    EXPECT_EQ(envelope_text(envelope(R"(,"url":"http://x/","data":{"n": 1})")),
              beginning + R"(  http://x/  {"n": 1})");
    std::string deep(60, '[');
    deep += std::string(60, ']');
    for (const std::string& data : {R"({"a":"\ud800"})"s, "1e999"s, "123456789012345678901"s, "0.10"s, "-0"s,
                                    deep, "null"s, R"({"a":1,"a":2})"s})
        EXPECT_EQ(envelope_text(envelope(",\"data\":" + data)), beginning + "  " + data);
    EXPECT_EQ(envelope_text(envelope(R"(,"data":"one\ntwo \udead \u001b")")),
              beginning + R"(  one\ntwo \udead \u001b)");
    EXPECT_EQ(envelope_text(envelope(R"(,"d\u0061ta":"x")")), beginning + "  x");
}

TEST(text_of_an_envelope, is_one_line_without_control_characters) {
    EXPECT_EQ(envelope_text(envelope(",\"data\":\"\x7f\xC2\x9b\xE2\x80\xA8\xE2\x80\xAE\"")),
              beginning + "  \\u{7f}\\u{9b}\\u{2028}\\u{202e}");
    EXPECT_EQ(envelope_text(R"({"capture_session_id":"s","seq":7,"event":{"ts":0,"type":"a\u001b\nb"}})"),
              "1970-01-01T00:00:00.000000Z  7    a\\u{1b}\\u{a}b");
    EXPECT_EQ(envelope_text("\x1b]0;no envelope\n\xff"), "\\u{1b}]0;no envelope\\u{a}\\xff");
}

TEST(text_of_an_envelope, years_of_five_digits_and_more) {
    const auto at = [](const std::string& ts) {
        return envelope_text(R"({"capture_session_id":"s","seq":7,"event":{"ts":)" + ts + R"(,"type":"a"}})");
    };
    EXPECT_EQ(at("253402300799999999"), "9999-12-31T23:59:59.999999Z  7    a");
    EXPECT_EQ(at("253402300800000000"), "10000-01-01T00:00:00.000000Z  7    a");
    EXPECT_EQ(at("9223372036854775807"), "294247-01-10T04:00:54.775807Z  7    a");
}

} // namespace
} // namespace agent
