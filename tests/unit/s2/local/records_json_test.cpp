#include "net/text.hpp"
#include "s2/local/records_json.hpp"
#include "s2/local/uri.hpp"
#include "s2/protobuf.hpp"

#include <gmock/gmock.h>

namespace s2::local::test {
namespace {

TEST(records_json, base64_is_strict_and_its_own_inverse) {
    std::string bytes;
    for (int i = 0; i < 300; ++i) {
        EXPECT_EQ(base64_decoded(base64_encoded(bytes)), bytes);
        bytes += static_cast<char>(i * 37);
    }
    EXPECT_EQ(base64_encoded("hello"), "aGVsbG8=");
    for (const char* bad : {"aGVsbG8", "aGVsbG9=", "a===", "====", "aG Vs", "aGVs\n", "_-8=", "aGVsbG8=aGVs"})
        EXPECT_FALSE(base64_decoded(bad)) << bad;
}

TEST(records_json, what_is_no_utf8_becomes_replacement_characters) {
    EXPECT_EQ(lossy_utf8("a\xff"
                         "b"),
              "a\xEF\xBF\xBD"
              "b");
    EXPECT_EQ(lossy_utf8("\xe2\x82"), "\xEF\xBF\xBD") << "one for a beginning cut short";
    EXPECT_EQ(lossy_utf8("\xe2\x28\xa1"), "\xEF\xBF\xBD\x28\xEF\xBF\xBD");
    EXPECT_EQ(lossy_utf8("\xed\xa0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD")
        << "a surrogate has no beginning";
    EXPECT_EQ(lossy_utf8("\xf0\x9f\x92\xa9!"), "\xf0\x9f\x92\xa9!");
}

TEST(records_json, shape_and_validity_are_told_apart) {
    const auto status = [](std::string_view body) {
        const auto input = append_input_from_json(body, record_format::raw);
        return input ? std::string("ok") : input.error().code;
    };
    EXPECT_EQ(status(R"({"records":[{}]})"), "ok");
    EXPECT_EQ(status(R"({"records":[{"timestamp":18446744073709551615}]})"), "ok");
    EXPECT_EQ(status(R"({"records":[]})"), "invalid");
    EXPECT_EQ(status(R"({"records":[{"headers":[["","nosuch"]]}]})"), "invalid");
    EXPECT_EQ(status(R"({})"), "bad_json");
    EXPECT_EQ(status(R"({"records":[{"timestamp":-1}]})"), "bad_json");
    EXPECT_EQ(status(R"({"records":[{"headers":[["a"]]}]})"), "bad_json");
    EXPECT_EQ(status(R"({"records":[{}],"match_seq_num":"1"})"), "bad_json");
    EXPECT_EQ(status("[1"), "bad_json");
}

TEST(records_json, a_batch_leaves_out_what_is_empty) {
    read_batch batch;
    batch.records.push_back({7, 9, {{"k", "v\n"}}, ""});
    batch.records.push_back({8, 9, {}, "\"q\""});
    std::string bytes, text;
    encode_read_batch(batch, bytes);
    read_batch_to_json(bytes, stream_position{9, 9}, record_format::raw, text);
    EXPECT_EQ(text, R"({"records":[{"seq_num":7,"timestamp":9,"headers":[["k","v\n"]]},)"
                    R"({"seq_num":8,"timestamp":9,"body":"\"q\""}],"tail":{"seq_num":9,"timestamp":9}})");
}

TEST(negotiation, compression_for_sessions) {
    EXPECT_EQ(accepted_compression(""), compression::none);
    EXPECT_EQ(accepted_compression("*"), compression::none);
    EXPECT_EQ(accepted_compression("gzip, ZSTD;q=0.1"), compression::zstd);
    EXPECT_EQ(accepted_compression("zstd;q=0, gzip"), compression::gzip);
    EXPECT_EQ(accepted_compression("zstd; q=0.000"), compression::none);
}

TEST(negotiation, only_the_first_media_type_counts) {
    EXPECT_EQ(media_of("application/protobuf, application/json"), media::protobuf);
    EXPECT_EQ(media_of("Application/Vnd.x+JSON; charset=utf-8"), media::json);
    EXPECT_EQ(media_of("text/event-stream"), media::event_stream);
    EXPECT_EQ(media_of("S2S/Proto"), media::session);
    EXPECT_EQ(media_of(""), media::none);
    EXPECT_EQ(media_of("*/*"), media::other);
}

TEST(uri, segments_and_escapes) {
    EXPECT_THAT(path_segments("/v1/streams/a%2Fb"), testing::ElementsAre("v1", "streams", "a%2Fb"));
    EXPECT_THAT(path_segments("/v1/streams/"), testing::ElementsAre("v1", "streams", ""));
    EXPECT_EQ(net::percent_decoded("a%2Fb+%zz%2"), "a/b+%zz%2");
    query_parameters query("a=1&b=x+y&flag=true&big=18446744073709551615");
    EXPECT_EQ(query.number("a"), 1u);
    EXPECT_EQ(query.text("b"), "x y");
    EXPECT_EQ(query.boolean("flag"), true);
    EXPECT_EQ(query.number("big"), ~0ull);
    EXPECT_FALSE(query.failed());
    EXPECT_FALSE(query.small_number("big"));
    EXPECT_EQ(query.failed()->code, "bad_query");
}

} // namespace
} // namespace s2::local::test
