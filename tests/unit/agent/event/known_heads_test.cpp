// What the parser knows of earlier events changes nothing but its speed.
#include "agent/event/known_heads.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace agent {
namespace {

// A parser, and a text of which no byte before or behind is readable.
struct reading {
    event_parser parser;
    std::unique_ptr<char[]> text;

    // What came of it, whole: the envelope, or the refusal.
    std::string operator()(std::string_view line, event_origin origin = event_origin::intake) {
        text = std::make_unique<char[]>(line.size());
        std::memcpy(text.get(), line.data(), line.size());
        auto outcome = parser.parse({text.get(), line.size()}, origin);
        if (const auto* refused = std::get_if<event_error>(&outcome))
            return refused->code + ": " + refused->message;
        auto& one = std::get<event>(outcome);
        knew_head = !one.head.empty();
        if (!one.ts)
            one.ts = 0;
        std::string envelope(envelope_bytes(one, "id", 7), ' ');
        // Numbers are written with more behind them than they have, see write_envelope().
        std::vector<char> room(envelope.size() + 32);
        EXPECT_EQ(write_envelope(one, "id", 7, room.data()), envelope.size());
        envelope.assign(room.data(), envelope.size());
        return envelope + " " + std::to_string(static_cast<int>(one.in));
    }

    bool knew_head = false;
};

constexpr const char* rest = R"("url":"http://a/","data":{"n":[1,"x"]},"truncated":false})";

std::vector<std::string> heads() {
    return {
        R"({"ts":17,"type":"network.request","category":"network","source":{"kind":"extension","event":"N.r","metadata":{"t":"1"}},)",
        R"({"ts":17,"type":"network.request","source":{"kind":"extension","event":"N.r","metadata":{"t":"1"}},)",
        R"({"ts":17,"type":"network.request","source":{"kind":"extension"},"category":"page",)",
        R"({"ts":17,"category":"page","type":"network.request","source":{"event":"N.r"},)",
        R"({"source":{"kind":"extension"},"type":"network.request","category":"console",)",
        R"({"type":"network.request","detail_level":"full","source":{"kind":"extension"},)",
        R"({ "type" : "network.request" , "category" : "network", "source" : { "metadata" : {}, "kind":"extension" } ,)",
        R"({"type":"network.request","source":null,)",
        R"({"type":"network.request","category":null,"source":{"kind":null,"event":"\u00e9\n"},)",
        R"({"type":"network.requ\u0065st","source":{"kind":"extension"},)",
        R"({"type":"x","source":{},)",
        "{\"type\":\"network.request\",\"source\":{\"metadata\":{\n\"a\":\r\n\"b\"}},",
    };
}

TEST(known_heads_test, a_head_that_comes_again_reads_the_same) {
    for (const auto& head : heads()) {
        const std::string line = head + rest;
        reading one;
        const auto first = one(line);
        EXPECT_FALSE(one.knew_head) << line;
        EXPECT_EQ(one(line), first) << line;
        for (const auto& other : heads())
            EXPECT_EQ(one(other + rest), reading()(other + rest)) << other << " behind " << head;
    }
}

TEST(known_heads_test, the_common_forms_are_known) {
    for (std::size_t form : {0U, 1U, 6U, 10U}) {
        const std::string line = heads()[form] + rest;
        reading one;
        one(line);
        one(line);
        EXPECT_TRUE(one.knew_head) << line;
    }
}

// A category behind the source counts, though the head was kept without one.
TEST(known_heads_test, a_category_behind_a_known_head_counts) {
    reading one;
    const std::string head = R"({"type":"network.request","source":{"kind":"extension"},)";
    one(head + rest);
    EXPECT_EQ(one(head + R"("category":"page",)" + rest), reading()(head + R"("category":"page",)" + rest));
    EXPECT_FALSE(one.knew_head);
    EXPECT_EQ(one(head + R"("category":"network",)" + rest),
              reading()(head + R"("category":"network",)" + rest));
    EXPECT_TRUE(one.knew_head);
}

// Every event that is nearly one that was read before: a byte changed, left out, twice, or nothing behind it.
TEST(known_heads_test, nearly_the_same_is_not_the_same) {
    const std::string line = heads()[0] + rest;
    reading warm;
    const auto expect_same = [&](const std::string& changed) {
        warm(line);
        ASSERT_EQ(warm(changed), reading()(changed)) << changed;
    };
    for (std::size_t at = 0; at < line.size(); ++at) {
        for (const char other : {'"', '\\', '{', '}', ',', ':', ' ', '\n', '0', 'n', '\x80'}) {
            std::string changed = line;
            changed[at] = other;
            expect_same(changed);
        }
        expect_same(line.substr(0, at) + line.substr(at + 1));
        expect_same(line.substr(0, at) + line.substr(at, 1) + line.substr(at));
        expect_same(line.substr(0, at));
    }
    for (const char* twice :
         {R"("source":{},)", R"("source":null,)", R"("category":"page",)", R"("type":"a",)"}) {
        expect_same(heads()[0] + twice + rest);
        expect_same(R"({)" + std::string(twice) + heads()[0].substr(1) + rest);
    }
}

TEST(known_heads_test, a_head_is_known_from_its_origin_only) {
    const std::string line = R"({"type":"page.load","source":{"kind":"cdp"},)" + std::string(rest);
    reading one;
    one(line, event_origin::cdp);
    one(line, event_origin::cdp);
    EXPECT_TRUE(one.knew_head);
    EXPECT_EQ(one(line).substr(0, 17), "forbidden_source:");
}

// Where each head is another, they soon are no longer copied, and still learnt when they begin to come again.
TEST(known_heads_test, heads_that_do_not_come_again_are_kept_ever_more_rarely) {
    known_heads known;
    const auto text_of = [](int number) {
        return R"("t","source":{"event":")" + std::to_string(number) + "\"}";
    };
    const auto meet = [&](int number) {
        const std::string text = text_of(number);
        event one;
        one.type = std::string_view(text).substr(0, 3);
        const bool found = known.find(one.type, text.data() + text.size(), event_origin::intake) != nullptr;
        if (!found)
            known.keep(text, one, false, event_origin::intake);
        return found;
    };
    int kept = 0;
    for (int number = 0; number < 10'000; ++number) {
        ASSERT_FALSE(meet(number));
        const std::string text = text_of(number);
        event_origin other = event_origin::cdp; // does not count as coming again
        const auto* none = known.find(std::string_view(text).substr(0, 3), text.data() + text.size(), other);
        ASSERT_EQ(none, nullptr);
    }
    for (int more = 0; more < 400 && kept == 0; ++more)
        kept = meet(10'000) ? more : 0;
    EXPECT_GT(kept, 1);
    EXPECT_LT(kept, 300);
    EXPECT_TRUE(meet(10'000));
}

} // namespace
} // namespace agent
