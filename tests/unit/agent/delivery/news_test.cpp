#include "agent/delivery/news.hpp"

#include <gtest/gtest.h>

namespace agent {
namespace {

using enum delivery_condition;

std::string told(delivery_news& news, delivery_picture now) {
    const auto item = news.next(now);
    if (!item)
        return "nothing";
    EXPECT_EQ(*item, (news_item{item->state, item->reason})) << "nothing else is said";
    return std::string(name_of(item->state)) + (item->reason.empty() ? "" : ": " + item->reason);
}

TEST(delivery_news, each_change_of_the_sink_is_told_once) {
    delivery_news news;
    EXPECT_EQ(told(news, {idle, "", {}}), "nothing");
    EXPECT_EQ(told(news, {delivering, "", {}}), "nothing") << "a start that goes well";
    EXPECT_EQ(told(news, {failing, "refused", {}}), "failing: refused");
    EXPECT_EQ(told(news, {failing, "reset", {}}), "nothing");
    EXPECT_EQ(told(news, {parked, "bad token", {}}), "parked: bad token");
    EXPECT_EQ(told(news, {parked, "bad token", {}}), "nothing");
    EXPECT_EQ(told(news, {delivering, "", {}}), "delivering");
    EXPECT_EQ(told(news, {delivering, "", {}}), "nothing");
    EXPECT_EQ(told(news, {idle, "", {}}), "nothing");
}

TEST(delivery_news, a_refused_stream_is_told_by_name_once_and_its_release_too) {
    delivery_news news;
    EXPECT_EQ(told(news, {delivering, "", {{"a", "403"}}}), "parked: stream a: 403");
    EXPECT_EQ(told(news, {delivering, "", {{"a", "403"}}}), "nothing");
    EXPECT_EQ(told(news, {delivering, "", {{"a", "403"}, {"b", "no"}, {"c", "no"}}}),
              "parked: stream b: no (and 1 more)");
    EXPECT_EQ(told(news, {delivering, "", {{"c", "no"}}}), "nothing");
    EXPECT_EQ(told(news, {delivering, "", {}}), "delivering");
    EXPECT_EQ(told(news, {delivering, "", {}}), "nothing");
    EXPECT_EQ(told(news, {delivering, "", {{"a", "403"}}}), "parked: stream a: 403");
}

TEST(delivery_news, a_refused_stream_hides_no_change_of_the_others) {
    delivery_news news;
    EXPECT_EQ(told(news, {failing, "reset", {{"a", "403"}}}), "parked: stream a: 403");
    EXPECT_EQ(told(news, {failing, "reset", {{"a", "403"}}}), "failing: reset");
    EXPECT_EQ(told(news, {delivering, "", {{"a", "403"}}}), "delivering");
    EXPECT_EQ(told(news, {parked, "bad token", {}}), "parked: bad token");
    EXPECT_EQ(told(news, {delivering, "", {{"a", "403"}}}), "delivering");
    EXPECT_EQ(told(news, {delivering, "", {{"a", "403"}}}), "nothing");
}

} // namespace
} // namespace agent
