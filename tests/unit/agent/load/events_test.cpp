#include "agent/load/events.hpp"
#include "tests/unit/agent/agent_world.hpp"

#include <set>

namespace agent::test {
namespace {

using namespace std::chrono_literals;

constexpr net::wall_micros start = 1'750'000'000'000'000;

TEST(load_schedule, events_are_evenly_spaced_and_bursts_come_once_a_millisecond) {
    EXPECT_EQ(load_schedule{0}.due(1'000'000), 0ns);
    EXPECT_EQ(load_schedule{1}.due(3), 3s);
    EXPECT_EQ(load_schedule{1000}.due(1), 1ms);
    EXPECT_EQ(load_schedule{3}.due(1), 333'333'333ns);
    EXPECT_EQ(load_schedule{3}.due(3'000'000'000), 1'000'000'000s);
    EXPECT_EQ(load_schedule{10'000}.due(9), 0ms);
    EXPECT_EQ(load_schedule{10'000}.due(10), 1ms);
    EXPECT_EQ(load_schedule{2500}.due(2), 0ms);
    EXPECT_EQ(load_schedule{2500}.due(3), 1ms);
}

TEST(load_events, each_has_the_bytes_asked_for_and_is_made_again_the_same) {
    for (const std::size_t bytes : {load_event_bytes_min, std::size_t{371}, load_event_bytes_max}) {
        load_events some(bytes, start, {1000});
        for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{9}, std::uint64_t{123'456'789'012}}) {
            const std::string once(some.event(n));
            EXPECT_EQ(once.size(), bytes);
            EXPECT_EQ(load_events(bytes, start, {1000}).event(n), once);
        }
    }
}

TEST(load_events, no_two_are_alike_but_for_their_number) {
    load_events some(371, start, {});
    std::set<std::string> texts;
    for (std::uint64_t n = 0; n < 10'000; ++n) {
        const std::string event(some.event(n));
        texts.insert(event.substr(event.find("\"text\"")));
    }
    EXPECT_EQ(texts.size(), 10'000u);
}

TEST(load_events, the_envelope_is_what_the_capture_session_makes_of_the_event) {
    for (const std::size_t bytes : {load_event_bytes_min, std::size_t{371}, load_event_bytes_max}) {
        agent_world env;
        capture_setup agent(env);
        const auto& session = agent.start({id_one, {}});
        load_events some(bytes, start, {10'000});
        for (std::uint64_t n = 0; n < 5; ++n) {
            const seq_t seq = agent.publish(some.event(n));
            ASSERT_EQ(seq, n + 2);
            EXPECT_EQ(agent.envelopes(seq).front(), some.envelope(n, session.id, seq));
        }
    }
}

} // namespace
} // namespace agent::test
