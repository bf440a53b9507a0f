// The recording of a real browser (scripts/record-capture) through splitter, parser and envelope.

#include "agent/event/event.hpp"
#include "agent/event/line_splitter.hpp"

#include <boost/json.hpp>

#include <gtest/gtest.h>

#include <bitset>
#include <fstream>
#include <string>

namespace {

constexpr std::string_view session = "01234567-89ab-cdef-0123-456789abcdef";

TEST(recorded_events, are_all_accepted_and_stand_in_their_envelopes_as_they_came) {
    std::ifstream file(RINGTAIL_TEST_DATA "/capture.ndjson", std::ios::binary);
    ASSERT_TRUE(file);
    agent::line_splitter splitter;
    agent::event_parser parser;
    std::size_t events = 0;
    std::size_t with_lone_surrogates = 0;
    agent::category_set categories;
    for (;;) {
        const auto room = splitter.prepare(10'000);
        file.read(room.data(), static_cast<std::streamsize>(room.size()));
        splitter.commit(static_cast<std::size_t>(file.gcount()));
        if (file.gcount() == 0)
            splitter.end_of_input();
        for (auto item = splitter.next(); !std::holds_alternative<agent::need_input>(item);
             item = splitter.next()) {
            ASSERT_TRUE(std::holds_alternative<agent::input_line>(item));
            const auto& line = std::get<agent::input_line>(item);
            auto outcome = parser.parse(line.text, agent::event_origin::intake);
            if (const auto* refused = std::get_if<agent::event_error>(&outcome))
                FAIL() << "line " << line.number << ": " << refused->code << ": " << refused->message;
            auto& event = std::get<agent::event>(outcome);
            categories.set(static_cast<std::size_t>(event.in));
            ++events;

            const auto bytes = agent::fit_envelope(event, session, events);
            ASSERT_TRUE(std::holds_alternative<std::size_t>(bytes));
            std::string envelope(std::get<std::size_t>(bytes), '\0');
            ASSERT_EQ(agent::write_envelope(event, session, events, envelope.data()), envelope.size());
            // The recorder writes members in the envelope's order, so the event's text comes out unchanged.
            ASSERT_EQ(envelope, R"({"capture_session_id":")" + std::string(session) + R"(","seq":)" +
                                    std::to_string(events) + R"(,"event":)" + std::string(line.text) + "}");
            const auto head = agent::parse_envelope_head(envelope);
            ASSERT_TRUE(head);
            EXPECT_EQ(head->seq, events);
            EXPECT_EQ(head->ts, event.ts);
            boost::json::error_code ec;
            boost::json::parse(envelope, ec);
            with_lone_surrogates += ec ? 1 : 0; // the only thing that Boost.JSON may have against them
            if (ec) {
                EXPECT_NE(envelope.find("\\ud"), envelope.npos) << envelope;
            }
        }
        if (file.gcount() == 0)
            break;
    }
    EXPECT_GE(events, 2000u);
    EXPECT_GE(with_lone_surrogates, 10u);
    for (const auto wanted : {agent::category::console, agent::category::network, agent::category::page,
                              agent::category::interaction})
        EXPECT_TRUE(contains(categories, wanted));
}

} // namespace
