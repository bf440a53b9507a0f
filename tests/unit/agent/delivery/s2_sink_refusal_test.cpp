// The sink before a store that refuses single streams (403), or everybody (401).
#include "net/http2/server.hpp"
#include "net/task/pipe.hpp"
#include "s2/local/server.hpp"
#include "s2/local/sqlite_storage.hpp"
#include "tests/unit/agent/agent_world.hpp"

#include <gmock/gmock.h>

#include <set>

namespace agent::test {
namespace {

using namespace std::chrono_literals;
using net::task;
using net::task_group;

constexpr const char* basin = "basin-name";

std::string id_of(int number) {
    char text[37];
    std::snprintf(text, sizeof text, "%08x-1111-4111-8111-111111111111", static_cast<unsigned>(number));
    return text;
}

struct refusal_setup {
    agent_world env;
    ring_recovery recovery;
    std::unique_ptr<session_table> table = std::move(*session_table::open(env, {}));
    std::unique_ptr<delivery_table> deliveries = std::move(*delivery_table::open(env, {}));
    std::unique_ptr<ring> journal = std::move(*ring::open(env, {{}, 16 << 20, 4 << 20}, 0, recovery));
    s2::credentials nobody;
    net::stop_source stop{env};
    s2_sink* sink = nullptr;
    capture* sessions = nullptr;
    std::set<std::string> refused; // streams
    std::string refusal = R"({"code":"permission_denied","message":"not this one"})";
    bool everybody_refused = false;
    int refusals = 0;
    std::vector<std::string> announced;

    // The handler's: how one request is answered.
    task<> answer(net::server_exchange& exchange, net::http_handler& inner) {
        const auto path = exchange.request().path();
        constexpr std::string_view prefix = "/v1/streams/";
        const auto name = path.starts_with(prefix) ? path.substr(prefix.size(), 36) : std::string_view();
        net::response_head head;
        if (everybody_refused)
            head.status = 401;
        else if (refused.contains(std::string(name)))
            head.status = 403;
        else {
            co_await inner(exchange);
            co_return;
        }
        ++refusals;
        const std::string body = everybody_refused ? R"({"code":"authn","message":"who are you"})" : refusal;
        co_await net::respond_with(exchange, std::move(head), body);
    }

    // The body runs beside the sink, with sessions to publish into.
    void run(std::function<void()> before, std::function<task<>()> body) {
        env.world.run([&]() -> task<> {
            auto storage = s2::local::sqlite_storage::open(":memory:");
            s2::local::embedded_server server(env, std::move(*storage), stop);
            net::http_handler inner = server.face().handler();
            const net::http_handler handler = [this, &inner](net::server_exchange& exchange) {
                return answer(exchange, inner);
            };
            auto all = [&](task_group& group) -> task<> {
                group.spawn([&server] { return server.run(); });
                co_await env.world.settle();
                co_await with_sink(group, handler, before, body);
                stop.abort();
            };
            co_await net::with_task_group(env, all);
        });
    }

    task<> with_sink(task_group& group, const net::http_handler& handler, const std::function<void()>& before,
                     const std::function<task<>()>& body) {
        s2::connector_options how;
        how.dial = [&](net::time_point) -> task<net::result<std::unique_ptr<net::stream>>> {
            auto ends = net::make_pipe(env, 64 * 1024);
            auto theirs = std::make_shared<std::unique_ptr<net::stream>>(std::move(ends.first));
            group.spawn([this, theirs, &handler] {
                return net::serve_http2(env, std::move(*theirs), {}, {}, handler, stop);
            });
            co_return std::move(ends.second);
        };
        s2::connector connections(group, *s2::endpoints::parse("http://a.test", "http://b.test"),
                                  std::move(how));
        s2::client calls(connections, nobody, basin);
        s2::basin_config config;
        config.create_stream_on_append = true;
        const auto made = co_await calls.create_basin(basin, config, env.now() + 20s);
        EXPECT_TRUE(made) << made.error().text();
        const place at{basin, "http://a.test", "http://b.test"};
        s2_sink one(env, *journal, *table, *deliveries, calls, {at, "{capture_session_id}", {}},
                    [this](std::string line) { announced.push_back(std::move(line)); });
        capture into(env, *journal, *table, one);
        sink = &one;
        sessions = &into;
        before();
        auto beside = [&](task_group& inside) -> task<> {
            inside.spawn([&one] { return one.run(); });
            co_await body();
            inside.abort();
        };
        co_await net::with_task_group(env, beside);
        co_await connections.close();
    }

