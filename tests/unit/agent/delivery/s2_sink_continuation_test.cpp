#include "agent/delivery/embedded_store.hpp"
#include "tests/unit/agent/agent_world.hpp"

#include <gmock/gmock.h>

namespace agent::test {
namespace {

using namespace std::chrono_literals;
using net::task;
using net::task_group;
using testing::ElementsAre;
using testing::HasSubstr;

// One agent's session before a sink and the embedded store, all in memory.
struct sink_setup {
    agent_world env;
    ring_recovery recovery;
    std::unique_ptr<session_table> table = std::move(*session_table::open(env, {}));
    std::unique_ptr<delivery_table> deliveries = std::move(*delivery_table::open(env, {}));
    std::unique_ptr<ring> journal = std::move(*ring::open(env, {{}, 16 << 20, 4 << 20}, 0, recovery));
    s2::credentials nobody;
    s2::client* client = nullptr;
    s2_sink* sink = nullptr;
    capture* sessions = nullptr;

    void run(std::function<task<>(task_group&)> body) {
        env.world.run([this, body]() -> task<> {
            auto opened = embedded_store::open(env, {});
            auto& store = std::get<std::unique_ptr<embedded_store>>(opened);
            auto all = [this, body, &store](task_group& group) -> task<> {
                group.spawn([&store] { return store->run(); });
                co_await env.world.settle();
                const auto failed = co_await store->prepare();
                EXPECT_FALSE(failed);
                s2::connector_options how;
                how.dial = store->dialer();
                auto where = s2::endpoints::parse("http://embedded", "http://embedded");
                s2::connector connections(group, std::move(*where), std::move(how));
                s2::client calls(connections, nobody, std::string(embedded_basin));
                const place at{std::string(embedded_basin), "", ""};
                s2_sink one(env, *journal, *table, *deliveries, calls, {at, "stream", {}}, [](auto&&) {});
                capture into(env, *journal, *table, one);
                client = &calls;
                sink = &one;
                sessions = &into;
                const auto started = into.start({});
                EXPECT_TRUE(std::holds_alternative<const session_record*>(started));
                co_await net::with_task_group(env, body);
                co_await connections.close();
                store->close();
            };
            co_await net::with_task_group(env, all);
        });
    }

    std::string line(seq_t seq) const {
        ring_cursor cursor(*journal, seq);
        const auto item = cursor.next();
        return std::string(std::get<ring_entry>(item).line);
    }

    net::time_point soon() const { return env.now() + 20s; }

    task<> append(std::string stream, std::string body) {
        s2::append_input input;
        input.records.push_back({std::nullopt, {}, std::move(body)});
        const auto ack = co_await client->append(std::move(stream), std::move(input), soon());
        EXPECT_TRUE(ack) << ack.error().text();
    }

    task<std::vector<std::string>> bodies(std::string stream) {
        std::vector<std::string> all;
        const auto page =
            co_await client->read(std::move(stream), {s2::read_start::kind::seq_num}, {}, soon());
        EXPECT_TRUE(page) << page.error().text();
        if (page)
            for (const auto& record : page->records)
                all.push_back(record.body);
        co_return all;
    }
};

TEST(s2_sink, a_continuation_that_owed_nothing_when_it_began_is_written) {
    sink_setup setup;
    setup.run([&](task_group& group) -> task<> {
        // All that this agent sent has landed unacknowledged, and another writer's record stands behind it.
        co_await setup.append("stream", setup.line(1));
        co_await setup.append("stream", "another's");
        auto& lost = setup.deliveries->all().front()->state;
        lost.memory.claimed = true;
        lost.sent_seq = 1;
        group.spawn([&] { return setup.sink->run(); });
        while (!lost.lost)
            co_await setup.sink->changed().wait();
        co_await setup.env.world.settle();
        EXPECT_EQ(lost.durable_seq, setup.journal->last_seq());
        EXPECT_EQ(setup.sink->durable_seq(), setup.journal->last_seq());

        setup.sessions->publish(R"({"type":"page_load"})", event_origin::intake);
        const auto outcome = co_await setup.sink->flush(2, setup.soon());
        EXPECT_EQ(outcome, flush_outcome::durable);
        const auto written = co_await setup.bodies(lost.continued_as);
        EXPECT_THAT(written, ElementsAre(testing::_, HasSubstr("session_continued"), setup.line(2)));
    });
}

} // namespace
} // namespace agent::test
