#include "agent/event/event.hpp"
#include "tests/unit/agent/event/json_corpus.hpp"

#include <boost/json.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>

namespace {

using agent::event;
using agent::event_error;

constexpr std::string_view session = "01234567-89ab-cdef-0123-456789abcdef";

std::string envelope_of(const event& of, std::uint64_t seq) {
    std::string out(agent::envelope_bytes(of, session, seq) + 1, '#');
    EXPECT_EQ(agent::write_envelope(of, session, seq, out.data()), out.size() - 1);
    EXPECT_EQ(out.back(), '#') << "written too far";
    out.pop_back();
    return out;
}

// Of an event's text that is accepted; a missing time becomes 5.
std::string envelope_of_text(std::string_view text, std::uint64_t seq = 7) {
    agent::event_parser parser;
    auto outcome = parser.parse(text, agent::event_origin::cdp);
    if (auto* refused = std::get_if<event_error>(&outcome)) {
        ADD_FAILURE() << text << ": " << refused->message;
        return {};
    }
    auto& of = std::get<event>(outcome);
    of.ts = of.ts.value_or(5);
    return envelope_of(of, seq);
}

TEST(envelope, has_the_key_order_of_the_contract) {
    EXPECT_EQ(
        envelope_of_text(
            R"({"truncated":true,"data":{"z":1,"a":[ 2.50 ]},"url":"u\/","detail_level":"d","source":{"metadata":{"m":"n"},"event":"e","kind":"cdp"},"category":"page","type":"t\u0041","ts":12})"),
        R"({"capture_session_id":"01234567-89ab-cdef-0123-456789abcdef","seq":7,"event":{"ts":12,"type":"t\u0041","category":"page","source":{"kind":"cdp","event":"e","metadata":{"m":"n"}},"detail_level":"d","url":"u\/","data":{"z":1,"a":[ 2.50 ]},"truncated":true}})");
}

TEST(envelope, leaves_out_what_is_absent) {
    EXPECT_EQ(
        envelope_of_text(R"({"type":"console.log"})", UINT64_MAX),
        R"({"capture_session_id":"01234567-89ab-cdef-0123-456789abcdef","seq":18446744073709551615,"event":{"ts":5,"type":"console.log","category":"console","source":{"kind":"local_process"}}})");
    EXPECT_EQ(
        envelope_of_text(
            R"({"type":"x","data":null,"truncated":false,"ts":9223372036854775807,"source":{"event":"e"}})",
            1),
        R"({"capture_session_id":"01234567-89ab-cdef-0123-456789abcdef","seq":1,"event":{"ts":9223372036854775807,"type":"x","category":"system","source":{"kind":"local_process","event":"e"},"data":null,"truncated":false}})");
}

TEST(envelope, is_one_line_of_json_with_the_data_that_came) {
    for (const auto& [value, portable] : json_corpus::valid()) {
        const auto line = envelope_of_text("{\n\"type\":\"x\",\r\n\"data\":" + value + "}");
        EXPECT_EQ(line.find_first_of("\r\n"), line.npos) << line;
        if (!portable)
            continue;
        const auto parsed = boost::json::parse(line);
        EXPECT_EQ(parsed.at("event").at("data"), boost::json::parse(value)) << line;
    }
}

TEST(envelope, of_random_events_parses_and_keeps_the_data) {
    std::mt19937 random(11);
    const auto corpus = json_corpus::valid();
    for (int round = 0; round < 2000; ++round) {
        const auto pick = [&] {
            for (;;) {
                const auto& one = corpus[random() % corpus.size()];
                if (one.portable && one.text.find_first_of("\r\n") == one.text.npos)
                    return one.text;
            }
        };
        const auto data = "{\"a\":[" + pick() + " , " + pick() + "],\"b\" :" + pick() + "}";
        std::vector<std::string> members{"\"type\":\"page.x\"", "\"data\":" + data};
        for (const char* optional :
             {"\"ts\":77", "\"url\":\"http://é\"", "\"detail_level\":\"\"", "\"category\":\"control\"",
              "\"source\":{\"metadata\":{\"k\":\"v\"}}", "\"truncated\":true"}) {
            if (random() % 2)
                members.emplace_back(optional);
        }
        std::shuffle(members.begin(), members.end(), random);
        std::string text = "{";
        for (const auto& member : members)
            text += (text.size() > 1 ? "," : "") + member;
        const auto line = envelope_of_text(text + "}");
        EXPECT_NE(line.find("\"data\":" + data), line.npos) << line;
        const auto parsed = boost::json::parse(line).at("event").as_object();
        EXPECT_EQ(parsed.at("type").as_string(), "page.x");
        EXPECT_EQ(parsed.contains("url"), text.find("\"url\"") != text.npos);
        const auto head = agent::parse_envelope_head(line);
        ASSERT_TRUE(head) << line;
        EXPECT_EQ(head->capture_session_id, session);
        EXPECT_EQ(head->seq, 7u);
        EXPECT_EQ(head->type, "page.x");
        EXPECT_EQ(head->category, std::string_view(parsed.at("category").as_string()));
        EXPECT_EQ(head->ts, parsed.at("ts").as_int64());
    }
}

class fit_envelope : public testing::Test {
protected:
    // With the seq given, the envelope has exactly `bytes`; the bulk is in the member named.
    event of_bytes(std::size_t bytes, std::string_view event::* bulk) {
        event of;
        of.ts = 1;
        of.type = "\"x\"";
        of.*bulk = "\"\"";
        bulk_ = "\"" + std::string(bytes - agent::envelope_bytes(of, session, seq), 'y') + "\"";
        of.*bulk = bulk_;
        EXPECT_EQ(agent::envelope_bytes(of, session, seq), bytes);
        return of;
    }

