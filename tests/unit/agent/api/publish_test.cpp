#include "agent/api/publish_tally.hpp"
#include "tests/unit/agent/api/control_setup.hpp"

namespace agent::test {
namespace {

using net::task;

TEST(api_publish, one_event_is_answered_with_its_envelope) {
    api_setup api;
    api.agent.start({id_one, category_set{}.set(static_cast<std::size_t>(category::page))});
    const auto got = api.ask("POST", "/events/publish", "{\"type\":\"page_load\",\n \"ts\":1}");
    EXPECT_EQ(got.status, 200u);
    EXPECT_EQ(got.body, api.agent.envelopes(2).at(0));
    const auto filtered = api.ask("POST", "/events/publish", R"({"type":"console_log"})");
    EXPECT_EQ(filtered.status, 200u);
    EXPECT_EQ(json_of(filtered), boost::json::parse(R"({"filtered":true})"));
}

TEST(api_publish, one_bad_event_is_refused_with_what_and_where) {
    api_setup api;
    EXPECT_EQ(api.ask("POST", "/events/publish", R"({"type":"a"})").status, 409u);
    api.agent.start();
    const auto refused = [&](std::string body, unsigned status) {
        const auto got = api.ask("POST", "/events/publish", std::move(body));
        EXPECT_EQ(got.status, status);
        return error_code_of(got);
    };
    EXPECT_EQ(refused("{", 400), "invalid_json");
    EXPECT_EQ(refused(R"({"type":"a"}{"type":"b"})", 400), "invalid_json");
    EXPECT_EQ(refused(R"({"kind":"a","type":"b"})", 400), "invalid_event");
    EXPECT_EQ(refused("{\"type\":\"\xff\"}", 400), "invalid_utf8");
    EXPECT_EQ(refused(R"({"type":"a","source":{"kind":"cdp"}})", 400), "forbidden_source");
    EXPECT_EQ(refused(R"({"type":")" + std::string(1'000'000, 'x') + R"("})", 413), "too_large");
    EXPECT_EQ(refused(R"({"type":")" + std::string(event_line_bytes_max, 'x') + R"("})", 413), "too_large");
    api.stopping = true;
    EXPECT_EQ(refused(R"({"type":"a"})", 503), "stopping");
    EXPECT_EQ(api.agent.journal->last_seq(), 1u);
}

TEST(api_publish, content_types) {
    api_setup api;
    api.agent.start();
    const auto status = [&](std::string type) {
        net::http_fields fields;
        if (!type.empty())
            fields.push_back({"content-type", type});
        return api.ask(request("POST", "/events/publish", fields), R"({"type":"a"})").status;
    };
    EXPECT_EQ(status(""), 200u);
    EXPECT_EQ(status("Application/JSON; charset=utf-8"), 200u);
    EXPECT_EQ(status("application/x-ndjson"), 200u);
    EXPECT_EQ(status("text/plain"), 415u);
    EXPECT_EQ(status("application/x-www-form-urlencoded"), 415u);
    EXPECT_EQ(api.agent.journal->last_seq(), 4u);
}

TEST(api_publish, many_lines_with_some_bad_ones) {
    api_setup api;
    api.agent.start({id_one, category_set{}.set(static_cast<std::size_t>(category::page))});
    const auto got = api.publish_lines(
        "{\"type\":\"page_a\"}\n\nbad\r\n{\"type\":\"console_log\"}\n{\"type\":\"page_b\"}");
    EXPECT_EQ(got.status, 200u);
    EXPECT_EQ(members_of(got), (std::vector<std::string>{"accepted", "filtered", "refused", "first_seq",
                                                         "last_seq", "errors"}));
    const auto body = json_of(got);
    EXPECT_EQ(body.at("accepted"), 2);
    EXPECT_EQ(body.at("filtered"), 1);
    EXPECT_EQ(body.at("refused"), 1);
    EXPECT_EQ(body.at("first_seq"), 2);
    EXPECT_EQ(body.at("last_seq"), 3);
    EXPECT_EQ(body.at("errors").at(0).at("line"), 3);
    EXPECT_EQ(body.at("errors").at(0).at("code"), "invalid_json");
}

TEST(api_publish, only_all_bad_is_an_error_and_errors_are_bounded) {
    api_setup api;
    api.agent.start();
    std::string lines;
    for (int n = 0; n < 150; ++n)
        lines += "bad\n";
    const auto got = api.publish_lines(lines);
    EXPECT_EQ(got.status, 400u);
    EXPECT_EQ(error_code_of(got), "all_refused");
    EXPECT_EQ(json_of(got).at("refused"), 150);
    EXPECT_EQ(json_of(got).at("errors").as_array().size(), publish_errors_max);
    EXPECT_EQ(json_of(got).at("first_seq"), nullptr);
    EXPECT_EQ(api.publish_lines(lines + R"({"type":"a"})").status, 200u);
    EXPECT_EQ(api.publish_lines("\n\n").status, 200u);
    EXPECT_EQ(api.agent.sessions->refused(), 300u);
}

TEST(api_publish, a_body_larger_than_memory_for_it_streams_through) {
    api_setup api;
    api.agent.start();
    const std::string line = R"({"type":"a","data":")" + std::string(900'000, 'x') + "\"}\n";
    std::string lines;
    for (int n = 0; n < 30; ++n)
        lines += line;
    const auto got = api.publish_lines(std::move(lines));
    EXPECT_EQ(got.status, 200u);
    EXPECT_EQ(json_of(got).at("accepted"), 30);
}

TEST(api_publish, a_client_that_vanishes_leaves_what_was_accepted) {
    api_setup api;
    api.agent.start();
    api.with_client([&](net::http_client& client) -> task<void> {
        auto head = request("POST", "/events/publish", {{"content-type", "application/x-ndjson"}});
        auto opened = co_await client.open(std::move(head), false);
        auto exchange = std::move(*opened);
        co_await write_text(*exchange, "{\"type\":\"a\"}\n{\"type\":\"b\"}\n{\"type\":\"c");
        while (api.agent.journal->last_seq() < 3)
            co_await api.env.world.settle();
        exchange->reset();
    });
    EXPECT_EQ(api.agent.journal->last_seq(), 3u);
    EXPECT_EQ(api.agent.sessions->refused(), 1u);
}

TEST(api_publish, a_stop_in_the_middle_of_a_body_keeps_what_was_accepted) {
    api_setup api;
    api.agent.start();
    answer got;
    api.with_client([&](net::http_client& client) -> task<void> {
        auto head = request("POST", "/events/publish", {{"content-type", "application/x-ndjson"}});
        auto opened = co_await client.open(std::move(head), false);
        auto exchange = std::move(*opened);
        co_await write_text(*exchange, "{\"type\":\"a\"}\n");
        while (api.agent.journal->last_seq() < 2)
            co_await api.env.world.settle();
        api.stopping = true;
        co_await write_text(*exchange, "{\"type\":\"b\"}\n");
        co_await exchange->finish();
        auto response = co_await exchange->response();
        got.status = response->status;
        auto body = co_await net::read_body(*exchange, 1 << 20);
        got.body = *body;
    });
    EXPECT_EQ(got.status, 200u);
    EXPECT_EQ(json_of(got).at("accepted"), 1);
    EXPECT_EQ(json_of(got).at("errors").at(0).at("code"), "stopping");
    EXPECT_EQ(api.agent.journal->last_seq(), 2u);
}

std::string retry_after(const answer& got) {
    return std::string(net::find_field(got.fields, "retry-after"));
}

TEST(api_publish, want_of_room_says_why_and_when_to_come_back) {
    api_setup api;
    api.agent.start();
    api.agent.retention.owes_all = true;
    api.env.disk.memory_fails = boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
    const std::string big = R"({"type":"t","data":")" + std::string(900'000, 'x') + "\"}";
    EXPECT_EQ(api.ask("POST", "/events/publish", big).status, 200u);
    EXPECT_EQ(api.ask("POST", "/events/publish", big).status, 200u);
    const std::string why = "the ring has no room: cannot make another segment: Cannot allocate memory";
    for (const auto& got : {api.ask("POST", "/events/publish", big), api.publish_lines(big + "\n" + big)}) {
        EXPECT_EQ(got.status, 503u);
        EXPECT_EQ(error_code_of(got), "no_room");
        EXPECT_EQ(json_of(got).at("error").at("message"), boost::json::value(why));
        EXPECT_EQ(retry_after(got), "1");
    }
    EXPECT_EQ(api.agent.retention.dropped, 0u);
    const auto mixed = api.publish_lines("{\"type\":\"a\"}\n" + big); // a small one still fits
    EXPECT_EQ(mixed.status, 200u);
    EXPECT_EQ(json_of(mixed).at("refused"), 1);
    EXPECT_EQ(retry_after(mixed), "");
    api.env.disk.memory_fails = {};
    EXPECT_EQ(api.ask("POST", "/events/publish", big).status, 200u);
}

