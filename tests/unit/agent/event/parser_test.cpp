#include "agent/event/event.hpp"
#include "tests/unit/agent/event/json_corpus.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>

namespace {

using agent::category;
using agent::event;
using agent::event_error;
using agent::event_origin;
using agent::source_kind;
using testing::HasSubstr;

class event_parser : public testing::Test {
protected:
    // The event's views are valid until the next call. No byte before or behind the text is readable.
    std::variant<event, event_error> parse(std::string_view text,
                                           event_origin origin = event_origin::intake) {
        text_ = std::make_unique<char[]>(text.size());
        std::memcpy(text_.get(), text.data(), text.size());
        return parser_.parse({text_.get(), text.size()}, origin);
    }

    event accepted(std::string_view text, event_origin origin = event_origin::intake) {
        auto outcome = parse(text, origin);
        if (auto* refused = std::get_if<event_error>(&outcome)) {
            ADD_FAILURE() << text << " was refused: " << refused->code << ": " << refused->message;
            return {};
        }
        return std::get<event>(outcome);
    }

    event_error refused(std::string_view text, event_origin origin = event_origin::intake) {
        auto outcome = parse(text, origin);
        if (std::holds_alternative<event>(outcome)) {
            ADD_FAILURE() << text << " was accepted";
            return {};
        }
        return std::get<event_error>(outcome);
    }

