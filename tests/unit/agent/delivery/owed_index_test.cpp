// What streams are owed, against the plain definition: a look at each part and each span of all sessions.
#include "agent/delivery/owed_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>

namespace agent::test {
namespace {

const place here{"basin-aaaa", "http://a.test", "http://a.test"};
const place there{"basin-bbbb", "http://b.test", "http://b.test"};

session_record session_of(std::uint32_t number, std::vector<session_span> spans,
                          std::vector<session_part> parts) {
    session_record session;
    session.number = number;
    session.spans = std::move(spans);
    session.parts = std::move(parts);
    return session;
}

struct owed_index_test : testing::Test {
    owed_index index;

    using ranges = std::vector<seq_range>;
};

TEST_F(owed_index_test, a_stream_is_owed_what_lies_above_its_durable_seq_in_its_sessions_spans) {
    index.stream_added(3, here, "one", 12);
    index.session_changed(session_of(1, {{5, 9}, {11, 14}, {20, 0}}, {{here, "one", 5}}));
    EXPECT_EQ(index.ranges(3, 25), (ranges{{13, 14}, {20, 25}}));
    EXPECT_EQ(index.ranges(3, 19), (ranges{{13, 14}})) << "nothing is published in the open span";
    EXPECT_EQ(index.ranges_of_session(1, 19), (ranges{{13, 14}}));
    EXPECT_EQ(index.first_owed(3, 25), 13u);
    EXPECT_FALSE(index.owes(3, 12));
    EXPECT_TRUE(index.owes_within(3, {14, 19}));
    EXPECT_FALSE(index.owes_within(3, {15, 19}));
    EXPECT_FALSE(index.owes_within(3, {1, 12}));
    index.durable_moved(3, 14);
    EXPECT_FALSE(index.owes(3, 19));
    EXPECT_EQ(index.may_owe(), std::vector<std::size_t>{3}) << "its session goes on";
}

TEST_F(owed_index_test, each_part_is_owed_to_its_own_stream) {
    index.stream_added(0, here, "one", 0);
    index.stream_added(1, there, "one", 9);
    index.session_changed(
        session_of(1, {{1, 30}}, {{here, "one", 1}, {there, "one", 10}, {here, "one", 20}}));
    EXPECT_EQ(index.ranges(0, 40), (ranges{{1, 9}, {20, 30}}));
    EXPECT_EQ(index.ranges(1, 40), (ranges{{10, 19}}));
    EXPECT_EQ(index.ranges_of_session(1, 40), (ranges{{1, 30}}));
    EXPECT_EQ(index.first_owed(40), 1u);
    EXPECT_EQ(index.find(there, "one"), 1u);
    EXPECT_EQ(index.find(there, "two"), std::nullopt);
}

TEST_F(owed_index_test, what_nobody_delivers_is_owed_from_when_somebody_does) {
    index.session_changed(session_of(1, {{1, 4}}, {{here, "one", 1}}));
    EXPECT_EQ(index.first_owed(9), std::nullopt);
    index.stream_added(0, here, "one", 2);
    EXPECT_EQ(index.first_owed(9), 3u);
    index.stream_gone(0);
    EXPECT_FALSE(index.owes_within({1, 9}));
    EXPECT_TRUE(index.may_owe().empty());
    index.stream_added(0, here, "one", 0);
    EXPECT_EQ(index.first_owed(9), 1u) << "again";
    index.session_gone(1);
    EXPECT_FALSE(index.owes(0, 9));
}

TEST_F(owed_index_test, what_nobody_delivers_is_kept_though_another_session_goes) {
    index.session_changed(session_of(1, {{1, 4}}, {{here, "one", 1}}));
    index.session_changed(session_of(2, {{5, 9}}, {{here, "two", 5}}));
    index.session_gone(2);
    index.stream_added(0, here, "one", 0);
    EXPECT_EQ(index.ranges(0, 9), (ranges{{1, 4}}));
}

TEST_F(owed_index_test, a_stream_is_found_while_somebody_delivers_it) {
    index.session_changed(session_of(1, {{1, 4}}, {{here, "one", 1}}));
    EXPECT_EQ(index.find(here, "one"), std::nullopt);
    index.stream_added(6, here, "one", 0);
    EXPECT_EQ(index.find(here, "one"), 6u);
    index.stream_gone(6);
    EXPECT_EQ(index.find(here, "one"), std::nullopt);
}

TEST_F(owed_index_test, a_stream_that_has_all_of_its_sessions_may_owe_nothing) {
    index.stream_added(0, here, "one", 0);
    index.session_changed(session_of(1, {{1, 4}}, {{here, "one", 1}}));
    index.durable_moved(0, 3);
    EXPECT_EQ(index.may_owe(), std::vector<std::size_t>{0});
    index.durable_moved(0, 4);
    EXPECT_TRUE(index.may_owe().empty());

    index.session_changed(session_of(2, {{2, 9}}, {{here, "one", 2}}));
    index.session_changed(session_of(3, {{3, 5}}, {{here, "one", 3}}));
    index.durable_moved(0, 5);
    EXPECT_EQ(index.may_owe(), std::vector<std::size_t>{0});
    index.session_gone(2);
    EXPECT_TRUE(index.may_owe().empty());
}

TEST_F(owed_index_test, two_sessions_may_share_the_seq_that_none_of_them_published) {
    index.stream_added(0, here, "all", 0);
    index.session_changed(session_of(1, {{3, 9}}, {{here, "all", 3}}));
    index.session_changed(session_of(2, {{3, 3}}, {{here, "all", 3}}));
    index.session_changed(session_of(3, {{4, 4}}, {{here, "all", 4}}));
    EXPECT_TRUE(index.owes_within(0, {7, 8})) << "behind two that end before";
    EXPECT_EQ(index.ranges(0, 9), (ranges{{3, 9}}));
    EXPECT_EQ(index.ranges_of_session(2, 9), (ranges{{3, 3}}));
}

TEST_F(owed_index_test, streams_are_told_in_the_order_in_which_they_came) {
    for (const std::size_t id : {7u, 2u, 5u})
        index.stream_added(id, here, std::to_string(id), 0);
    for (const std::uint32_t number : {5u, 2u, 7u})
        index.session_changed(
            session_of(number, {{number, number}}, {{here, std::to_string(number), number}}));
    EXPECT_EQ(index.may_owe(), (std::vector<std::size_t>{7, 2, 5}));
}

// --- against the plain definition

struct plain_stream {
    place at;
    std::string name;
    seq_t durable = 0;
};

struct plain_world {
    std::map<std::size_t, plain_stream> streams;
    std::map<std::uint32_t, session_record> sessions;
    seq_t last = 0;