TEST(api_publish, nor_does_a_session_start_without_room) {
    api_setup api;
    api.agent.start();
    auto hold = api.agent.journal->hold(1, ~seq_t{0});
    const std::string big = R"({"type":"t","data":")" + std::string(900'000, 'x') + "\"}";
    while (api.agent.publish(big) != 0) {
    }
    const std::string small = R"({"type":"t","data":")" + std::string(1000, 'x') + "\"}";
    while (api.agent.publish(small) != 0) {
    }
    api.agent.sessions->stop(end_reason::stopped);
    const auto got = api.ask("POST", "/events/capture_session", "{}");
    EXPECT_EQ(got.status, 503u);
    EXPECT_EQ(error_code_of(got), "no_room");
    EXPECT_EQ(json_of(got).at("error").at("message"), "the ring has no room: all of it waits for S2");
    EXPECT_EQ(retry_after(got), "1");
}

TEST(publish_tally, statuses) {
    const auto status = [](std::vector<publish_outcome> outcomes) {
        publish_tally tally;
        for (const auto& one : outcomes)
            tally.add(1, one);
        return tally.status();
    };
    const publish_outcome no_session = publish_refused{"no_session", "m"};
    const publish_outcome no_room = publish_refused{"no_room", "m"};
    const publish_outcome bad = publish_refused{"invalid_json", "m"};
    EXPECT_EQ(status({}), 200u);
    EXPECT_EQ(status({publish_filtered{}, bad}), 200u);
    EXPECT_EQ(status({publish_accepted{1, "e"}, no_session}), 200u);
    EXPECT_EQ(status({no_session, no_session}), 409u);
    EXPECT_EQ(status({no_room}), 503u);
    EXPECT_EQ(status({no_room, bad}), 400u);
    EXPECT_EQ(status({no_session, no_room}), 400u);
    publish_tally cut;
    cut.add(1, publish_accepted{1, "e"});
    cut.end_early(body_end::too_large);
    EXPECT_EQ(cut.status(), 413u);
    EXPECT_EQ(cut.answer().at("accepted"), 1);
    EXPECT_TRUE(cut.answer().contains("error"));
    cut.end_early(body_end::broken);
    EXPECT_EQ(cut.status(), 400u);
    EXPECT_EQ(cut.answer().at("accepted"), 1);
    EXPECT_EQ(cut.answer().at("error").at("code"), "bad_body");
}

} // namespace
} // namespace agent::test
