#include "agent/event/scan.hpp"
#include "tests/unit/agent/event/json_corpus.hpp"
#include "tests/unit/agent/support/tight_text.hpp"

#include <boost/json.hpp>

#include <gtest/gtest.h>

#include <random>

namespace {

using agent::event_scan;
using agent::scan_fault;
using agent::test::tight;

bool accepts(std::string_view text, unsigned levels = 64) {
    const tight copy(text);
    event_scan scan(copy.view());
    return scan.document(levels);
}

bool boost_accepts(std::string_view text) {
    boost::json::error_code ec;
    boost::json::parse_options options;
    options.max_depth = 64;
    boost::json::parse(text, ec, {}, options);
    return !ec;
}

TEST(event_scan, takes_what_the_rfc_makes_valid) {
    for (const auto& [text, portable] : json_corpus::valid()) {
        EXPECT_TRUE(accepts(text)) << text;
        EXPECT_TRUE(accepts("{\"deep\":[[" + text + "]]}")) << text;
        if (portable) {
            EXPECT_TRUE(boost_accepts(text)) << text;
        }
    }
}

TEST(event_scan, refuses_what_it_does_not) {
    for (const auto& text : json_corpus::invalid()) {
        EXPECT_FALSE(accepts(text)) << text;
        EXPECT_FALSE(boost_accepts(text)) << text;
        EXPECT_FALSE(accepts("{\"deep\":[[0," + text + "]]}")) << text;
    }
}

TEST(event_scan, refuses_every_beginning_of_an_object) {
    const std::string text =
        R"({"a":"é\ud83d\ude00","b":[1.5e3,true,null,{"c":""}],"d":"a long one, so that blocks are met, \u00e9"})";
    EXPECT_TRUE(accepts(text));
    for (std::size_t bytes = 0; bytes < text.size(); ++bytes)
        EXPECT_FALSE(accepts(text.substr(0, bytes))) << bytes;
}

TEST(event_scan, agrees_with_boost_json_when_bytes_change) {
    std::mt19937 random(7);
    const std::string alphabet = "{}[]\",:\\u0e1-+.tfnrl \n\x01\x80\xC3\xA9\xED";
    std::size_t accepted = 0;
    std::size_t refused = 0;
    for (const auto& [text, portable] : json_corpus::valid()) {
        if (!portable)
            continue;
        for (int round = 0; round < 300; ++round) {
            std::string changed = "{\"k\":[" + text + ",\"" + std::string(random() % 70, 'x') + "\"]}";
            for (unsigned edits = 1 + random() % 3; edits > 0; --edits) {
                const auto at = random() % changed.size();
                const char byte = alphabet[random() % alphabet.size()];
                switch (random() % 3) {
                case 0:
                    changed[at] = byte;
                    break;
                case 1:
                    changed.insert(at, 1, byte);
                    break;
                default:
                    changed.erase(at, 1);
                }
            }
            const tight copy(changed);
            event_scan scan(copy.view());
            const bool ours = scan.document(64);
            ++(ours ? accepted : refused);
            if (ours && scan.lone_surrogate())
                continue; // Boost.JSON takes none
            EXPECT_EQ(ours, boost_accepts(changed)) << changed;
        }
    }
    EXPECT_GT(accepted, 500u);
    EXPECT_GT(refused, 500u);
}

// Wherever it lies in the blocks and windows that the scan looks at, and wherever the text ends behind it.
TEST(event_scan, finds_a_piece_of_a_string_at_any_place) {
    const std::string_view pieces_accepted[] = {"",  R"(\")", R"(\\)", R"(\u00e9\ud83d\ude00)",
                                                "é", "€",     "😀",    "\x7F"};
    const std::string_view pieces_refused[] = {"\x01",         "\n",    "\xC3",     "\xED\xA0\x80",
                                               "\xF0\x9F\x98", R"(\q)", R"(\u12g4)"};
    for (std::size_t before = 0; before < 1200; before += before > 200 && before < 950 ? 37 : 1)
        for (std::size_t behind : {0u, 1u, 60u}) {
            const auto text_with = [&](std::string_view piece) {
                return "\n{\"k\":\"" + std::string(before, 'x') + std::string(piece) +
                       std::string(behind, 'y') + "\" }";
            };
            for (const auto piece : pieces_accepted)
                ASSERT_TRUE(accepts(text_with(piece))) << piece << " behind " << before;
            for (const auto piece : pieces_refused) {
                const tight copy(text_with(piece));
                event_scan scan(copy.view());
                ASSERT_FALSE(scan.document(64)) << piece << " behind " << before;
                ASSERT_EQ(scan.fault_at() - copy.view().data(), static_cast<long>(7 + before))
                    << piece << " behind " << before;
            }
        }
}

TEST(event_scan, reads_long_texts_of_short_strings) {
    for (const char* separator : {",", ", ", ",\n\t"})
        for (std::size_t shift = 0; shift < 70; ++shift) {
            std::string text = "[\"" + std::string(shift, 's') + "\"";
            for (int i = 0; i < 400; ++i)
                text += separator + std::string("{\"\":\"\",\"ab\":[\"c\",") + std::to_string(i) + "]}";
            ASSERT_TRUE(accepts(text + "]")) << shift;
            ASSERT_FALSE(accepts(text)) << shift;
        }
}

TEST(event_scan, reads_numbers_up_to_the_end_of_the_text) {
    for (std::size_t digits = 1; digits < 40; ++digits) {
        const std::string whole(digits, '9');
        for (const auto& text : {whole, "-" + whole, whole + ".5", "0." + whole, "1e" + whole, "1E-" + whole})
            EXPECT_TRUE(accepts(text)) << text;
        for (const auto& text :
             {whole + ".", whole + "e", whole + "x", "0" + whole, "1e+" + whole + ".", whole + "-"})
            EXPECT_FALSE(accepts(text)) << text;
    }
}

TEST(event_scan, counts_levels_of_objects_and_arrays) {
    const auto nested = [](unsigned levels) {
        std::string text;
        for (unsigned i = 0; i < levels; ++i)
            text += i % 2 ? "[" : "{\"a\":";
        text += "1";
        for (unsigned i = levels; i-- > 0;)
            text += i % 2 ? "]" : "}";
        return text;
    };
    EXPECT_TRUE(accepts("1", 0));
    for (unsigned levels : {1u, 2u, 63u, 64u}) {
        EXPECT_TRUE(accepts(nested(levels), levels));
        const auto text = nested(levels + 1);
        event_scan scan(text);
        EXPECT_FALSE(scan.document(levels));
        EXPECT_EQ(scan.fault(), scan_fault::depth);
    }
    EXPECT_FALSE(accepts(std::string(4'000'000, '[')));
}

TEST(event_scan, tells_the_kind_and_the_place_of_a_fault) {
    const auto fault_of = [](std::string_view text) {
        event_scan scan(text);
        EXPECT_FALSE(scan.document(64));
        return std::pair(scan.fault(), scan.fault_at() - text.data());
    };
    EXPECT_EQ(fault_of(R"({"a":01})"), std::pair(scan_fault::syntax, 5l));
    EXPECT_EQ(fault_of("{\"a\":\"b\xFF\"}"), std::pair(scan_fault::utf8, 7l));
    EXPECT_EQ(fault_of(R"({"a":1} x)"), std::pair(scan_fault::syntax, 8l));
    EXPECT_EQ(fault_of(R"(["\q"])"), std::pair(scan_fault::syntax, 2l));
}

TEST(event_scan, finds_escaped_lone_surrogates_only) {
    const auto lone_at = [](std::string_view text) -> long {
        event_scan scan(text);
        EXPECT_TRUE(scan.document(64)) << text;
        return scan.lone_surrogate() ? scan.lone_surrogate() - text.data() : -1;
    };
    EXPECT_EQ(lone_at(R"("\ud83d\ude00")"), -1);
    EXPECT_EQ(lone_at(R"("\\ud83d")"), -1);
    EXPECT_EQ(lone_at(R"("x\ud83d")"), 2);
    EXPECT_EQ(lone_at(R"("\ude00\ud83d")"), 1);
    EXPECT_EQ(lone_at(R"("\ud83d\ud83d\ude00")"), 1);
    EXPECT_EQ(lone_at(R"({"\udbff":1})"), 2);
}

TEST(decode_string, spells_out_escapes) {
    EXPECT_EQ(agent::decode_string(R"("")"), "");
    EXPECT_EQ(agent::decode_string(R"("\"\\\/\b\f\n\r\tx")"), "\"\\/\b\f\n\r\tx");
    EXPECT_EQ(agent::decode_string(R"("\u0074ype\u00e9\u20ac\ud83d\ude00")"),
              "type\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
    EXPECT_EQ(agent::decode_string(R"("\ud83dx\ude00\ud800\ud83d\ude00")"),
              "\xEF\xBF\xBDx\xEF\xBF\xBD\xEF\xBF\xBD\xF0\x9F\x98\x80");
    EXPECT_EQ(agent::decode_string(R"("\u0000")"), std::string(1, '\0'));
}

TEST(decode_string, agrees_with_boost_json) {
    for (const auto& [text, portable] : json_corpus::valid()) {
        if (portable && text.front() == '"') {
            EXPECT_EQ(agent::decode_string(text), std::string_view(boost::json::parse(text).as_string()))
                << text;
        }
    }
}

TEST(compact_json, takes_out_white_space_but_not_of_strings) {
    const auto compact = [](std::string_view text) {
        std::string out = "left over";
        agent::compact_json(text, out);
        return out;
    };
    EXPECT_EQ(compact("{ \"a b\" :\r\n\t[ 1 , \" \\\" : \" ] }"), "{\"a b\":[1,\" \\\" : \"]}");
    EXPECT_EQ(compact("\"\\\\\" "), "\"\\\\\"");
    EXPECT_EQ(compact("1\n"), "1");
}

} // namespace