    static constexpr std::uint64_t seq = 1234;
    std::string bulk_;
};

TEST_F(fit_envelope, keeps_what_is_just_under_and_at_the_limit) {
    for (const auto bytes : {agent::envelope_bytes_max - 1, agent::envelope_bytes_max}) {
        auto of = of_bytes(bytes, &event::data);
        const auto fitted = agent::fit_envelope(of, session, seq);
        ASSERT_TRUE(std::holds_alternative<std::size_t>(fitted));
        EXPECT_EQ(std::get<std::size_t>(fitted), bytes);
        EXPECT_EQ(of.data, bulk_);
        EXPECT_EQ(of.truncated, std::nullopt);
    }
}

TEST_F(fit_envelope, replaces_data_by_null_over_the_limit) {
    auto of = of_bytes(agent::envelope_bytes_max + 1, &event::data);
    const auto fitted = agent::fit_envelope(of, session, seq);
    ASSERT_TRUE(std::holds_alternative<std::size_t>(fitted));
    const auto line = envelope_of(of, seq);
    EXPECT_EQ(line.size(), std::get<std::size_t>(fitted));
    EXPECT_TRUE(line.ends_with(R"("source":{"kind":"local_process"},"data":null,"truncated":true}})"))
        << line;
}

TEST_F(fit_envelope, counts_the_digits_of_the_seq) {
    auto of = of_bytes(agent::envelope_bytes_max, &event::data);
    agent::fit_envelope(of, session, 10 * seq);
    EXPECT_EQ(of.data, "null");
}

TEST_F(fit_envelope, refuses_what_is_over_without_data_too) {
    auto at_limit = of_bytes(agent::envelope_bytes_max, &event::url);
    EXPECT_TRUE(std::holds_alternative<std::size_t>(agent::fit_envelope(at_limit, session, seq)));
    auto over = of_bytes(agent::envelope_bytes_max + 1, &event::url);
    const auto fitted = agent::fit_envelope(over, session, seq);
    ASSERT_TRUE(std::holds_alternative<event_error>(fitted));
    EXPECT_EQ(std::get<event_error>(fitted).code, "too_large");
    EXPECT_NE(std::get<event_error>(fitted).message.find("1000000 are allowed"), std::string::npos);
}

TEST(parse_envelope_head, takes_other_members_and_any_order) {
    const auto head = agent::parse_envelope_head(
        R"( {"new":[{}],"event":{"later":1,"\u0074ype":"a\n\ud800","data":{"type":"no"}},"capture_session_\u0069d":"s","seq":18446744073709551615} )");
    ASSERT_TRUE(head);
    EXPECT_EQ(head->capture_session_id, "s");
    EXPECT_EQ(head->seq, UINT64_MAX);
    EXPECT_EQ(head->type, "a\n\xEF\xBF\xBD");
    EXPECT_EQ(head->ts, std::nullopt);
    EXPECT_EQ(head->category, "");
    const auto unnumbered = agent::parse_envelope_head(
        R"({"capture_session_id":"s","event":{"ts":-1,"type":"session_continued","category":"from the future"}})");
    ASSERT_TRUE(unnumbered);
    EXPECT_EQ(unnumbered->seq, std::nullopt);
    EXPECT_EQ(unnumbered->ts, -1);
    EXPECT_EQ(unnumbered->category, "from the future");
}

TEST(parse_envelope_head, takes_the_deepest_event) {
    EXPECT_TRUE(agent::parse_envelope_head(
        envelope_of_text(R"({"type":"x","data":)" + std::string(63, '[') + std::string(63, ']') + "}")));
}

TEST(parse_envelope_head, gives_nothing_for_what_is_no_envelope) {
    for (const char* text : {
             "",
             "x",
             "[]",
             "7",
             "\"s\"",
             "{}",
             R"({"capture_session_id":"s"})",
             R"({"event":{"type":"x"}})",
             R"({"capture_session_id":"s","event":{}})",
             R"({"capture_session_id":"s","event":{"type":7}})",
             R"({"capture_session_id":"s","event":[]})",
             R"({"capture_session_id":null,"event":{"type":"x"}})",
             R"({"capture_session_id":"s","seq":"7","event":{"type":"x"}})",
             R"({"capture_session_id":"s","seq":-7,"event":{"type":"x"}})",
             R"({"capture_session_id":"s","seq":7.0,"event":{"type":"x"}})",
             R"({"capture_session_id":"s","seq":18446744073709551616,"event":{"type":"x"}})",
             R"({"capture_session_id":"s","seq":7,"seq":8,"event":{"type":"x"}})",
             R"({"capture_session_id":"s","event":{"type":"x"},"event":{}})",
             R"({"capture_session_id":"s","event":{"type":"x"}} x)",
             R"({"capture_session_id":"s","event":{"type":"x","data":tru}})",
             "{\"capture_session_id\":\"\xFF\",\"event\":{\"type\":\"x\"}}",
         })
        EXPECT_FALSE(agent::parse_envelope_head(text)) << text;
    EXPECT_FALSE(agent::parse_envelope_head(std::string(1'000'000, '[')));
    EXPECT_FALSE(agent::parse_envelope_head(R"({"capture_session_id":"s","event":{"data":)" +
                                            std::string(1'000'000, '[')));
}

// And takes only what is an envelope: never its beginning, and the session's id and the seq as they stand there.
TEST(parse_envelope_head, survives_any_bytes) {
    const std::string line = envelope_of_text(
        R"({"type":"x\u00e9","source":{"event":"e"},"data":{"a":"é\ud800"},"url":"http://localhost/a/b/c"})");
    std::mt19937 random(3);
    int taken = 0;
    for (int round = 0; round < 20'000; ++round) {
        auto changed = line.substr(0, round % 2 == 0 ? line.size() : random() % (line.size() + 1));
        for (unsigned edits = random() % 4; edits > 0 && !changed.empty(); --edits)
            changed[random() % changed.size()] = static_cast<char>(random());
        const auto head = agent::parse_envelope_head(changed);
        if (line.starts_with(changed)) {
            EXPECT_EQ(head.has_value(), changed == line) << changed;
        }
        if (!head)
            continue;
        ++taken;
        const bool id_with_escape = changed.find('\\') < changed.find("\"seq\"");
        EXPECT_TRUE(id_with_escape ||
                    changed.find("\"" + head->capture_session_id + "\"") != std::string::npos)
            << changed;
        if (head->seq) {
            EXPECT_NE(changed.find("\"seq\":" + std::to_string(*head->seq)), std::string::npos) << changed;
        }
    }
    EXPECT_GT(taken, 100);
    EXPECT_LT(taken, 20'000);
}

} // namespace
