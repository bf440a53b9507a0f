#include "agent/delivery/schedule_policy.hpp"

#include <gtest/gtest.h>

namespace agent::test {
namespace {

using indexes = std::vector<std::size_t>;
using enum stream_condition;

indexes started(std::vector<waiting_stream> waiting, std::size_t written, bool whole_sink_parked = false) {
    return streams_to_start(waiting, written, whole_sink_parked);
}

TEST(schedule_policy, the_oldest_backlog_goes_first_and_no_more_than_four_streams_at_once) {
    EXPECT_EQ(started({}, 0), indexes{});
    EXPECT_EQ(started({{50}, {10}, {30}, {10}}, 0), (indexes{1, 3, 2, 0}));
    EXPECT_EQ(started({{50}, {10}, {30}, {40}, {20}}, 0), (indexes{1, 4, 2, 3}));
    EXPECT_EQ(started({{50}, {10}, {30}}, 3), (indexes{1}));
    EXPECT_EQ(started({{50}, {10}}, 4), indexes{});
    EXPECT_EQ(started({{50}, {10}}, 7), indexes{}) << "refused ones that were let in are written beside";
}

TEST(schedule_policy, the_active_sessions_stream_is_written_always_and_takes_a_place) {
    EXPECT_EQ(started({{10}, {90, true}}, 4), (indexes{1}));
    EXPECT_EQ(started({{10}, {90, true}, {20}}, 2), (indexes{1, 0}));
    EXPECT_EQ(started({{10}, {90, true}}, 0, true), (indexes{1})) << "nothing else, where all is refused";
}

delivered_stream refused_at(int second, bool active = false) {
    return {stream_parked, active, false, net::time_point(std::chrono::seconds(second))};
}

delivered_stream tried_again(int second) {
    auto stream = refused_at(second);
    stream.trying_again = true;
    return stream;
}

TEST(schedule_policy, who_waits_has_the_oldest_refusals_tried_again_and_few_at_once) {
    const auto retried = [](std::vector<delivered_stream> all) { return streams_to_retry(all); };
    EXPECT_EQ(retried({{delivering}, {failing}, {idle}}), indexes{});
    EXPECT_EQ(retried({refused_at(9), refused_at(2), refused_at(5)}), (indexes{1, 2, 0}));
    EXPECT_EQ(retried({refused_at(9), refused_at(2), refused_at(5), refused_at(3), refused_at(4)}),
              (indexes{1, 3, 4, 2}));
    EXPECT_EQ(retried({tried_again(1), tried_again(1), tried_again(1), refused_at(5), refused_at(3)}),
              (indexes{4}));
    EXPECT_EQ(retried({tried_again(1), tried_again(1), tried_again(1), tried_again(1), refused_at(1, true),
                       refused_at(0)}),
              (indexes{4}))
        << "the active session's in any case";
}

TEST(schedule_policy, where_the_active_sessions_is_tried_beside_four_there_is_no_place) {
    auto active = tried_again(1);
    active.active = true;
    const std::vector<delivered_stream> all{tried_again(1), tried_again(1), tried_again(1),
                                            tried_again(1), active,         refused_at(0)};
    EXPECT_EQ(streams_to_retry(all), indexes{});
}

TEST(schedule_policy, a_refusal_of_the_whole_sink_is_one_of_the_stream_too) {
    const std::vector<delivered_stream> all(5, {sink_parked});
    EXPECT_EQ(streams_to_retry(all), (indexes{0, 1, 2, 3}));
    EXPECT_TRUE(may_retry(all, false)) << "none of them is written";
}

TEST(schedule_policy, a_refused_stream_is_tried_by_itself_where_few_are_and_no_more_are_written) {
    const auto may = [](std::vector<delivered_stream> all, bool active = false) {
        return may_retry(all, active);
    };
    EXPECT_TRUE(may({}));
    EXPECT_TRUE(may({tried_again(1), tried_again(1), tried_again(1), {delivering}, {delivering}}));
    EXPECT_FALSE(may({tried_again(1), tried_again(1), tried_again(1), tried_again(1)}));
    EXPECT_TRUE(may({tried_again(1), tried_again(1), tried_again(1), tried_again(1)}, true));
    EXPECT_TRUE(may({{delivering}, {failing}, {idle}, {idle}, {delivering, true}}));
    EXPECT_FALSE(may({{delivering}, {failing}, {idle}, {idle}, {idle}}));
    EXPECT_TRUE(may({refused_at(1), refused_at(1), refused_at(1), refused_at(1), refused_at(1)}));
}

} // namespace
} // namespace agent::test