    // An ended session with `events`, or the active one.
    void record(int number, int events, bool stays_active = false) {
        start_request request;
        request.id = id_of(number);
        EXPECT_TRUE(std::holds_alternative<const session_record*>(sessions->start(request)));
        publish(events);
        if (!stays_active)
            sessions->stop(end_reason::stopped);
    }

    void publish(int events) {
        for (int count = 0; count < events; ++count)
            sessions->publish(R"({"type":"t"})", event_origin::intake);
    }

    std::uint64_t durable(int number) const { return sink->account(*table->find(id_of(number))).durable; }

    task<flush_outcome> flush(net::duration timeout = 1h) {
        return sink->flush(journal->last_seq(), net::saturating_add(env.now(), timeout));
    }
};

TEST(s2_sink_refusal, a_refused_old_stream_holds_up_no_flush_of_the_others_and_is_named) {
    refusal_setup setup;
    const auto before = [&] {
        setup.record(1, 3);
        setup.record(2, 20, true);
    };
    setup.refused = {id_of(1)};
    setup.run(before, [&]() -> task<> {
        const auto began = setup.env.now();
        const auto outcome = co_await setup.flush();
        EXPECT_EQ(outcome, flush_outcome::streams_parked);
        EXPECT_EQ(setup.durable(2), 20u);
        EXPECT_LT(setup.env.now() - began, 1s);
        for (int round = 0; round < 3; ++round) { // it is known to be refused now
            setup.publish(5);
            const auto again = co_await setup.flush();
            EXPECT_EQ(again, flush_outcome::streams_parked);
            EXPECT_EQ(setup.durable(2), 25u + 5u * static_cast<unsigned>(round));
        }
        const auto status = setup.sink->status();
        EXPECT_EQ(status.condition, delivery_condition::delivering);
        EXPECT_FALSE(setup.sink->parked());
        EXPECT_TRUE(setup.sink->refused());
        EXPECT_EQ(status.undelivered_events, 3u);
        EXPECT_EQ(status.streams.size(), 1u);
        if (status.streams.empty())
            co_return;
        EXPECT_EQ(status.streams[0].stream, id_of(1));
        EXPECT_EQ(status.streams[0].state, stream_state::parked);
        EXPECT_EQ(status.streams[0].size.events, 3u);
        EXPECT_THAT(status.streams[0].reason, testing::HasSubstr("not this one"));
        EXPECT_EQ(setup.announced.size(), 1u);
        EXPECT_THAT(setup.announced.at(0), testing::HasSubstr("stream " + id_of(1)));
    });
}

TEST(s2_sink_refusal, where_the_active_sessions_stream_is_refused_the_old_ones_are_delivered) {
    refusal_setup setup;
    const auto before = [&] {
        setup.record(1, 3);
        setup.record(2, 4, true);
    };
    setup.refused = {id_of(2)};
    setup.run(before, [&]() -> task<> {
        const auto outcome = co_await setup.flush();
        EXPECT_EQ(outcome, flush_outcome::streams_parked);
        EXPECT_EQ(setup.durable(1), 3u);
        EXPECT_FALSE(setup.sink->parked());
        const auto alone = setup.sink->status();
        EXPECT_EQ(alone.condition, delivery_condition::streams_parked) << "nothing else is left";
        EXPECT_THAT(alone.reason, testing::HasSubstr(id_of(2)));
        setup.refused.clear();
        const auto healed = co_await setup.flush();
        EXPECT_EQ(healed, flush_outcome::durable) << "a flush tries it again, and waits for the answer";
        EXPECT_EQ(setup.durable(2), 4u);
    });
}

TEST(s2_sink_refusal, a_refused_stream_is_tried_again_by_itself) {
    refusal_setup setup;
    const auto before = [&] {
        setup.record(1, 3);
        setup.record(2, 1, true);
    };
    setup.refused = {id_of(1)};
    setup.run(before, [&]() -> task<> {
        (void)co_await setup.flush();
        setup.refused.clear();
        while (setup.durable(1) < 3)
            co_await setup.sink->changed().wait();
        EXPECT_FALSE(setup.sink->refused());
    });
}

TEST(s2_sink_refusal, a_token_that_is_refused_parks_the_sink_and_answers_at_once) {
    refusal_setup setup;
    const auto before = [&] {
        setup.record(1, 3);
        setup.record(2, 4, true);
    };
    setup.run(before, [&]() -> task<> {
        setup.everybody_refused = true;
        const auto began = setup.env.now();
        const auto outcome = co_await setup.flush();
        EXPECT_EQ(outcome, flush_outcome::parked);
        EXPECT_LT(setup.env.now() - began, 1s);
        EXPECT_TRUE(setup.sink->parked());
        EXPECT_FALSE(setup.sink->ends_by_itself(setup.env.now()));
        EXPECT_EQ(setup.announced.size(), 1u);
        EXPECT_THAT(setup.announced.at(0), testing::Not(testing::HasSubstr("stream ")));
        const auto status = setup.sink->status();
        EXPECT_EQ(status.condition, delivery_condition::parked);
        for (const auto& stream : status.streams)
            EXPECT_EQ(stream.state, stream_state::parked) << stream.reason;
        setup.everybody_refused = false;
        while (setup.durable(1) < 3 || setup.durable(2) < 4)
            co_await setup.sink->changed().wait();
        EXPECT_FALSE(setup.sink->parked());
    });
}

// Somebody in front of S2 who says 403 in his own words refuses everything, as far as that can be known; a stream
// that still works knows better.
TEST(s2_sink_refusal, a_refusal_of_everything_is_not_believed_beside_a_stream_that_works) {
    refusal_setup setup;
    const auto before = [&] {
        setup.record(1, 3);
        setup.record(2, 4, true);
    };
    setup.refused = {id_of(1)};
    setup.refusal = "go away";
    setup.run(before, [&]() -> task<> {
        const auto outcome = co_await setup.flush();
        EXPECT_EQ(outcome, flush_outcome::streams_parked);
        EXPECT_EQ(setup.durable(2), 4u);
        EXPECT_FALSE(setup.sink->parked()) << "an input would be ended";
    });
}

TEST(s2_sink_refusal, many_refused_streams_starve_nobody_and_cost_a_flush_little) {
    constexpr int many = 200;
    refusal_setup setup;
    const auto before = [&] {
        for (int number = 1; number <= many; ++number) {
            setup.record(number, 1);
            setup.refused.insert(id_of(number));
        }
        for (int number = many + 1; number <= many + 20; ++number)
            setup.record(number, 2);
        setup.record(many + 21, 3, true);
    };
    setup.run(before, [&]() -> task<> {
        const auto outcome = co_await setup.flush();
        EXPECT_EQ(outcome, flush_outcome::streams_parked);
        for (int number = many + 1; number <= many + 20; ++number)
            EXPECT_EQ(setup.durable(number), 2u) << number;
        EXPECT_EQ(setup.durable(many + 21), 3u);
        const auto status = setup.sink->status();
        EXPECT_EQ(status.streams.size(), streams_listed_max);
        EXPECT_EQ(status.streams_not_listed, many - streams_listed_max);
        EXPECT_EQ(status.undelivered_events, static_cast<std::uint64_t>(many));
        const int refused_before = setup.refusals;
        (void)co_await setup.flush();
        EXPECT_LE(setup.refusals - refused_before, static_cast<int>(streams_written_max));
        setup.refused.clear();
        for (int number = 1; number <= many; ++number)
            while (setup.durable(number) < 1)
                co_await setup.sink->changed().wait();
    });
}

TEST(s2_sink_refusal, a_drain_goes_on_until_only_refused_streams_are_left) {
    refusal_setup setup;
    const auto before = [&] {
        setup.record(1, 3);
        setup.record(2, 4, true);
    };
    setup.refused = {id_of(1)};
    setup.run(before, [&]() -> task<> {
        (void)co_await setup.flush();
        setup.publish(10);
        setup.sessions->stop(end_reason::shutdown);
        setup.sink->drain();
        EXPECT_TRUE(setup.sink->ends_by_itself(setup.env.now()));
        const auto until = setup.env.now() + parked_retry_grace;
        while (setup.sink->ends_by_itself(until))
            co_await setup.sink->changed().wait_until(until);
        EXPECT_EQ(setup.durable(2), 14u);
        EXPECT_TRUE(setup.sink->refused());
        EXPECT_EQ(setup.sink->status().undelivered_events, 3u);
    });
}

} // namespace
} // namespace agent::test