    void expect_refused(std::string_view text, std::string_view code, std::string_view words) {
        const auto error = refused(text);
        EXPECT_EQ(error.code, code) << text;
        EXPECT_THAT(error.message, HasSubstr(std::string(words))) << text;
    }

private:
    agent::event_parser parser_;
    std::unique_ptr<char[]> text_;
};

TEST_F(event_parser, gives_every_member_as_it_came) {
    const auto got = accepted(
        R"( {"ts":1732400000123456,"type":"console.log","category":"page","source":{"kind":"extension","event":"E","metadata":{"a":"1","b":"\u00e9"}},"detail_level":"full","url":"http:\/\/x/","data":{"b":1.50,"a":[1e999]},"truncated":true} )");
    EXPECT_EQ(got.ts, 1732400000123456);
    EXPECT_EQ(got.type, R"("console.log")");
    EXPECT_EQ(got.in, category::page);
    EXPECT_EQ(got.kind, source_kind::extension);
    EXPECT_EQ(got.source_event, R"("E")");
    EXPECT_EQ(got.source_metadata, R"({"a":"1","b":"\u00e9"})");
    EXPECT_EQ(got.detail_level, R"("full")");
    EXPECT_EQ(got.url, R"("http:\/\/x/")");
    EXPECT_EQ(got.data, R"({"b":1.50,"a":[1e999]})");
    EXPECT_EQ(got.truncated, true);
}

TEST_F(event_parser, needs_only_a_type) {
    const auto got = accepted(R"({"type":"network.request"})");
    EXPECT_EQ(got.ts, std::nullopt);
    EXPECT_EQ(got.in, category::network);
    EXPECT_EQ(got.kind, source_kind::local_process);
    for (const auto absent : {got.source_event, got.source_metadata, got.detail_level, got.url, got.data})
        EXPECT_TRUE(absent.empty());
    EXPECT_EQ(got.truncated, std::nullopt);

    expect_refused("{}", "invalid_event", "`type` is missing, at column 2");
    expect_refused(R"({"data":{"type":"x"}})", "invalid_event", "`type` is missing");
    expect_refused(R"({"type":""})", "invalid_event", "`type` is empty, at column 9");
    expect_refused(R"({"type":7})", "invalid_event", "`type` must be a string, not a number, at column 9");
    expect_refused(R"({"type":null})", "invalid_event", "`type` must be a string, not null");
    expect_refused(R"({"type":["x"]})", "invalid_event", "`type` must be a string, not an array");
}

TEST_F(event_parser, takes_null_for_absent_except_as_data) {
    const auto got = accepted(
        R"({"ts":null,"type":"x","category":null,"source":null,"detail_level":null,"url":null,"data":null,"truncated":null})");
    EXPECT_EQ(got.ts, std::nullopt);
    EXPECT_EQ(got.in, category::system);
    EXPECT_EQ(got.kind, source_kind::local_process);
    EXPECT_TRUE(got.detail_level.empty());
    EXPECT_TRUE(got.url.empty());
    EXPECT_EQ(got.data, "null");
    EXPECT_EQ(got.truncated, std::nullopt);
    const auto empty_source = accepted(R"({"type":"x","source":{"kind":null,"event":null,"metadata":null}})");
    EXPECT_EQ(empty_source.kind, source_kind::local_process);
    EXPECT_TRUE(empty_source.source_event.empty());
    EXPECT_TRUE(empty_source.source_metadata.empty());
}

TEST_F(event_parser, takes_whole_microseconds_in_digits) {
    EXPECT_EQ(accepted(R"({"type":"x","ts":0})").ts, 0);
    EXPECT_EQ(accepted(R"({"type":"x","ts":9223372036854775807})").ts, INT64_MAX);
    for (const char* wrong :
         {"9223372036854775808", "1.0", "1e3", "-1", "-0", "1E0", "99999999999999999999999999"})
        expect_refused(
            std::string(R"({"type":"x","ts":)") + wrong + "}", "invalid_event",
            "`ts` must be microseconds since 1970 in digits only, 0 to 9223372036854775807, at column 18");
    for (const char* wrong : {R"("1")", "true", "{}", "[1]"})
        expect_refused(std::string(R"({"type":"x","ts":)") + wrong + "}", "invalid_event",
                       "`ts` must be an integer, not");
    expect_refused(R"({"type":"x","ts":01})", "invalid_json", "a number may not begin with 0, at column 18");
}

TEST_F(event_parser, knows_the_categories) {
    EXPECT_EQ(accepted(R"({"category":"monitor","type":"network.x"})").in, category::monitor);
    EXPECT_EQ(accepted(R"({"type":"network.x","category":"\u0063onsole"})").in, category::console);
    EXPECT_EQ(accepted(R"({"type":"\u006eetwork.x"})").in, category::network);
    EXPECT_EQ(accepted(R"({"type":"whatever"})").in, category::system);
    expect_refused(R"({"type":"x","category":"konsole"})", "invalid_event",
                   R"(unknown category `"konsole"`, at column 24)");
    expect_refused(R"({"type":"x","category":""})", "invalid_event", "unknown category");
    expect_refused(R"({"type":"x","category":3})", "invalid_event",
                   "`category` must be a string, not a number");
}

TEST_F(event_parser, reads_the_source) {
    EXPECT_EQ(accepted(R"({"type":"x","source":{}})").kind, source_kind::local_process);
    const auto without_kind = accepted(R"({"type":"x","source":{"event":"e"}})");
    EXPECT_EQ(without_kind.kind, source_kind::local_process);
    EXPECT_EQ(without_kind.source_event, R"("e")");
    EXPECT_EQ(accepted(R"({"type":"x","source":{"kind":"\u0065xtension"}})").kind, source_kind::extension);

    expect_refused(R"({"type":"x","source":"extension"})", "invalid_event",
                   "`source` must be an object, not a string");
    expect_refused(R"({"type":"x","source":{"kind":"browser"}})", "invalid_event",
                   "unknown source.kind `\"browser\"`");
    expect_refused(R"({"type":"x","source":{"kind":1}})", "invalid_event", "`source.kind` must be a string");
    expect_refused(R"({"type":"x","source":{"event":{}}})", "invalid_event",
                   "`source.event` must be a string");
    expect_refused(R"({"type":"x","source":{"name":"n"}})", "invalid_event",
                   "unknown member `name` of `source`, at column 24");
    expect_refused(R"({"type":"x","source":{"kind":"extension","kind":"extension"}})", "invalid_event",
                   "`source.kind` stands there twice");
    expect_refused(R"({"type":"x","source":{"event":null,"\u0065vent":"e"}})", "invalid_event",
                   "`source.event` stands there twice");
}

TEST_F(event_parser, reads_metadata_as_strings_by_name) {
    EXPECT_EQ(accepted(R"({"type":"x","source":{"metadata":{}}})").source_metadata, "{}");
    EXPECT_EQ(accepted(R"({"type":"x","source":{"metadata":{ "a" : "" }}})").source_metadata,
              R"({ "a" : "" })");
    EXPECT_EQ(
        accepted("{\"type\":\"x\",\"source\":{\"metadata\":{\n \"a b\" : \" \\n\"\r\n}}}").source_metadata,
        R"({"a b":" \n"})");
    expect_refused(R"({"type":"x","source":{"metadata":[]}})", "invalid_event",
                   "`source.metadata` must be an object of strings");
    for (const char* wrong : {"1", "null", "true", "{}", R"(["a"])"})
        expect_refused(std::string(R"({"type":"x","source":{"metadata":{"a":)") + wrong + "}}}",
                       "invalid_event", "must be a string, not");
    expect_refused(R"({"type":"x","source":{"metadata":{"a":"1","b":"2","a":"3"}}})", "invalid_event",
                   "`a` stands twice in `source.metadata`");
    expect_refused(R"({"type":"x","source":{"metadata":{"\u0061":"1","b\n":"2","a":"3"}}})", "invalid_event",
                   "`a` stands twice");
    // Many names: sorted, not compared with each other.
    std::string many = R"({"type":"x","source":{"metadata":{)";
    for (int i = 0; i < 200'000; ++i)
        many += "\"" + std::to_string(i) + "\":\"\",";
    EXPECT_FALSE(accepted(many + R"("x":""}}})").source_metadata.empty());
    expect_refused(many + R"("77":""}}})", "invalid_event", "`77` stands twice");
}

TEST_F(event_parser, lets_nobody_from_outside_claim_to_be_the_browser_or_the_agent) {
    for (const char* forged : {"cdp", "kernel_api", "\\u0063dp"}) {
        const auto text = std::string(R"({"type":"x","source":{"kind":")") + forged + R"("}})";
        expect_refused(text, "forbidden_source",
                       "is not for producers; say extension or local_process, at column 30");
    }
    EXPECT_EQ(accepted(R"({"type":"x","source":{"kind":"cdp"}})", event_origin::cdp).kind, source_kind::cdp);
}

TEST_F(event_parser, refuses_other_types_of_the_optional_members) {
    expect_refused(R"({"type":"x","url":7})", "invalid_event",
                   "`url` must be a string, not a number, at column 19");
    expect_refused(R"({"type":"x","detail_level":{}})", "invalid_event",
                   "`detail_level` must be a string, not an object");
    expect_refused(R"({"type":"x","truncated":"true"})", "invalid_event",
                   "`truncated` must be true or false, not a string");
    expect_refused(R"({"type":"x","truncated":1})", "invalid_event",
                   "`truncated` must be true or false, not a number");
    EXPECT_EQ(accepted(R"({"type":"x","truncated":false})").truncated, false);
}

TEST_F(event_parser, refuses_unknown_and_repeated_members_by_name) {
    expect_refused(R"({"type":"x","time":1})", "invalid_event", "unknown member `time`, at column 14");
    expect_refused(R"({"type":"x","Type":"y"})", "invalid_event", "unknown member `Type`");
    expect_refused(R"({"type":"x","":"y"})", "invalid_event", "unknown member ``");
    expect_refused(R"({"type":"x","\ud800":"y"})", "invalid_event", R"(unknown member `\ud800`)");
    expect_refused(R"({"type":"x","seq":1})", "invalid_event", "unknown member `seq`");
    for (const char* member :
         {R"("ts":1)", R"("type":"x")", R"("category":"page")", R"("source":{})", R"("url":"u")",
          R"("detail_level":"d")", R"("data":1)", R"("truncated":true)", R"("data":null)"}) {
        const auto text = std::string("{") + member + ",\"type\":\"x\"," + member + "}";
        expect_refused(text, "invalid_event", "stands there twice");
    }
    expect_refused(R"({"type":"x","\u0074ype":"y"})", "invalid_event", "`type` stands there twice");
    const auto long_name =
        "{\"type\":\"x\",\"" + std::string(63, 'n') + "é" + std::string(1000, 'n') + "\":1}";
    expect_refused(long_name, "invalid_event", "`" + std::string(63, 'n') + "…`");
}

TEST_F(event_parser, understands_escaped_member_names) {
    const auto got = accepted(R"({"\u0074ype":"x","\u0073ource":{"\u006bind":"extension"},"dat\u0061":[]})");
    EXPECT_EQ(got.type, R"("x")");
    EXPECT_EQ(got.kind, source_kind::extension);
    EXPECT_EQ(got.data, "[]");
}

TEST_F(event_parser, passes_anything_valid_as_data) {
    for (const auto& document : json_corpus::valid()) {
        std::string_view value = document.text;
        while (std::string_view(" \t\r\n").find(value.front()) != std::string_view::npos)
            value.remove_prefix(1);
        while (std::string_view(" \t\r\n").find(value.back()) != std::string_view::npos)
            value.remove_suffix(1);
        const auto got = accepted("{\"data\":" + document.text + ",\"type\":\"x\"}");
        if (value.find_first_of("\r\n") == value.npos) {
            EXPECT_EQ(got.data, value);
        }
        EXPECT_EQ(got.data.find_first_of("\r\n"), got.data.npos);
    }
}

TEST_F(event_parser, refuses_what_is_not_json_anywhere) {
    for (const auto& text : json_corpus::invalid()) {
        for (const auto& line : {text, "{\"type\":\"x\",\"data\":" + text + "}",
                                 "{\"type\":\"x\",\"data\":{\"a\":[1,{\"b\":" + text + "}]}}"}) {
            const auto error = refused(line);
            EXPECT_TRUE(error.code == "invalid_json" || error.code == "invalid_utf8")
                << line << error.message;
            EXPECT_THAT(error.message, HasSubstr("column ")) << line;
        }
    }
    expect_refused("", "invalid_json", "nothing but white space, at column 1");
    expect_refused(R"({"type":"x","data":{"a":[1,2}}})", "invalid_json",
                   "',' or ']' was expected, at column 29");
    expect_refused(R"({"type":"x","data":tru})", "invalid_json", "at column 20");
    expect_refused(R"({"type":"x"}})", "invalid_json",
                   "there is more behind the end of the value, at column 13");
    expect_refused("{\"type\":\"a\xFFz\"}", "invalid_utf8", "not UTF-8, at column 11");
}

TEST_F(event_parser, says_not_json_first) {
    expect_refused(R"({"nonsense":1,"type":"x","data":[1,}})", "invalid_json", "at column 36");
    expect_refused(R"({"type":"","data":"\q"})", "invalid_json", "at column 20");
    expect_refused(R"({"url":tru,"type":"x"})", "invalid_json", "at column 8");
    expect_refused(R"([1)", "invalid_json", "',' or ']' was expected");
    expect_refused("[1]", "invalid_event", "an event is a JSON object, not an array, at column 1");
    expect_refused("\"x\"", "invalid_event", "an event is a JSON object, not a string");
    expect_refused("null", "invalid_event", "an event is a JSON object, not null");
    expect_refused("  7", "invalid_event", "an event is a JSON object, not a number, at column 3");
}

TEST_F(event_parser, tells_the_line_in_a_text_of_several) {
    expect_refused("{\n  \"type\": \"x\",\n  \"data\": [1,\n    02]\n}", "invalid_json",
                   "at line 4, column 5");
    expect_refused("{\r\n \"type\": 1}", "invalid_event", "at line 2, column 10");
}

TEST_F(event_parser, takes_lone_surrogates_in_data_only) {
    EXPECT_EQ(accepted(R"({"type":"x","data":{"\ud800":"\udfff\ud83d"}})").data,
              R"({"\ud800":"\udfff\ud83d"})");
    EXPECT_EQ(accepted(R"({"type":"\ud83d\ude00"})").type, R"("\ud83d\ude00")");
    for (const char* outside :
         {R"("type":"\ud800")", R"("type":"x","url":"\udc00")", R"("type":"x","detail_level":"\ude00\ud83d")",
          R"("type":"x","source":{"event":"\ud800"})", R"("type":"x","source":{"metadata":{"a":"\ud800"}})",
          R"("type":"x","source":{"metadata":{"\ud800":"a"}})", R"("type":"x","category":"\ud800")",
          R"("type":"x","source":{"kind":"\ud800"})"})
        expect_refused("{" + std::string(outside) + "}", "invalid_event", "a lone surrogate in `");
    expect_refused(R"({"data":"\ud800","type":"x","url":"ab\ud800"})", "invalid_event",
                   "`url` (only data may hold one), at column 38");
}

TEST_F(event_parser, bounds_nesting_with_the_event_as_level_one) {
    const auto data = [](std::size_t levels) {
        return R"({"type":"x","data":)" + std::string(levels, '[') + std::string(levels, ']') + "}";
    };
    EXPECT_EQ(accepted(data(63)).data.size(), 126u);
    expect_refused(data(64), "too_deep", "nested deeper than 64 levels, the event included, at column 83");
    expect_refused(data(1'000'000), "too_deep", "at column 83");
    const std::string objects = R"({"type":"x","data":)";
    std::string deep;
    for (int i = 0; i < 64; ++i)
        deep += R"({"a":)";
    expect_refused(objects + deep + "1" + std::string(64, '}') + "}", "too_deep", "64 levels");
    expect_refused(std::string(1000, '['), "too_deep", "at column 65");
}

TEST_F(event_parser, makes_one_line_of_data_with_line_breaks) {
    EXPECT_EQ(
        accepted("{\"type\":\"x\",\"data\":{\n  \"a b\" : [ 1,\t2 ],\r\n  \"c\" : \" \\n \"\n}\n}\n").data,
        R"({"a b":[1,2],"c":" \n "})");
    EXPECT_EQ(accepted("{\"type\":\"x\",\"data\":[ 1,\r2 ]}").data, "[1,2]"); // SSE ends a line at CR too
    EXPECT_EQ(accepted("{\"type\":\"x\",\"data\":{ \"a\" :  1 }}").data, "{ \"a\" :  1 }");
    EXPECT_EQ(accepted("{\n\"type\":\"x\",\n\"data\":\n[ 1 ]\n}").data, "[ 1 ]");
    EXPECT_EQ(accepted("{\"type\":\"x\",\"data\":\"\xE2\x80\xA8\"}").data, "\"\xE2\x80\xA8\"");
}

TEST_F(event_parser, keeps_what_it_compacted_until_the_next) {
    const std::string large = "[\n" + std::string(200'000, ' ') + "\"" + std::string(200'000, 'x') + "\"]";
    EXPECT_EQ(accepted("{\"type\":\"x\",\"data\":" + large + "}").data,
              "[\"" + std::string(200'000, 'x') + "\"]");
    EXPECT_EQ(accepted("{\"type\":\"x\",\"data\":[\n1]}").data, "[1]");
}

TEST_F(event_parser, bounds_the_text) {
    const auto of_bytes = [](std::size_t bytes) {
        const std::string around = R"({"type":"x","data":""})";
        return R"({"type":"x","data":")" + std::string(bytes - around.size(), 'y') + "\"}";
    };
    accepted(of_bytes(agent::event_line_bytes_max));
    expect_refused(of_bytes(agent::event_line_bytes_max + 1), "too_long",
                   "an event may have 4194304 bytes, this has 4194305");
    expect_refused(of_bytes(5 * 1024 * 1024), "too_long", "this has 5242880");
}

TEST_F(event_parser, refuses_every_beginning_of_an_event) {
    const std::string text =
        R"({"ts":12,"type":"tÿpe","category":"page","source":{"kind":"extension","event":"e","metadata":{"a":"b"}},"detail_level":"d","url":"\u0041","data":{"a":[1.5e-3,null]},"truncated":false})";
    accepted(text);
    for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
        const auto error = refused(text.substr(0, bytes));
        EXPECT_TRUE(error.code == "invalid_json" || error.code == "invalid_utf8") << bytes << error.message;
    }
}

TEST_F(event_parser, shows_no_control_characters) {
    expect_refused(R"({"type":"x","source":{"metadata":{"\n":"","\u000a":""}}})", "invalid_event",
                   "`?` stands twice");
}

} // namespace
