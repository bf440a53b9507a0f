#include "net/text.hpp"
#include "net/utf8.hpp"

#include <gtest/gtest.h>

namespace net {
namespace {

TEST(text, blanks_and_line_ends_are_trimmed_at_both_ends_only) {
    EXPECT_EQ(trimmed(" \t\r\na b\n \t"), "a b");
    EXPECT_EQ(trimmed(" \n"), "");
    EXPECT_EQ(trimmed(""), "");
}

TEST(text, only_ascii_letters_change_case) {
    EXPECT_EQ(lower_case("AZaz[@\xC3\x84"), "azaz[@\xC3\x84");
}

TEST(text, an_escape_that_is_not_whole_stays) {
    EXPECT_EQ(percent_decoded("a%2Fb%2fc%41"), "a/b/cA");
    EXPECT_EQ(percent_decoded("%"), "%");
    EXPECT_EQ(percent_decoded("%4"), "%4");
    EXPECT_EQ(percent_decoded("%4x%zz%%41"), "%4x%zz%A");
    EXPECT_EQ(percent_decoded("a+b"), "a+b");
    EXPECT_EQ(query_decoded("a+b%2B"), "a b+");
}

TEST(text, a_uuid_has_its_shape_and_comes_in_lower_case) {
    EXPECT_EQ(normal_uuid("0123ABCD-ef01-2345-6789-ABCDEF012345"), "0123abcd-ef01-2345-6789-abcdef012345");
    for (const auto* wrong :
         {"", "0123abcd-ef01-2345-6789-abcdef01234", "0123abcd-ef01-2345-6789-abcdef0123456",
          "0123abcdaef01-2345-6789-abcdef012345", "0123abcd-ef01-2345-6789-abcdef01234g",
          "-123abcd-ef01-2345-6789-abcdef012345", "0123abcd-ef01-2345-67890abcdef012345"})
        EXPECT_FALSE(normal_uuid(wrong)) << wrong;
}

TEST(text, moments_are_written_with_all_digits_or_the_fewest) {
    constexpr wall_micros at = 1'767'323'045'678'900;
    EXPECT_EQ(rfc3339(at), "2026-01-02T03:04:05.678900Z");
    EXPECT_EQ(rfc3339(at, fraction::shortest), "2026-01-02T03:04:05.6789Z");
    EXPECT_EQ(rfc3339(1'767'312'000'000'000, fraction::shortest), "2026-01-02T00:00:00Z");
    EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000000Z");
    EXPECT_EQ(rfc3339(253'402'300'800'000'000), "10000-01-01T00:00:00.000000Z");
}

TEST(utf8, what_is_overlong_cut_off_a_surrogate_or_too_high_is_not_well_formed) {
    for (const auto* good : {"", "a", "\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                             "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "a\xC3\xA9z"})
        EXPECT_TRUE(valid_utf8(good)) << good;
    for (const auto* bad : {"\x80", "\xC1\xBF", "\xC2", "\xC2z", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE1\x80",
                            "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xE2\x82"})
        EXPECT_FALSE(valid_utf8(bad)) << bad;
}

} // namespace
} // namespace net
