#pragma once
// Documents that RFC 8259 makes valid or invalid, for everything that reads JSON here.

#include <string>
#include <string_view>
#include <vector>

namespace json_corpus {

using namespace std::string_literals;

// `portable`: also a stricter reader (Boost.JSON: whole surrogates, numbers that a double holds) takes it.
struct document {
    std::string text;
    bool portable = true;
};

inline std::vector<document> valid() {
    std::vector<document> all;
    for (const char* text : {
             R"({})",
             R"([])",
             R"("")",
             R"(0)",
             R"(-0)",
             R"(-0.0)",
             R"(0e1)",
             R"(0e+1)",
             R"(1E22)",
             R"(1E-2)",
             R"(1e+2)",
             R"(123.456e-7)",
             R"(-1)",
             R"(true)",
             R"(false)",
             R"(null)",
             R"([[]])",
             R"([{}])",
             R"({"":0})",
             R"({"a":{"b":[1,2,{"c":null}]}})",
             R"({"a":1,"a":2})",
             R"([1,2,3])",
             R"(["a","b"])",
             R"("\"\\\/\b\f\n\r\t")",
             R"("\u0041\u00e9\u20AC")",
             R"("\ud83d\ude00")",
             R"("\uD83D\uDE00")",
             R"("\u0000")",
             R"("/")",
             "\"\x7f\"",
             R"("é")",
             R"("€")",
             R"("😀")",
             "\"\xF4\x8F\xBF\xBF\"",
             "\"\xED\x9F\xBF\xEE\x80\x80\"",
             "\"\xE2\x80\xA8\"",
             " [ 1 , 2 ] ",
             "\t{\r\n\"a\"\t:\r\n1\n}\n",
             R"("a long string that goes on and on, further than one block")",
             R"([null,true,false,0.1,"x",[],{}])",
             R"("\\u005c")",
             R"("\\\\")",
             R"("a\\")",
             R"({"a\"b":"c\"d"})",
         })
        all.push_back({text});
    for (const char* text :
         {R"(1e999)", R"(-1e-999)", R"("\ud800")", R"("\udc00")", R"("\ud800\ud800\udc00")", R"("\ud800x")",
          R"("\ud800\n")", R"("\udc00\ud800")", R"({"\ud800":"\udfff"})"})
        all.push_back({text, false});
    all.push_back({std::string(200, '9'), false});
    all.push_back(
        {"-" + std::string(200, '1') + "." + std::string(200, '1') + "e+" + std::string(20, '0') + "1",
         false});
    return all;
}

inline std::vector<std::string> invalid() {
    std::vector<std::string> all{
        "",
        " ",
        "\n",
        "\xEF\xBB\xBF{}",
        "\0"s,
        "{}\0"s,
        "[\0]"s,
        "\"\0\""s,
        // numbers
        "01",
        "-01",
        "00",
        "-",
        "+1",
        "1.",
        ".5",
        "-.5",
        "1.e3",
        "1e",
        "1e+",
        "1E-",
        "0x10",
        "1_000",
        "1 2",
        "Infinity",
        "-Infinity",
        "NaN",
        "nan",
        "0.",
        "2.e+3",
        "1.2.3",
        "1e2.3",
        "--1",
        "1-",
        "0e",
        "\xEF\xBC\x91",
        // words
        "tru",
        "truee",
        "True",
        "TRUE",
        "fals",
        "nul",
        "nulll",
        "undefined",
        "t",
        "n",
        "f",
        "trueFalse",
        // structure
        "{",
        "}",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1,,2]",
        "[1 2]",
        "[1:2]",
        "[1,2}",
        "{]",
        "[}",
        "[1]]",
        "{}}",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\":1,,\"b\":2}",
        "{\"a\" 1}",
        "{\"a\"::1}",
        "{\"a\",1}",
        "{a:1}",
        "{'a':1}",
        "{1:2}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":1]",
        "{null:1}",
        ",",
        ":",
        "{\"a\":}",
        "[\"a\":1]",
        "{\"a\"}",
        "{\"a\":1}{\"b\":2}",
        "[1][2]",
        "\"a\"\"b\"",
        "{}x",
        "[1]#",
        "[1] // c",
        "[1,/*c*/2]",
        "\v[1]",
        "\f[1]",
        "[1]\xC2\xA0",
        "\xE2\x80\xA8[1]",
        "[\x01]",
        // strings
        "\"",
        "\"a",
        "'a'",
        "\"\\\"",
        "\"\\",
        "\"\\x41\"",
        "\"\\a\"",
        "\"\\'\"",
        "\"\\0\"",
        "\"\\u\"",
        "\"\\u1\"",
        "\"\\u12\"",
        "\"\\u123\"",
        "\"\\u123",
        "\"\\u12g4\"",
        "\"\\U0041\"",
        "\"\\ud83d\\u\"",
        "\"\\ud83d\\ude0\"",
        "\"\\ud83d\\",
        "\"\\u 123\"",
        "\"\\u-123\"",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"a\rb\"",
        "\"a\x1f\"",
        "\"a\x01\"",
        // UTF-8
        "\"\x80\"",
        "\"\xBF\"",
        "\"\xC0\x80\"",
        "\"\xC1\xBF\"",
        "\"\xC3\"",
        "\"\xC3(\"",
        "\"\xE0\x80\x80\"",
        "\"\xE0\x9F\xBF\"",
        "\"\xE2\x82\"",
        "\"\xE2(\xA1\"",
        "\"\xED\xA0\x80\"",
        "\"\xED\xBF\xBF\"",
        "\"\xF0\x80\x80\x80\"",
        "\"\xF0\x8F\xBF\xBF\"",
        "\"\xF0\x9F\x98\"",
        "\"\xF4\x90\x80\x80\"",
        "\"\xF5\x80\x80\x80\"",
        "\"\xF8\x88\x80\x80\x80\"",
        "\"\xFE\"",
        "\"\xFF\"",
        "\"\xC3",
        "\"\xE2\x82",
        "\"\xF0\x9F\x98",
        "\xFF\xFE[",
    };
    // The same faults where blocks of 16 and 64 bytes begin and end.
    for (std::size_t plain = 55; plain < 75; ++plain) {
        all.push_back("\"" + std::string(plain, 'x'));
        all.push_back("\"" + std::string(plain, 'x') + "\n\"");
        all.push_back("\"" + std::string(plain, 'x') + "\xE2\x82\"");
        all.push_back("\"" + std::string(plain, 'x') + "\\\"");
    }
    return all;
}

} // namespace json_corpus
