#include "agent/delivery/standing.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace agent {
namespace {

using enum stream_condition;

bool judge(std::vector<written_stream> all) {
    return agent::sink_parked::of_all(all).has_value();
}

const agent::stream_parked refused_stream{"no permission"};

std::optional<agent::sink_parked> refused_sink() {
    const std::vector<written_stream> all{{stream_parked, true, "no permission"},
                                          {sink_parked, true, "no token"}};
    return agent::sink_parked::of_all(all);
}

TEST(delivery_standing, why_the_sink_is_parked_is_said_by_a_refusal_of_all_streams) {
    ASSERT_TRUE(refused_sink());
    EXPECT_EQ(refused_sink()->reason(), "no token");
}

TEST(delivery_standing, a_sink_is_parked_where_a_refusal_of_all_streams_is_contradicted_by_none) {
    EXPECT_FALSE(judge({}));
    EXPECT_TRUE(judge({{sink_parked, true}}));
    EXPECT_TRUE(judge({{sink_parked, true}, {sink_parked, true}}));
    EXPECT_TRUE(judge({{sink_parked, true}, {stream_parked, true}}));
    for (const auto better : {idle, delivering, failing}) {
        EXPECT_FALSE(judge({{better, true}}));
        EXPECT_FALSE(judge({{sink_parked, true}, {better, true}}));
        EXPECT_TRUE(judge({{sink_parked, true}, {better, false}})) << "nobody needs that one";
    }
}

TEST(delivery_standing, refused_streams_never_park_the_sink) {
    EXPECT_FALSE(judge({{stream_parked, true}}));
    EXPECT_FALSE(judge({{stream_parked, true}, {stream_parked, true}, {delivering, false}}));
}

// Every combination of what can be left, and the one answer to it.
TEST(delivery_standing, who_waits_is_told_by_what_is_left) {
    using enum flush_outcome;
    for (const bool passed : {false, true})
        for (int bits = 0; bits < 16; ++bits) {
            left_undelivered left{.moves = (bits & 2) != 0, .held = (bits & 8) != 0};
            if ((bits & 1) != 0)
                left.sink = refused_sink();
            if ((bits & 4) != 0)
                left.stream = agent::stream_parked{"no permission"};
            std::optional<flush_outcome> expected = durable;
            if (left.held)
                expected = held;
            if (left.stream)
                expected = streams_parked;
            if (left.moves)
                expected = passed ? std::optional(timed_out) : std::nullopt;
            if (left.sink && (left.moves || left.stream))
                expected = parked;
            EXPECT_EQ(outcome_of(left, passed), expected) << bits << " " << passed;
        }
}

TEST(delivery_standing, refused_and_held_streams_are_waited_for_by_nobody_and_what_moves_is) {
    EXPECT_EQ(outcome_of({.stream = refused_stream}, false), flush_outcome::streams_parked);
    EXPECT_EQ(outcome_of({.stream = refused_stream, .held = true}, false), flush_outcome::streams_parked);
    EXPECT_EQ(outcome_of({.held = true}, false), flush_outcome::held);
    EXPECT_EQ(outcome_of({.stream = refused_stream, .moves = true}, false), std::nullopt);
    EXPECT_EQ(outcome_of({.moves = true, .held = true}, false), std::nullopt);
    EXPECT_EQ(outcome_of({.sink = refused_sink(), .held = true}, false), flush_outcome::held)
        << "nothing that is owed here is refused";
}

} // namespace
} // namespace agent
