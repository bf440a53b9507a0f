#include "agent/delivery/s2_sink.hpp"
#include "agent/event/event.hpp"
#include "tests/unit/agent/agent_world.hpp"
#include "tests/unit/s2/scripted_server.hpp"

namespace agent::test {
namespace {

const place there{"basin-name", "http://a.test", "http://b.test"};

// The sink over a ring with one session of five producers' events, all in stream "one".
struct s2_sink_test : testing::Test {
    agent_world env;
    capture_setup neighbours{env};
    s2::test::scripted_server server{env.world};
    std::unique_ptr<delivery_table> deliveries = std::move(*delivery_table::open(env, {}));
    std::uint32_t number = 0;

    s2_sink_test() {
        neighbours.where.at = there;
        neighbours.where.prefix = "one/";
        number = neighbours.start().number;
        for (int count = 0; count < 5; ++count)
            neighbours.publish(R"({"type":"t"})");
    }

    const session_record& session() const { return *neighbours.table->find(number); }

    void with_sink(const std::function<void(s2_sink&)>& body) {
        server.run([&](s2::client& client) -> net::task<> {
            s2_sink sink(env, *neighbours.journal, *neighbours.table, *deliveries, client,
                         s2_sink_options{there, "{capture_session_id}", {}}, [](const std::string&) {});
            body(sink);
            co_return;
        });
    }

    void durable_up_to(seq_t seq) {
        delivery_state state;
        state.at = there;
        state.stream = session().parts.front().stream;
        state.durable_seq = seq;
        deliveries->add(std::move(state));
    }
};

TEST_F(s2_sink_test, a_session_that_came_back_to_a_stream_is_counted_there_once) {
    durable_up_to(3); // session_started and two events
    neighbours.table->update(number, [&](session_record& record) {
        record.parts.push_back({place{"elsewhere", "", ""}, "other", 5});
        record.parts.push_back({there, record.parts.front().stream, 5});
    });
    with_sink([&](s2_sink& sink) {
        const auto account = sink.account(session());
        EXPECT_EQ(account.durable, 2u);
        EXPECT_EQ(account.undelivered_bytes, sink.status().undelivered_bytes);
    });
}

TEST_F(s2_sink_test, a_session_is_durable_up_to_what_none_of_its_streams_lacks) {
    durable_up_to(3);
    neighbours.table->update(number,
                             [&](session_record& record) { record.parts.push_back({there, "another", 5}); });
    delivery_state fresh; // as it is made: nothing was sent there
    fresh.at = there;
    fresh.stream = "another";
    fresh.from_seq = 5;
    fresh.durable_seq = 4;
    deliveries->add(std::move(fresh));
    with_sink([&](s2_sink& sink) {
        EXPECT_EQ(sink.account(session()).durable_seq, 3u);
        EXPECT_EQ(sink.status().durable_seq, 3u);
    });
}

} // namespace
} // namespace agent::test