    std::vector<seq_range> owed(const plain_stream& of, std::optional<std::uint32_t> only = {}) const {
        std::vector<seq_range> all;
        for (const auto& [number, session] : sessions)
            for (std::size_t i = 0; i < session.parts.size() && (!only || *only == number); ++i) {
                const auto& part = session.parts[i];
                if (part.stream != of.name || !(part.at == of.at))
                    continue;
                const seq_t part_end =
                    i + 1 < session.parts.size() ? session.parts[i + 1].from_seq - 1 : last;
                for (const auto& span : session.spans) {
                    const seq_t span_end = span.to_seq == 0 ? last : span.to_seq;
                    const seq_t from = std::max({span.from_seq, part.from_seq, of.durable + 1});
                    const seq_t to = std::min({span_end, part_end, last});
                    if (from <= to)
                        all.push_back({from, to});
                }
            }
        return all;
    }

    static std::set<seq_t> seqs_of(const std::vector<seq_range>& ranges) {
        std::set<seq_t> all;
        for (const auto& each : ranges)
            for (seq_t seq = each.from; seq <= each.to; ++seq)
                all.insert(seq);
        return all;
    }
};

class random_life {
public:
    explicit random_life(std::uint32_t seed)
        : draw_(seed) {}

    void step() {
        switch (below(8)) {
        case 0:
            return start();
        case 1:
            return end();
        case 2:
            return move();
        case 3:
            return reopen();
        case 4:
            return leave();
        case 5:
            return add_stream();
        case 6:
            return remove_stream();
        default:
            plain_.last += below(6);
            return deliver();
        }
    }

    void expect_same() {
        std::set<seq_t> all;
        for (const auto& [id, stream] : plain_.streams) {
            const auto owed = plain_world::seqs_of(plain_.owed(stream));
            all.insert(owed.begin(), owed.end());
            const auto told = index_.ranges(id, plain_.last);
            EXPECT_EQ(plain_world::seqs_of(told), owed);
            for (std::size_t i = 1; i < told.size(); ++i)
                EXPECT_GT(told[i].from, told[i - 1].to + 1);
            EXPECT_EQ(index_.first_owed(id, plain_.last),
                      owed.empty() ? std::nullopt : std::optional(*owed.begin()));
            expect_within(owed, [&](seq_range within) { return index_.owes_within(id, within); });
            const auto& may = index_.may_owe();
            EXPECT_TRUE(owed.empty() || std::find(may.begin(), may.end(), id) != may.end());
        }
        EXPECT_EQ(index_.first_owed(plain_.last), all.empty() ? std::nullopt : std::optional(*all.begin()));
        expect_within(all, [&](seq_range within) { return index_.owes_within(within); });
        for (const auto& [number, session] : plain_.sessions) {
            std::set<seq_t> owed;
            for (const auto& [id, stream] : plain_.streams)
                owed.merge(plain_world::seqs_of(plain_.owed(stream, number)));
            EXPECT_EQ(plain_world::seqs_of(index_.ranges_of_session(number, plain_.last)), owed);
        }
    }

private:
    std::uint32_t below(std::uint32_t bound) {
        return std::uniform_int_distribution<std::uint32_t>(0, bound - 1)(draw_);
    }

