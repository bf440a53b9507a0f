#include "agent/archive/envelope_filter.hpp"
#include "agent/archive/replay_target.hpp"
#include "net/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

constexpr const char* id = "0e5fbd2c-6c7b-4a52-9d0b-0c2f6f8f0001";

TEST(replay_target, takes_three_forms) {
    EXPECT_EQ(std::get<replay_target>(parse_replay_target("latest")).of, replay_target::kind::latest);
    const auto session = std::get<replay_target>(parse_replay_target("0E5FBD2C-6c7b-4a52-9d0b-0c2f6f8f0001"));
    EXPECT_EQ(session.of, replay_target::kind::session);
    EXPECT_EQ(session.session_id, id);
    const auto stream = std::get<replay_target>(parse_replay_target("s2://some-basin/vm/7/log"));
    EXPECT_EQ(stream.of, replay_target::kind::stream);
    EXPECT_EQ(stream.basin, "some-basin");
    EXPECT_EQ(stream.stream, "vm/7/log");
}

TEST(replay_target, says_what_is_wrong) {
    using testing::HasSubstr;
    const auto why = [](std::string_view text) { return std::get<std::string>(parse_replay_target(text)); };
    EXPECT_THAT(why("newest"), HasSubstr("latest, or s2://BASIN/STREAM"));
    EXPECT_THAT(why(""), HasSubstr("is no target"));
    EXPECT_THAT(why("s2://some-basin"), HasSubstr("names no stream"));
    EXPECT_THAT(why("s2://some-basin/"), HasSubstr("names no stream"));
    EXPECT_THAT(why("s2:///x"), HasSubstr("names no stream"));
    EXPECT_THAT(why("s2://x/y"), HasSubstr("is not a basin's name"));
    EXPECT_THAT(why("s2://some-basin/" + std::string(513, 'x')), HasSubstr("is not a stream's name"));
}

TEST(replay_parts, end_where_the_next_one_begins) {
    session_record session;
    session.id = id;
    session.parts = {{{}, "a", 1}, {{}, "a~00000001", 40}, {{}, "b", 90}};
    const auto parts = replay_parts(session);
    ASSERT_EQ(parts.size(), 3u);
    EXPECT_TRUE(parts[0].holds(id, 1));
    EXPECT_TRUE(parts[0].holds(id, 39));
    EXPECT_FALSE(parts[0].holds(id, 40)); // another writer's, under the same id
    EXPECT_TRUE(parts[1].holds(id, 40));
    EXPECT_FALSE(parts[1].holds(id, 39));
    EXPECT_FALSE(parts[1].holds(id, 90));
    EXPECT_TRUE(parts[2].holds(id, 1'000'000));
    EXPECT_TRUE(parts[1].holds(id, std::nullopt));
    EXPECT_FALSE(parts[1].holds("another", 50));
    EXPECT_TRUE((replay_part{{}, "b", "", 0, 0}).holds("another", 50));
}

// To another place and back: two parts in one stream, each with a session_continued.
TEST(replay_parts, a_session_continued_is_of_one_part) {
    session_record session;
    session.id = id;
    session.parts = {
        {{}, "a", 1}, {{"basin", "x", "y"}, "a", 4}, {{}, "a", 6}, {{"basin", "x", "y"}, "a", 9}};
    const auto parts = replay_parts(session);
    std::vector<std::vector<std::size_t>> shown;
    for (const seq_t from : {4u, 6u, 9u}) {
        auto& in = shown.emplace_back();
        for (std::size_t part = 0; part < parts.size(); ++part)
            if (parts[part].stream == "a" && parts[part].at.embedded() == (from == 6) &&
                parts[part].holds(id, std::nullopt, from))
                in.push_back(part);
    }
    EXPECT_EQ(shown, (std::vector<std::vector<std::size_t>>{{1}, {2}, {3}}));
    // In a stream shared with an earlier session it may tell of a seq before the part.
    EXPECT_TRUE(parts[1].holds(id, std::nullopt, 3));
    EXPECT_FALSE(parts[1].holds("another", std::nullopt, 4));
    EXPECT_TRUE((replay_part{{}, "a", "", 0, 0}).holds(id, std::nullopt, 6));
}

TEST(glob, matches_whole_texts) {
    EXPECT_TRUE(glob_matches("console.*", "console.log"));
    EXPECT_TRUE(glob_matches("*", ""));
    EXPECT_TRUE(glob_matches("*log", "console.log"));
    EXPECT_TRUE(glob_matches("c?nsole*l?g", "console.log"));
    EXPECT_TRUE(glob_matches("*a*b*", "xxaxxbxx"));
    EXPECT_FALSE(glob_matches("console", "console.log"));
    EXPECT_FALSE(glob_matches("?", ""));
    EXPECT_FALSE(glob_matches("", "x"));
    EXPECT_FALSE(glob_matches("*a*b", "xxaxxbxx"));
    EXPECT_FALSE(glob_matches(std::string(100, '*') + "b", std::string(10'000, 'a'))); // and ends soon
}

TEST(moments, in_four_forms) {
    constexpr net::wall_micros now = 1'767'323'045'678'901;
    EXPECT_EQ(parse_moment("1767323045678901", now), now);
    EXPECT_EQ(parse_moment("2026-01-02T03:04:05.678901Z", now), now);
    EXPECT_EQ(parse_moment("2026-01-02T05:04:05.678901+02:00", now), now);
    EXPECT_EQ(parse_moment("2026-01-01 22:34:05.678901-04:30", now), now);
    EXPECT_EQ(parse_moment("2026-01-02T03:04:05Z", now), now - 678'901);
    EXPECT_EQ(parse_moment("2026-01-02", now), 1'767'312'000'000'000);
    EXPECT_EQ(parse_moment("5m", now), now - 300'000'000);
    EXPECT_EQ(parse_moment("now", now), now);
    for (const char* text :
         {"", "yesterday", "2026-13-01", "2026-02-30", "2026-01-02T03:04", "2026-01-02T03:04:05",
          "2026-01-02T24:00:00Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05Zx", "-5"})
        EXPECT_FALSE(parse_moment(text, now)) << text;
    EXPECT_EQ(net::rfc3339(now), "2026-01-02T03:04:05.678901Z");
}

TEST(envelope_filter, all_conditions_must_hold) {
    envelope_head head;
    head.ts = 100;
    head.type = "console.log";
    head.category = "console";
    envelope_filter filter;
    EXPECT_TRUE(filter.passes(head));
    filter.since = 100;
    filter.until = 101;
    EXPECT_TRUE(filter.passes(head));
    filter.until = 100;
    EXPECT_FALSE(filter.passes(head));
    filter.until.reset();
    filter.since = 101;
    EXPECT_FALSE(filter.passes(head));
    filter.since = 1;
    filter.type_glob = "network.*";
    EXPECT_FALSE(filter.passes(head));
    filter.type_glob = "console.*";
    filter.categories = {"network"};
    EXPECT_FALSE(filter.passes(head));
    filter.categories = {"network", "console"};
    EXPECT_TRUE(filter.passes(head));
    head.ts.reset();
    EXPECT_FALSE(filter.passes(head));
}

} // namespace
} // namespace agent
