#include "net/utf8.hpp"
#include "s2/types.hpp"

#include <gtest/gtest.h>

namespace s2 {
namespace {

append_record body(std::size_t bytes) {
    append_record record;
    record.body.assign(bytes, 'x');
    return record;
}

TEST(Limits, ARecordAndABatchHoldAMebibyteExactly) {
    append_input input;
    input.records.push_back(body(record_metered_bytes_max - 8));
    EXPECT_FALSE(invalid_reason(input));
    input.records[0].body += 'x';
    EXPECT_TRUE(invalid_reason(input));
    input.records = {body(batch_metered_bytes_max - 8 - 8), body(0)};
    EXPECT_FALSE(invalid_reason(input));
    input.records[1].body += 'x';
    EXPECT_TRUE(invalid_reason(input));
}

TEST(Limits, HeadersAreMetered) {
    append_input input;
    input.records.push_back(body(record_metered_bytes_max - 8 - 2 - 2));
    input.records[0].headers = {{"k", "v"}};
    EXPECT_FALSE(invalid_reason(input));
    input.records[0].headers[0].value += 'v';
    EXPECT_TRUE(invalid_reason(input));
}

TEST(Limits, ABatchHoldsOneToAThousandRecords) {
    append_input input;
    EXPECT_TRUE(invalid_reason(input));
    input.records.assign(batch_records_max, {});
    EXPECT_FALSE(invalid_reason(input));
    input.records.emplace_back();
    EXPECT_TRUE(invalid_reason(input));
}

TEST(Limits, FencingTokens) {
    append_input input;
    input.records.emplace_back();
    for (const std::string& good : {std::string(), std::string(36, 't'), std::string("\xC3\xA4")}) {
        input.fencing_token = good;
        EXPECT_FALSE(invalid_reason(input));
    }
    for (const std::string& bad : {std::string(37, 't'), std::string("\xFF")}) {
        input.fencing_token = bad;
        EXPECT_TRUE(invalid_reason(input));
    }
}

TEST(Limits, Commands) {
    const auto kind = [](const append_record& record) { return command_of(record.headers, record.body); };
    EXPECT_EQ(kind(fence_command("")), command_kind::fence);
    EXPECT_EQ(kind(fence_command(std::string(36, 't'))), command_kind::fence);
    EXPECT_EQ(kind(fence_command(std::string(37, 't'))), command_kind::malformed);
    EXPECT_EQ(kind(fence_command("\xFF")), command_kind::malformed);
    EXPECT_EQ(kind(trim_command(~0ull)), command_kind::trim);
    auto trim = trim_command(5);
    EXPECT_EQ(trim_of(trim.headers, trim.body), 5u);
    trim.body += '\0';
    EXPECT_EQ(kind(trim), command_kind::malformed);
    auto unknown = fence_command("t");
    unknown.headers[0].value = "FENCE";
    EXPECT_EQ(kind(unknown), command_kind::malformed);
    auto accompanied = fence_command("t");
    accompanied.headers.push_back({"k", "v"});
    EXPECT_EQ(kind(accompanied), command_kind::malformed);
    EXPECT_EQ(kind(body(3)), command_kind::none);
    EXPECT_EQ(metered_bytes(fence_command("w2").headers, "w2"), 17u);
}

TEST(Limits, CommandsAsRead) {
    const sequenced_record fence{3, 0, {{"", "fence"}}, "token"};
    EXPECT_TRUE(is_command(fence));
    EXPECT_EQ(fence_of(fence), "token");
    const sequenced_record other{3, 0, {{"", "later"}}, "token"};
    EXPECT_TRUE(is_command(other));
    EXPECT_FALSE(fence_of(other));
    const sequenced_record data{3, 0, {{"k", "fence"}}, "token"};
    EXPECT_FALSE(is_command(data));
    EXPECT_FALSE(fence_of(data));
}

TEST(Limits, BasinNames) {
    for (const char* good :
         {"abcdefgh", "a-b-c-d-1", "12345678", "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv"})
        EXPECT_FALSE(invalid_basin_name(good)) << good;
    for (const char* bad : {"", "abcdefg", "-bcdefgh", "abcdefg-", "Abcdefgh", "abc_defgh", "abcdefg\xC3\xA4",
                            "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvw"})
        EXPECT_TRUE(invalid_basin_name(bad)) << bad;
}

TEST(Limits, StreamNames) {
    for (const std::string& good :
         {std::string("a"), std::string(512, 's'), std::string("a/b c"), std::string("\x01\n"),
          std::string("..."), std::string("\xF0\x9F\x98\x80")})
        EXPECT_FALSE(invalid_stream_name(good)) << good;
    for (const std::string& bad : {std::string(), std::string(513, 's'), std::string("."), std::string(".."),
                                   std::string("a\0b", 3), std::string("\xFF")})
        EXPECT_TRUE(invalid_stream_name(bad)) << bad;
}

TEST(Utf8, Boundaries) {
    for (const char* good : {"", "a", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                             "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
        EXPECT_TRUE(net::valid_utf8(good)) << good;
    for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80",
                            "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC2", "\xE0\xA0",
                            "\xF0\x90\x80", "\xC2\x41", "\xE1\x80\x41"})
        EXPECT_FALSE(net::valid_utf8(bad)) << bad;
}

} // namespace
} // namespace s2
