#include "agent/event/system_events.hpp"
#include "agent/load/verdict.hpp"
#include "tests/unit/agent/agent_world.hpp"

#include <gmock/gmock.h>

namespace agent::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The stream of a load of ten events, as an agent writes it, and what the verdict says of a changed one.
class verdict_of : public testing::Test {
protected:
    static constexpr std::uint64_t published = 10;

    void SetUp() override {
        agent_world env;
        capture_setup agent(env);
        agent.start({id_one, {}});
        for (std::uint64_t n = 0; n < published; ++n)
            ASSERT_EQ(agent.publish(events.event(n)), first_seq + n);
        agent.sessions->stop(end_reason::end_of_input);
        stream = agent.envelopes();
        ASSERT_EQ(stream.size(), published + 2);
    }

    load_verdict judge() const {
        load_verdict verdict(events, id_one, first_seq, published);
        for (std::size_t i = 0; i < stream.size(); ++i)
            verdict.take(stream[i], i);
        return verdict;
    }

    // Where event n stands.
    std::ptrdiff_t at(std::uint64_t n) const { return static_cast<std::ptrdiff_t>(n) + 1; }

    std::string said() const {
        const auto verdict = judge();
        EXPECT_FALSE(verdict.good());
        return verdict.text();
    }

    static constexpr seq_t first_seq = 2;
    load_events events{371, 1'750'000'000'000'000, {}};
    std::vector<std::string> stream;
};

TEST_F(verdict_of, what_was_published_is_good) {
    const auto verdict = judge();
    EXPECT_TRUE(verdict.good());
    EXPECT_EQ(verdict.text(), "10 of 10 events read back, in order, each once");
    EXPECT_TRUE(verdict.problems().empty());
}

TEST_F(verdict_of, lost_events_at_every_place) {
    const auto whole = stream;
    for (std::uint64_t n = 0; n < published; ++n) {
        stream = whole;
        stream.erase(stream.begin() + at(n));
        EXPECT_EQ(said(), "9 of 10 events read back: 1 lost");
    }
    stream.clear();
    EXPECT_EQ(said(), "0 of 10 events read back: 10 lost, 1 session_started lost, 1 session_ended lost");
}

TEST_F(verdict_of, repeated_events) {
    stream.insert(stream.begin() + at(7), stream[4]);
    EXPECT_EQ(said(), "10 of 10 events read back: 1 repeated");
    EXPECT_THAT(judge().problems(), ElementsAre("record 8: seq 5 stands there a second time"));
    stream.push_back(stream[4]);
    EXPECT_EQ(said(), "10 of 10 events read back: 2 repeated");
}

TEST_F(verdict_of, swapped_events) {
    std::swap(stream[4], stream[5]);
    EXPECT_EQ(said(), "10 of 10 events read back: 1 out of order");
    EXPECT_THAT(judge().problems(), ElementsAre("record 4: seq 6 where seq 5 should stand",
                                                "record 5: seq 5 comes behind seq 6"));
}

TEST_F(verdict_of, an_altered_event_at_every_byte) {
    const std::string good = stream[5];
    for (std::size_t i = 0; i < good.size(); ++i) {
        stream[5] = good;
        stream[5][i] = good[i] == '0' ? '1' : '0';
        EXPECT_FALSE(judge().good()) << i;
    }
    stream[5] = good;
    stream[5].replace(good.find("\"text\":\"") + 8, 1, "Z");
    EXPECT_EQ(said(), "9 of 10 events read back: 1 altered");
    stream[5] = good + " ";
    EXPECT_EQ(said(), "9 of 10 events read back: 1 altered");
}

TEST_F(verdict_of, records_of_another_writer) {
    std::string elsewhere = stream[5];
    elsewhere.replace(elsewhere.find(id_one), 36, id_two);
    stream.insert(stream.begin() + 3, elsewhere);
    stream.insert(stream.begin(), "anything");
    EXPECT_EQ(said(), "10 of 10 events read back: 2 of another writer");
    EXPECT_THAT(judge().problems(),
                ElementsAre("record 0: not an envelope", "record 4: an envelope of another session"));
}

TEST_F(verdict_of, a_seq_of_the_session_that_the_load_did_not_give_out) {
    std::string more(events.envelope(published + 1, id_one, first_seq + published + 1));
    stream.push_back(more);
    EXPECT_EQ(said(), "10 of 10 events read back: 1 of another writer");
    stream.back() = stream.front(); // session_started again
    EXPECT_EQ(said(), "10 of 10 events read back: 1 of another writer");
}

TEST_F(verdict_of, events_that_the_agent_dropped_are_lost) {
    stream[4] = own_envelope(id_one, 5, 0, "events_dropped", "{}");
    EXPECT_EQ(said(), "9 of 10 events read back: 1 lost");
    EXPECT_THAT(judge().problems(), ElementsAre("record 4: events_dropped", HasSubstr("seq 6")));
}

TEST_F(verdict_of, a_part_counts_below_the_next_ones_first_seq) {
    load_verdict verdict(events, id_one, first_seq, published);
    const seq_t below = first_seq + 4;
    for (std::size_t i = 0; i < 8; ++i) // the old stream holds more than counts
        verdict.take(stream[i], i, below);
    for (std::size_t i = 5; i < stream.size(); ++i)
        verdict.take(stream[i], i);
    EXPECT_TRUE(verdict.good()) << verdict.text();
}

TEST(verdict, of_no_event_wants_the_sessions_ends) {
    load_verdict verdict(load_events(371, 1, {}), id_one, 2, 0);
    EXPECT_FALSE(verdict.good());
    verdict.take(own_envelope(id_one, 1, 0, "session_started", "{}"), 0);
    verdict.take(own_envelope(id_one, 2, 0, "session_ended", "{}"), 1);
    EXPECT_EQ(verdict.text(), "0 of 0 events read back, in order, each once");
}

} // namespace
} // namespace agent::test
