#include "agent/event/system_events.hpp"
#include "agent/sinks/live_sink.hpp"
#include "tests/unit/agent/api/http_calls.hpp"

#include <boost/json.hpp>

namespace agent::test {
namespace {

using net::task;

struct live_setup {
    agent_world env;
    capture_setup agent{env};
    net::stop_source stop{env};
    live_sink live{env, *agent.journal, *agent.table};
    live_request wanted;
    net::http_handler handler = [this](net::server_exchange& exchange) {
        return live.serve(exchange, wanted);
    };

    // Opens a stream as `wanted` says and hands it to the body.
    void stream(std::function<task<void>(net::client_exchange&)> body, std::size_t pipe_bytes = 64 * 1024) {
        env.world.run([&]() -> task<void> {
            co_await with_connection(
                env, handler, stop,
                [&](net::http_client& client) -> task<void> {
                    auto head = request("GET", "/events/stream");
                    auto opened = co_await client.open(std::move(head), true);
                    auto exchange = std::move(*opened);
                    auto response = co_await exchange->response();
                    EXPECT_TRUE(response);
                    EXPECT_EQ(net::find_field(response->fields, "content-type"), "text/event-stream");
                    co_await body(*exchange);
                },
                pipe_bytes);
        });
        EXPECT_EQ(live.clients(), 0u);
    }

    // What has come when nothing more comes for now.
    task<std::string> read_until(net::client_exchange& from, std::string ending) {
        std::string all;
        std::string piece(64 * 1024, '\0');
        while (!all.ends_with(ending)) {
            const auto got = co_await from.read_some(net::asio::buffer(piece));
            if (!got)
                co_return all + "<end>";
            all.append(piece.data(), *got);
        }
        co_return all;
    }

