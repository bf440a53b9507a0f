#include "agent/api/body_reader.hpp"
#include "s2/frame.hpp"
#include "tests/unit/agent/api/control_setup.hpp"

#include <gmock/gmock.h>
#include <zstd.h>

namespace agent::test {
namespace {

using net::task;
using s2::compression;
using testing::HasSubstr;

const net::http_fields ndjson{{"content-type", "application/x-ndjson"}};

answer post(api_setup& api, net::http_fields fields, std::string body) {
    return api.ask(request("POST", "/events/publish", std::move(fields)), std::move(body));
}

answer post_packed(api_setup& api, std::string encoding, std::string body,
                   std::string type = "application/x-ndjson") {
    return post(api, {{"content-type", type}, {"content-encoding", encoding}}, std::move(body));
}

constexpr std::string_view two_lines = "{\"type\":\"a\"}\n{\"type\":\"b\"}\n";

TEST(api_body, comes_packed_too) {
    api_setup api;
    api.agent.start();
    for (const auto with : {compression::gzip, compression::zstd}) {
        const auto got = post_packed(api, std::string(name_of(with)), s2::compress(two_lines, with));
        EXPECT_EQ(got.status, 200u) << got.body;
        EXPECT_EQ(json_of(got).at("accepted"), 2);
        // Two members, or frames, are one body.
        const auto twice = s2::compress(two_lines, with) + s2::compress(two_lines, with);
        EXPECT_EQ(json_of(post_packed(api, std::string(name_of(with)), twice)).at("accepted"), 4);
        const auto one = post_packed(api, std::string(name_of(with)), s2::compress("{\"type\":\"a\"}", with),
                                     "application/json");
        EXPECT_EQ(one.status, 200u) << one.body;
    }
    EXPECT_EQ(post_packed(api, "GZIP", s2::compress(two_lines, compression::gzip)).status, 200u);
    EXPECT_EQ(post_packed(api, "identity", std::string(two_lines)).status, 200u);
    EXPECT_EQ(api.agent.journal->last_seq(), 1u + 14 + 4);
    EXPECT_EQ(api.bodies.places().held_bytes(), 0u);
}

TEST(api_body, of_a_session_comes_packed_too) {
    api_setup api;
    const net::http_fields fields{{"content-type", "application/json"}, {"content-encoding", "gzip"}};
    const auto got = api.ask(request("POST", "/events/capture_session", fields),
                             s2::compress(R"({"categories":["page"]})", compression::gzip));
    EXPECT_EQ(got.status, 201u) << got.body;
    EXPECT_EQ(json_of(got).at("categories"), boost::json::parse(R"(["page"])"));
}

TEST(api_body, other_encodings_are_named_and_bad_data_is_refused) {
    api_setup api;
    api.agent.start();
    for (const char* type : {"application/x-ndjson", "application/json"}) {
        const auto other = post_packed(api, "br", "x", type);
        EXPECT_EQ(other.status, 415u);
        EXPECT_THAT(other.body, HasSubstr("content-encoding br"));
        for (const auto with : {compression::gzip, compression::zstd}) {
            const std::string name(name_of(with));
            const auto whole = s2::compress(two_lines, with);
            for (const auto& bad : {std::string(two_lines), whole.substr(0, whole.size() - 3),
                                    whole + "behind", std::string(1, whole[0])}) {
                const auto got = post_packed(api, name, bad, type);
                EXPECT_EQ(got.status, 400u) << name << " " << got.body;
                EXPECT_EQ(error_code_of(got), "bad_encoding");
            }
        }
    }
}

// Unpacked, it counts against the limits as it grows.
TEST(api_body, a_bomb_ends_at_the_limit_in_little_memory) {
    api_setup api;
    api.agent.start();
    const std::string line = "{\"type\":\"a\",\"data\":\"" + std::string(900'000, 'x') + "\"}\n";
    std::string many;
    for (int n = 0; n < 90; ++n)
        many += line;
    for (const auto with : {compression::gzip, compression::zstd}) {
        const std::string name(name_of(with));
        const auto cut = post_packed(api, name, s2::compress(many, with));
        EXPECT_EQ(cut.status, 413u);
        EXPECT_EQ(json_of(cut).at("accepted"), (64u << 20) / line.size())
            << "what came before the limit is in";
        const auto event = post_packed(api, name, s2::compress(many, with), "application/json");
        EXPECT_EQ(event.status, 413u);
        EXPECT_EQ(error_code_of(event), "too_large");
        const auto one_line =
            post_packed(api, name, s2::compress("{\"type\":\"" + std::string(5u << 20, 'x'), with));
        EXPECT_EQ(one_line.status, 400u);
        EXPECT_THAT(one_line.body, HasSubstr("too_long"));
    }
}

// Its window is counted before it is made.
TEST(unpacker, knows_what_it_will_take) {
    const auto* zstd = unpacker::find("zstd");
    ASSERT_TRUE(zstd);
    EXPECT_LT(zstd->memory_bytes(s2::compress("small", compression::zstd)), 600'000u);
    std::string whole(9u << 20, 'x');
    const auto large = s2::compress(whole, compression::zstd);
    EXPECT_GE(zstd->memory_bytes(large), 2u << 20);
    EXPECT_LT(zstd->memory_bytes("nonsense"), 9u << 20);
    EXPECT_FALSE(unpacker::find("deflate"));
    EXPECT_FALSE(unpacker::find("gzip, gzip"));
}

TEST(unpacker, takes_no_window_that_was_not_counted) {
    // Window descriptor 0x80: 64 MiB.
    const std::string huge("\x28\xb5\x2f\xfd\x00\x80\x01\x00\x00", 9);
    std::string room(1000, ' ');
    const auto* zstd = unpacker::find("zstd");
    EXPECT_LT(zstd->memory_bytes(huge), 9u << 20);
    const auto made = zstd->make(huge);
    EXPECT_TRUE(made->unpack(huge, room).broken);
}

// A caller whose body stops in the middle.
task<answer> stop_halfway(net::http_client& client, net::request_head head, std::string begin) {
    answer got;
    auto opened = co_await client.open(std::move(head), false);
    auto exchange = std::move(*opened);
    co_await write_text(*exchange, begin);
    auto response = co_await exchange->response();
    if (!response)
        co_return got;
    got.status = response->status;
    auto text = co_await net::read_body(*exchange, 1 << 20);
    if (text)
        got.body = std::move(*text);
    co_return got;
}

TEST(api_body, without_progress_is_408_with_what_was_accepted) {
    api_setup api;
    api.agent.start();
    answer many;
    answer one;
    const auto begun = api.env.now();
    api.with_client([&](net::http_client& client) -> task<void> {
        many = co_await stop_halfway(client, request("POST", "/events/publish", ndjson),
                                     std::string(two_lines) + "{\"type\":\"c");
    });
    EXPECT_GE(api.env.now() - begun, body_progress_max);
    api.with_client([&](net::http_client& client) -> task<void> {
        one = co_await stop_halfway(client, request("POST", "/events/publish"), "{\"type\":");
    });
    EXPECT_EQ(many.status, 408u);
    EXPECT_EQ(error_code_of(many), "body_stalled");
    EXPECT_EQ(json_of(many).at("accepted"), 2);
    EXPECT_EQ(json_of(many).at("last_seq"), 3);
    EXPECT_EQ(one.status, 408u);
    EXPECT_EQ(error_code_of(one), "body_stalled");
    EXPECT_EQ(api.agent.journal->last_seq(), 3u);
}

TEST(api_body, a_length_over_the_limit_is_refused_before_it_is_read) {
    api_setup api;
    api.agent.start();
    answer got;
    const auto begun = api.env.now();
    api.with_client([&](net::http_client& client) -> task<void> {
        auto head = request("POST", "/events/publish",
                            {{"content-length", std::to_string(event_line_bytes_max + 1)}});
        got = co_await stop_halfway(client, std::move(head), "{");
    });
    EXPECT_EQ(got.status, 413u);
    EXPECT_LT(api.env.now() - begun, body_silence_max);
}

// All room is taken by bodies that have stopped: a large one waits until they are given up, small ones do not.
TEST(api_body, large_ones_wait_for_room_and_silent_holders_give_up) {
    api_setup api;
    api.agent.start();
    const auto serve = api.handler();
    const std::string large = "{\"type\":\"a\",\"data\":\"" + std::string(200'000, 'x') + "\"}";
    constexpr std::size_t holders = body_room_bytes / event_line_bytes_max;
    std::vector<answer> stopped;
    answer small;
    answer waited;
    net::duration waited_for{};
    api.env.world.run([&]() -> task<void> {
        co_await net::with_task_group(api.env, [&](net::task_group& group) -> task<void> {
            for (std::size_t n = 0; n < holders; ++n)
                group.spawn([&] {
                    return with_connection(
                        api.env, serve, api.stop, [&](net::http_client& client) -> task<void> {
                            auto got = co_await stop_halfway(client, request("POST", "/events/publish"),
                                                             std::string(100'000, ' '));
                            stopped.push_back(got);
                        });
                });
            while (api.bodies.places().held_bytes() < holders * event_line_bytes_max)
                co_await api.env.world.settle();
            const auto begun = api.env.now();
            co_await with_connection(api.env, serve, api.stop, [&](net::http_client& client) -> task<void> {
                small = co_await call(client, request("POST", "/events/publish"), R"({"type":"s"})");
                EXPECT_EQ(api.env.now(), begun);
                waited = co_await call(client, request("POST", "/events/publish"), large);
            });
            waited_for = api.env.now() - begun;
            co_await group.join();
        });
    });
    EXPECT_EQ(small.status, 200u);
    EXPECT_EQ(waited.status, 200u);
    EXPECT_EQ(waited_for, body_silence_max);
    ASSERT_EQ(stopped.size(), holders);
    for (const auto& each : stopped)
        EXPECT_EQ(each.status, 408u);
    EXPECT_EQ(api.bodies.places().held_bytes(), 0u);
}

TEST(api_body, many_events_that_come_as_one_are_told_how_they_come) {
    api_setup api;
    api.agent.start();
    const auto hint = [&](std::string body) {
        const auto got = api.ask("POST", "/events/publish", std::move(body));
        EXPECT_EQ(got.status, 400u);
        return std::string(std::string_view(json_of(got).at("error").at("hint").as_string()));
    };
    EXPECT_THAT(hint(R"([{"type":"a"},{"type":"b"}])"), HasSubstr("application/x-ndjson"));
    EXPECT_THAT(hint(" [\n{\"type\":\"a\"}]"), HasSubstr("application/x-ndjson"));
    EXPECT_THAT(hint(std::string(two_lines)), HasSubstr("application/x-ndjson"));
    EXPECT_THAT(hint("{\"type\":\"a\"}\r\n{\"type\":"), HasSubstr("application/x-ndjson"));
    EXPECT_THAT(hint("{\n\"type\":\"a\"\n"), testing::Not(HasSubstr("ndjson")));
    EXPECT_THAT(hint("nonsense\n{}"), testing::Not(HasSubstr("ndjson")));
}

TEST(control_api, head_is_what_get_is_without_a_body) {
    api_setup api;
    api.agent.start();
    for (const char* path : {"/healthz", "/readyz", "/status", "/events/capture_session"}) {
        const auto got = api.ask(request("HEAD", path));
        EXPECT_EQ(got.status, 200u) << path;
        EXPECT_EQ(got.body, "");
        EXPECT_NE(net::find_field(got.fields, "content-length"), "0") << path;
    }
    const auto stream = api.ask(request("HEAD", "/events/stream"));
    EXPECT_EQ(stream.status, 200u);
    EXPECT_EQ(net::find_field(stream.fields, "content-type"), "text/event-stream");
    EXPECT_EQ(api.live.clients(), 0u);
    const auto other = api.ask(request("HEAD", "/events/publish"));
    EXPECT_EQ(other.status, 405u);
    EXPECT_EQ(net::find_field(api.ask(request("PUT", "/healthz")).fields, "allow"), "GET, HEAD");
}

} // namespace
} // namespace agent::test
