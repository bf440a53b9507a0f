// The counts of an earlier agent are completed from the ring; where a shortage keeps part of it from being read, later.
#include "agent/delivery/s2_sink.hpp"
#include "tests/unit/agent/agent_world.hpp"
#include "tests/unit/s2/scripted_server.hpp"

namespace agent::test {
namespace {

const place there{"basin-name", "http://a.test", "http://b.test"};
constexpr int events = 6;

// The agent before published into two segments, stored its counts in the middle of the first, and was killed.
struct recount_test : testing::Test {
    agent_world env;
    scratch_dir dir;
    std::uint32_t number = 0;

    recount_test() {
        capture_setup before(env, dir.path);
        before.where.at = there;
        number = before.start().number;
        const std::string big = R"({"type":"t","data":")" + std::string(400'000, 'x') + R"("})";
        for (int count = 1; count < events; ++count)
            before.publish(big);
        before.publish(R"({"type":"t","data":")" + std::string(150'000, 'x') + R"("})");
        EXPECT_EQ(before.journal->last_seq(), events + 1u);
    }

    void in_a_shortage() {
        env.disk.open_mapped_fails = make_error_code(boost::system::errc::too_many_files_open_in_system);
    }
};

TEST_F(recount_test, published_events_that_can_not_be_read_yet_are_counted_when_they_can) {
    capture_setup agent(env, dir.path);
    in_a_shortage();
    EXPECT_FALSE(agent.sessions->recount());
    EXPECT_LT(agent.sessions->active()->published, std::uint64_t{events}) << "what was stored";
    agent.sessions->resume();
    agent.table->on_synced(agent.table->generation(), {});
    EXPECT_NE(agent.publish(R"({"type":"t"})"), 0u);
    EXPECT_FALSE(agent.sessions->recount());
    env.disk.open_mapped_fails = {};
    EXPECT_TRUE(agent.sessions->recount());
    EXPECT_EQ(agent.sessions->active()->published, events + 1u);
    EXPECT_NE(agent.publish(R"({"type":"t"})"), 0u);
    EXPECT_TRUE(agent.sessions->recount());
    EXPECT_EQ(agent.sessions->active()->published, events + 2u);
}

TEST_F(recount_test, an_agent_that_is_killed_before_it_could_count_leaves_that_to_the_next) {
    {
        capture_setup agent(env, dir.path);
        in_a_shortage();
        agent.sessions->resume();
        agent.table->on_synced(agent.table->generation(), {});
        EXPECT_NE(agent.publish(R"({"type":"t"})"), 0u);
        agent.sessions->set_categories(all_categories()); // stores the record
    }
    env.disk.open_mapped_fails = {};
    capture_setup agent(env, dir.path);
    EXPECT_TRUE(agent.sessions->recount());
    EXPECT_EQ(agent.sessions->active()->published, events + 1u);
}

TEST_F(recount_test, what_can_not_be_read_does_not_count_as_durable) {
    capture_setup agent(env, dir.path);
    auto deliveries = std::move(*delivery_table::open(env, {}));
    delivery_state state;
    state.at = there;
    state.stream = agent.sessions->active()->parts.front().stream;
    state.durable_seq = 3; // session_started and two events
    deliveries->add(std::move(state));
    s2::test::scripted_server server(env.world);
    server.run([&](s2::client& client) -> net::task<> {
        s2_sink sink(env, *agent.journal, *agent.table, *deliveries, client,
                     s2_sink_options{there, "{capture_session_id}", {}}, [](const std::string&) {});
        EXPECT_TRUE(agent.sessions->recount());
        in_a_shortage();
        EXPECT_FALSE(sink.recount_durable());
        EXPECT_EQ(agent.sessions->active()->durable, 0u) << "what was stored";
        env.disk.open_mapped_fails = {};
        EXPECT_TRUE(sink.recount_durable());
        EXPECT_EQ(agent.sessions->active()->durable, 2u);
        co_return;
    });
}

} // namespace
} // namespace agent::test