    template <class Ask>
    void expect_within(const std::set<seq_t>& owed, const Ask& ask) {
        const seq_t from = 1 + below(static_cast<std::uint32_t>(plain_.last) + 1);
        const seq_t to = std::min<seq_t>(plain_.last, from + below(8));
        if (from > to)
            return;
        const auto first = owed.lower_bound(from);
        EXPECT_EQ(ask({from, to}), first != owed.end() && *first <= to) << from << "-" << to;
    }

    session_part part_from(seq_t from) {
        return {below(2) == 0 ? here : there, "stream " + std::to_string(below(4)), from};
    }

    template <class Map>
    auto any_of(Map& from) {
        return std::next(from.begin(), below(static_cast<std::uint32_t>(from.size())));
    }

    session_record* active() {
        for (auto& [number, session] : plain_.sessions)
            if (session.active)
                return &session;
        return nullptr;
    }

    void start() {
        if (active())
            return end();
        auto fresh = session_of(++last_number_, {{plain_.last + 1, 0}}, {part_from(plain_.last + 1)});
        fresh.active = true;
        index_.session_changed(fresh);
        plain_.sessions.emplace(fresh.number, std::move(fresh));
    }

    // One that published nothing ends on the next one's first seq.
    void end() {
        auto* session = active();
        if (!session)
            return;
        session->active = false;
        session->spans.back().to_seq = std::max(session->spans.back().from_seq, plain_.last);
        index_.session_changed(*session);
    }

    void move() {
        if (plain_.sessions.empty())
            return;
        auto& session = any_of(plain_.sessions)->second;
        const seq_t behind = session.parts.back().from_seq;
        if (below(3) == 0)
            session.parts.back() = part_from(behind); // replaced
        else
            session.parts.push_back(part_from(behind + below(5)));
        index_.session_changed(session);
    }

    void reopen() {
        if (plain_.sessions.empty() || active())
            return;
        auto& session = any_of(plain_.sessions)->second;
        session.active = true;
        session.open_span(plain_.last + 1, below(2) == 0);
        if (session.spans.size() > 3)
            session.spans.erase(session.spans.begin());
        index_.session_changed(session);
    }

    void leave() {
        if (plain_.sessions.size() < 3)
            return;
        const auto gone = any_of(plain_.sessions);
        index_.session_gone(gone->first);
        plain_.sessions.erase(gone);
    }

    void add_stream() {
        const auto part = part_from(0);
        for (const auto& [id, stream] : plain_.streams)
            if (stream.at == part.at && stream.name == part.stream)
                return;
        std::size_t id = 0;
        while (plain_.streams.contains(id))
            ++id;
        const plain_stream fresh{part.at, part.stream, below(static_cast<std::uint32_t>(plain_.last) + 1)};
        index_.stream_added(id, fresh.at, fresh.name, fresh.durable);
        plain_.streams.emplace(id, fresh);
    }

    void remove_stream() {
        if (plain_.streams.size() < 3)
            return;
        const auto gone = any_of(plain_.streams);
        index_.stream_gone(gone->first);
        plain_.streams.erase(gone);
    }

    void deliver() {
        if (plain_.streams.empty())
            return;
        const auto moved = any_of(plain_.streams);
        moved->second.durable = std::min(plain_.last, moved->second.durable + below(10));
        index_.durable_moved(moved->first, moved->second.durable);
    }

    std::mt19937 draw_;
    owed_index index_;
    plain_world plain_;
    std::uint32_t last_number_ = 0;
};

TEST(owed_index, says_at_any_time_what_a_look_at_everything_says) {
    for (std::uint32_t seed = 1; seed <= 60; ++seed) {
        random_life life(seed);
        for (int step = 0; step < 150 && !testing::Test::HasFailure(); ++step) {
            life.step();
            life.expect_same();
        }
        ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
    }
}

} // namespace
} // namespace agent::test
