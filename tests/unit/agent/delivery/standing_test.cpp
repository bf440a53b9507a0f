#include "agent/delivery/standing.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace agent {
namespace {

using enum stream_condition;

bool judge(std::vector<written_stream> all) {
    return sink_is_parked(all);
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
            const left_undelivered left{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
            std::optional<flush_outcome> expected = durable;
            if (left.held)
                expected = held;
            if (left.parked)
                expected = streams_parked;
            if (left.moves)
                expected = passed ? std::optional(timed_out) : std::nullopt;
            if (left.sink_parked && (left.moves || left.parked))
                expected = parked;
            EXPECT_EQ(outcome_of(left, passed), expected) << bits << " " << passed;
        }
}

TEST(delivery_standing, refused_and_held_streams_are_waited_for_by_nobody_and_what_moves_is) {
    EXPECT_EQ(outcome_of({.parked = true}, false), flush_outcome::streams_parked);
    EXPECT_EQ(outcome_of({.parked = true, .held = true}, false), flush_outcome::streams_parked);
    EXPECT_EQ(outcome_of({.held = true}, false), flush_outcome::held);
    EXPECT_EQ(outcome_of({.moves = true, .parked = true}, false), std::nullopt);
    EXPECT_EQ(outcome_of({.moves = true, .held = true}, false), std::nullopt);
    EXPECT_EQ(outcome_of({.sink_parked = true, .held = true}, false), flush_outcome::held)
        << "nothing that is owed here is refused";
}

} // namespace
} // namespace agent