    std::string event(seq_t seq) {
        return "id: " + std::to_string(seq) + "\ndata: " + agent.envelopes(seq).at(0) + "\n\n";
    }
};

TEST(live_sink, begins_with_the_next_event) {
    live_setup setup;
    setup.agent.start();
    std::string got;
    setup.stream([&](net::client_exchange& exchange) -> task<void> {
        setup.agent.publish(R"({"type":"a"})");
        setup.agent.publish(R"({"type":"b"})");
        const auto last = setup.event(3);
        got = co_await setup.read_until(exchange, last);
    });
    EXPECT_EQ(got, setup.event(2) + setup.event(3));
}

TEST(live_sink, replays_all_that_is_there_or_what_came_behind_the_last_id) {
    live_setup setup;
    setup.agent.start();
    setup.agent.publish(R"({"type":"a"})");
    setup.agent.publish(R"({"type":"b"})");
    std::string got;
    const auto read = [&](net::client_exchange& exchange) -> task<void> {
        const auto last = setup.event(3);
        got = co_await setup.read_until(exchange, last);
    };
    setup.wanted.replay_all = true;
    setup.stream(read);
    EXPECT_EQ(got, setup.event(1) + setup.event(2) + setup.event(3));
    setup.wanted.after = 2; // wins
    setup.stream(read);
    EXPECT_EQ(got, setup.event(3));
    setup.wanted.replay_all = false;
    setup.wanted.after = 1000; // of another life
    setup.stream(read);
    EXPECT_EQ(got, setup.event(1) + setup.event(2) + setup.event(3));
}

TEST(live_sink, gives_only_the_categories_that_were_asked_for) {
    live_setup setup;
    setup.agent.start();
    setup.wanted.replay_all = true;
    setup.wanted.categories = category_set{}.set(static_cast<std::size_t>(category::network));
    setup.agent.publish(R"({"type":"console_log"})");
    setup.agent.publish(R"({"type":"network_request"})");
    std::string got;
    setup.stream([&](net::client_exchange& exchange) -> task<void> {
        const auto last = setup.event(3);
        got = co_await setup.read_until(exchange, last);
    });
    EXPECT_EQ(got, setup.event(3));
}

TEST(live_sink, a_client_that_lags_is_told_what_it_missed) {
    live_setup setup;
    setup.agent.start({id_one, std::nullopt});
    setup.agent.overrun();
    const seq_t first = setup.agent.journal->first_seq();
    setup.wanted.after = 1;
    std::string got;
    setup.stream([&](net::client_exchange& exchange) -> task<void> {
        got = co_await setup.read_until(exchange, "\n\n");
    });
    const std::string told = "id: " + std::to_string(first - 1) + "\ndata: ";
    ASSERT_TRUE(got.starts_with(told)) << got.substr(0, 200);
    const auto envelope =
        boost::json::parse(got.substr(told.size(), got.find('\n', told.size()) - told.size()));
    EXPECT_EQ(envelope.at("capture_session_id"), id_one);
    EXPECT_EQ(envelope.at("event").at("type"), "events_dropped");
    EXPECT_EQ(envelope.at("event").at("data").at("from_seq"), 2);
    EXPECT_EQ(envelope.at("event").at("data").at("to_seq"), first - 1);
    EXPECT_EQ(envelope.at("event").at("data").at("reason"), "capacity");
}

TEST(live_sink, a_gap_over_sessions_and_parts_is_told_in_pieces) {
    live_setup setup;
    const auto& one = setup.agent.start({id_one, std::nullopt});
    setup.agent.publish(R"({"type":"a"})");
    setup.agent.table->update(one.number, [](session_record& record) {
        record.parts.push_back({{"elsewhere", "", ""}, "other", 2});
    });
    setup.agent.sessions->stop(end_reason::stopped); // seq 3
    setup.agent.start({id_two, std::nullopt});       // 4
    setup.agent.overrun();
    const seq_t first = setup.agent.journal->first_seq();
    ASSERT_GT(first, 5u);
    setup.wanted.after = 0;
    std::string got;
    setup.stream([&](net::client_exchange& exchange) -> task<void> {
        for (int event = 0; event < 3; ++event)
            got += co_await setup.read_until(exchange, "\n\n");
    });
    std::vector<std::string> told;
    for (std::size_t at = got.find("data: "); told.size() < 3; at = got.find("data: ", at + 1)) {
        ASSERT_NE(at, std::string::npos);
        const auto envelope = boost::json::parse(got.substr(at + 6, got.find('\n', at) - at - 6));
        const auto& data = envelope.at("event").at("data");
        told.push_back(std::string(envelope.at("capture_session_id").as_string()) + " " +
                       std::to_string(data.at("from_seq").as_int64()) + "-" +
                       std::to_string(data.at("to_seq").as_int64()));
    }
    EXPECT_EQ(told, (std::vector<std::string>{std::string(id_one) + " 1-1", std::string(id_one) + " 2-3",
                                              std::string(id_two) + " 4-" + std::to_string(first - 1)}));
}

TEST(live_sink, a_client_that_does_not_read_delays_nobody) {
    live_setup setup;
    setup.agent.start();
    std::string got;
    setup.stream(
        [&](net::client_exchange& exchange) -> task<void> {
            setup.agent.publish(R"({"type":"a"})");
            co_await setup.env.world.settle();
            setup.agent.overrun(); // far more than the pipe and the sink hold
            co_await setup.env.world.settle();
            const seq_t first = setup.agent.journal->first_seq();
            got = co_await setup.read_until(exchange, setup.event(setup.agent.journal->last_seq()));
            EXPECT_NE(got.find(R"("type":"events_dropped")"), std::string::npos);
            EXPECT_NE(got.find(R"("to_seq":)" + std::to_string(first - 1)), std::string::npos);
        },
        4096);
    EXPECT_TRUE(got.starts_with(R"(id: 2)"));
}

TEST(live_sink, comments_while_it_is_quiet_and_has_no_timer_without_clients) {
    live_setup setup;
    setup.agent.start();
    const auto begin = setup.env.now();
    auto quiet = net::duration::zero();
    std::string got;
    setup.stream([&](net::client_exchange& exchange) -> task<void> {
        got = co_await setup.read_until(exchange, "\n\n");
        const auto second = co_await setup.read_until(exchange, "\n\n");
        got += second;
        quiet = setup.env.now() - begin;
    });
    EXPECT_EQ(got, ": quiet\n\n: quiet\n\n");
    EXPECT_EQ(quiet, 2 * live_comment_every);
    EXPECT_EQ(setup.env.world.alarms_pending(), 0u);
}

TEST(live_sink, announcements_have_no_id_and_are_bounded) {
    live_setup setup;
    setup.agent.start();
    std::string got;
    setup.stream([&](net::client_exchange& exchange) -> task<void> {
        for (std::size_t n = 0; n < live_announcements_max + 2; ++n)
            setup.live.announce("{\"n\":" + std::to_string(n) + "}");
        got = co_await setup.read_until(exchange, "{\"n\":17}\n\n");
    });
    EXPECT_TRUE(got.starts_with("data: {\"n\":2}\n\ndata: {\"n\":3}\n\n")) << got;
    EXPECT_EQ(got.find("id:"), std::string::npos);
}

TEST(live_sink, at_the_end_clients_get_session_ended_and_then_the_end) {
    live_setup setup;
    setup.agent.start();
    std::string got;
    std::string end;
    setup.stream([&](net::client_exchange& exchange) -> task<void> {
        setup.agent.sessions->stop(end_reason::shutdown);
        setup.live.end();
        got = co_await setup.read_until(exchange, "never");
    });
    EXPECT_EQ(got, setup.event(2) + "<end>");
    EXPECT_NE(got.find("session_ended"), std::string::npos);
}

TEST(live_sink, a_client_that_leaves_is_forgotten) {
    live_setup setup;
    setup.agent.start();
    setup.stream([&](net::client_exchange& exchange) -> task<void> {
        EXPECT_EQ(setup.live.clients(), 1u);
        exchange.reset();
        co_await setup.env.world.settle();
    });
    EXPECT_EQ(setup.agent.publish(R"({"type":"a"})"), 2u);
}

} // namespace
} // namespace agent::test
