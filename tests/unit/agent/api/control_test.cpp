#include "agent/api/control.hpp"
#include "tests/unit/agent/api/control_setup.hpp"

namespace agent::test {
namespace {

using net::task;
using testing_names = std::vector<std::string>;

TEST(control_api, a_capture_session_lives_through_its_calls) {
    api_setup api;
    EXPECT_EQ(api.ask("GET", "/events/capture_session").status, 404u);
    const auto created =
        api.ask("POST", "/events/capture_session",
                std::string(R"({"id":")") + id_one + R"(","categories":["console","network"]})");
    EXPECT_EQ(created.status, 201u);
    EXPECT_EQ(members_of(created), (testing_names{"id", "categories", "seq", "created_at", "storage"}));
    const auto body = json_of(created);
    EXPECT_EQ(body.at("id"), id_one);
    EXPECT_EQ(body.at("categories"), boost::json::parse(R"(["console","network"])"));
    EXPECT_EQ(body.at("seq"), 1);
    EXPECT_EQ(body.at("created_at"), "1970-01-01T01:00:00.000000Z");
    EXPECT_EQ(body.at("storage").at("basin"), "basin-one");
    EXPECT_EQ(body.at("storage").at("stream"), boost::json::string(std::string("streams/") + id_one));
    EXPECT_EQ(error_code_of(api.ask("POST", "/events/capture_session")), "session_active");
    EXPECT_EQ(api.ask("POST", "/events/start").status, 409u);

    const auto changed = api.ask("PATCH", "/events/capture_session", R"({"categories":["page"]})");
    EXPECT_EQ(changed.status, 200u);
    EXPECT_EQ(json_of(changed).at("categories"), boost::json::parse(R"(["page"])"));
    EXPECT_EQ(api.agent.publish(R"({"type":"console_log"})"), 0u);

    api.sink.of_session.durable_seq = 2;
    api.sink.of_session.tail = 3;
    const auto seen = json_of(api.ask("GET", "/events/capture_session"));
    EXPECT_EQ(seen.at("id"), id_one);
    EXPECT_EQ(seen.at("tail"), 3);

    const auto ended = api.ask("DELETE", "/events/capture_session");
    EXPECT_EQ(ended.status, 200u);
    EXPECT_EQ(json_of(ended).at("durable_seq"), 2);
    EXPECT_EQ(json_of(ended).at("seq"), 2);
    EXPECT_EQ(json_of(ended).at("end_reason"), "stopped");
    EXPECT_EQ(api.sink.flushed, std::vector<seq_t>{2}) << "session_ended is flushed too";
    EXPECT_EQ(error_code_of(api.ask("DELETE", "/events/capture_session")), "no_session");
    EXPECT_EQ(api.ask("PATCH", "/events/capture_session", "{}").status, 404u);
}

TEST(control_api, the_older_names_do_the_same) {
    api_setup api;
    EXPECT_EQ(api.ask("POST", "/events/start").status, 201u);
    EXPECT_EQ(api.ask("POST", "/events/stop?timeout=1s").status, 200u);
    EXPECT_EQ(api.ask("POST", "/events/stop").status, 404u);
}

TEST(control_api, wrong_settings_of_a_session_are_refused) {
    api_setup api;
    const auto code = [&](std::string body) {
        const auto got = api.ask("POST", "/events/capture_session", std::move(body));
        EXPECT_EQ(got.status, 400u);
        return error_code_of(got);
    };
    EXPECT_EQ(code("{"), "invalid_body");
    EXPECT_EQ(code("[]"), "invalid_body");
    EXPECT_EQ(code(R"({"id":7})"), "invalid_body");
    EXPECT_EQ(code(R"({"id":"no uuid"})"), "invalid_id");
    EXPECT_EQ(code(R"({"categories":"console"})"), "invalid_body");
    EXPECT_EQ(code(R"({"categories":["consol"]})"), "invalid_body");
    EXPECT_EQ(code(R"({"category":[]})"), "invalid_body");
    const auto form =
        request("POST", "/events/capture_session", {{"content-type", "application/x-www-form-urlencoded"}});
    EXPECT_EQ(api.ask(form, "{}").status, 415u);
    EXPECT_EQ(
        api.ask("POST", "/events/capture_session", "{\"id\":\"" + std::string(70'000, 'x') + "\"}").status,
        413u);
    EXPECT_FALSE(api.agent.sessions->active());
    EXPECT_EQ(api.ask("POST", "/events/capture_session", R"({"id":null,"categories":null})").status, 201u);
    EXPECT_EQ(api.ask("PATCH", "/events/capture_session", std::string(R"({"id":")") + id_one + "\"}").status,
              400u);
}

TEST(control_api, an_end_that_is_not_durable_says_what_is_left) {
    api_setup api;
    api.ask("POST", "/events/capture_session");
    api.sink.outcome = flush_outcome::timed_out;
    api.sink.answers = false;
    api.sink.now.undelivered_events = 4;
    api.sink.now.undelivered_bytes = 400;
    api.sink.of_session.undelivered = 4;
    const auto begin = api.env.now();
    const auto ended = api.ask("DELETE", "/events/capture_session?timeout=1500ms");
    EXPECT_EQ(api.env.now() - begin, std::chrono::milliseconds(1500));
    EXPECT_EQ(ended.status, 504u);
    EXPECT_EQ(error_code_of(ended), "timed_out");
    EXPECT_EQ(json_of(ended).at("left").at("events"), 4);
    EXPECT_EQ(json_of(ended).at("undelivered"), 4);
    EXPECT_FALSE(json_of(ended).at("id").as_string().empty());
    EXPECT_FALSE(api.agent.sessions->active()) << "it has ended either way";
}

TEST(control_api, a_timeout_needs_a_unit_and_costs_no_session_when_wrong) {
    api_setup api;
    api.ask("POST", "/events/capture_session");
    for (const char* wrong : {"5", "x", "-1s", "2h", "5%20s", ""}) {
        EXPECT_EQ(error_code_of(api.ask("DELETE", std::string("/events/capture_session?timeout=") + wrong)),
                  "invalid_timeout")
            << wrong;
        EXPECT_EQ(api.ask("POST", std::string("/events/flush?timeout=") + wrong).status, 400u);
    }
    EXPECT_TRUE(api.agent.sessions->active());
    EXPECT_TRUE(api.sink.flushed.empty());
}

TEST(control_api, flush_says_what_became_of_it_and_what_is_left) {
    api_setup api;
    api.agent.start();
    api.sink.now.durable_seq = 1;
    const auto done = api.ask("POST", "/events/flush");
    EXPECT_EQ(done.status, 200u);
    EXPECT_EQ(json_of(done).at("durable_seq"), 1);
    EXPECT_EQ(api.sink.flushed, std::vector<seq_t>{1});
    api.sink.now.undelivered_bytes = 7;
    api.sink.now.reason = "the token is refused";
    const place old{"old", "https://a", "https://b"};
    api.sink.now.streams.push_back({old, "s", {3, 30}, "no permission", stream_state::parked});
    api.sink.now.streams.push_back({old, "t", {1, 10}, "another place", stream_state::held});
    for (const auto& [outcome, code] :
         {std::pair{flush_outcome::timed_out, "timed_out"}, std::pair{flush_outcome::parked, "parked"},
          std::pair{flush_outcome::streams_parked, "streams_parked"},
          std::pair{flush_outcome::held, "held"}}) {
        api.sink.outcome = outcome;
        const auto got = api.ask("POST", "/events/flush?timeout=10ms");
        EXPECT_EQ(got.status, 504u);
        EXPECT_EQ(error_code_of(got), code);
        EXPECT_EQ(json_of(got).at("left").at("bytes"), 7);
        const auto streams = json_of(got).at("left").at("streams");
        EXPECT_EQ(streams, boost::json::parse(R"([
            {"place":"old at https://b","stream":"s","events":3,"bytes":30,"state":"parked","reason":"no permission"},
            {"place":"old at https://b","stream":"t","events":1,"bytes":10,"state":"held","reason":"another place"}])"));
        if (outcome == flush_outcome::streams_parked) {
            EXPECT_NE(got.body.find("stream s at old at https://b: no permission"), std::string::npos)
                << got.body;
        }
    }
}

TEST(control_api, probes_and_status) {
    api_setup api;
    EXPECT_EQ(api.ask("GET", "/healthz").status, 200u);
    EXPECT_EQ(api.ask("GET", "/readyz").status, 200u);
    api.ready = false;
    EXPECT_EQ(error_code_of(api.ask("GET", "/readyz")), "not_ready");
    api.ready = true;
    api.stopping = true;
    const auto got = api.ask("GET", "/readyz");
    EXPECT_EQ(got.status, 503u);
    EXPECT_EQ(error_code_of(got), "stopping");
    EXPECT_EQ(error_code_of(api.ask("POST", "/events/capture_session")), "stopping");
    EXPECT_EQ(api.ask("GET", "/healthz").status, 200u);
    EXPECT_EQ(json_of(api.ask("GET", "/status")).at("refused"), 0);
}

TEST(control_api, metrics_are_text_behind_the_token) {
    api_setup api;
    const auto got = api.ask("GET", "/metrics");
    EXPECT_EQ(got.status, 200u);
    EXPECT_EQ(net::find_field(got.fields, "content-type"), "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_NE(got.body.find("\nringtail_connections 3\n"), std::string::npos) << got.body;
    EXPECT_EQ(api.ask("HEAD", "/metrics").body, "");
    api.token = "sekrit";
    EXPECT_EQ(api.ask("GET", "/metrics").status, 401u);
}

TEST(control_api, a_listener_for_metrics_has_nothing_else_and_asks_for_no_token) {
    api_setup api;
    api.metrics_only = true;
    api.token = "sekrit";
    for (const char* path : {"/metrics", "/healthz", "/readyz"}) {
        EXPECT_EQ(api.ask("GET", path).status, 200u) << path;
        EXPECT_EQ(api.ask("HEAD", path).status, 200u) << path;
        EXPECT_EQ(api.ask("POST", path).status, 405u) << path;
        // no page of the VM's browser
        EXPECT_EQ(api.ask(request("GET", path, {{"origin", "https://a.example"}})).status, 403u) << path;
    }
    for (const char* path : {"/status", "/events/publish", "/events/stream", "/"})
        EXPECT_EQ(error_code_of(api.ask("GET", path)), "not_found") << path;
    EXPECT_EQ(error_code_of(api.ask("POST", "/events/publish", "{}")), "not_found");
}

TEST(control_api, unknown_paths_and_methods) {
    api_setup api;
    EXPECT_EQ(error_code_of(api.ask("GET", "/events/nothing")), "not_found");
    EXPECT_EQ(api.ask("GET", "/events/nothing").status, 404u);
    const auto got = api.ask("PUT", "/events/capture_session");
    EXPECT_EQ(got.status, 405u);
    EXPECT_EQ(net::find_field(got.fields, "allow"), "POST, GET, HEAD, PATCH, DELETE");
}

TEST(control_api, the_stream_is_served_and_its_requests_checked) {
    api_setup api;
    api.agent.start();
    api.live.end();
    const auto got = api.ask("GET", "/events/stream?replay=all&categories=system,page");
    EXPECT_EQ(got.status, 200u);
    EXPECT_TRUE(got.body.starts_with("id: 1\ndata: {"));
    EXPECT_EQ(api.ask("GET", "/events/stream?replay=al").status, 400u);
    EXPECT_EQ(error_code_of(api.ask("GET", "/events/stream?categories=pages")), "unknown_category");
    EXPECT_EQ(error_code_of(api.ask(request("GET", "/events/stream", {{"last-event-id", "7x"}}))),
              "invalid_last_event_id");
    EXPECT_EQ(api.ask(request("GET", "/events/stream", {{"last-event-id", "1"}})).body, "");
}

TEST(control_api, one_client_more_than_allowed_is_told_so) {
    api_setup api;
    api.agent.start();
    const auto serve = api.handler();
    answer refused;
    api.env.world.run([&]() -> task<void> {
        co_await net::with_task_group(api.env, [&](net::task_group& group) -> task<void> {
            for (std::size_t n = 0; n < live_clients_default; ++n)
                group.spawn([&] {
                    return with_connection(
                        api.env, serve, api.stop,
                        [&](net::http_client& client) -> task<void> {
                            auto head = request("GET", "/events/stream");
                            co_await call(client, std::move(head));
                        },
                        512);
                });
            while (!api.live.full())
                co_await api.env.world.settle();
            co_await with_connection(api.env, serve, api.stop, [&](net::http_client& client) -> task<void> {
                auto head = request("GET", "/events/stream");
                refused = co_await call(client, std::move(head));
            });
            api.live.end();
            co_await group.join();
        });
    });
    EXPECT_EQ(refused.status, 503u);
    EXPECT_EQ(error_code_of(refused), "too_many_clients");
    EXPECT_EQ(api.live.clients(), 0u);
}

} // namespace
} // namespace agent::test
