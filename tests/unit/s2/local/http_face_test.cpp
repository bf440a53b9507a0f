#include "net/http1/client.hpp"
#include "net/http2/client.hpp"
#include "s2/frame.hpp"
#include "s2/local/server.hpp"
#include "tests/unit/s2/local/fixture.hpp"

#include <gmock/gmock.h>

namespace s2::local::test {
namespace {

using testing::HasSubstr;

struct answer {
    unsigned status = 0;
    net::http_fields fields;
    std::string body;
};

net::task<net::result<std::string>> rest_of(net::http_body& from) {
    return net::read_body(from, 1 << 24);
}

struct ask_options {
    ask_options() {} // g++ 12 frees aggregate temporaries of a co_await expression twice

    std::string body;
    net::http_fields fields;
};

class http_face_test : public store_test {
protected:
    face_options face;

    // Runs body with a server, and a client of it over an in-process connection.
    void
    with_server(std::function<net::task<void>(embedded_server&, net::http_client&, net::stop_source&)> body,
                bool http2 = true) {
        world.run([this, body, http2]() -> net::task<void> {
            net::stop_source stop(world);
            embedded_server server(world, make_storage(), stop, face);
            auto both = [&](net::task_group& group) -> net::task<void> {
                group.spawn(server.run());
                co_await world.settle();
                {
                    auto end = server.connect();
                    std::unique_ptr<net::http_client> client;
                    if (http2) {
                        auto connected = co_await net::connect_http2(world, std::move(*end));
                        client = std::move(*connected);
                    } else {
                        client = net::make_http1_client(world, std::move(*end));
                    }
                    co_await body(server, *client, stop);
                }
                stop.drain(world.now() + std::chrono::seconds(10));
                co_await group.join();
            };
            co_await net::with_task_group(world, both);
        });
    }

    static net::request_head request(std::string method, std::string target, net::http_fields fields = {}) {
        net::request_head head;
        head.method = std::move(method);
        head.target = std::move(target);
        head.scheme = "http";
        head.authority = "local";
        head.fields = std::move(fields);
        return head;
    }

    static net::task<answer> ask(net::http_client& client, std::string method, std::string target,
                                 ask_options with = {}) {
        auto head_sent = request(method, target, with.fields);
        const bool bodiless = with.body.empty();
        auto exchange = co_await client.open(std::move(head_sent), bodiless);
        if (!exchange)
            throw boost::system::system_error(exchange.error());
        if (!with.body.empty()) {
            const net::asio::const_buffer whole(with.body.data(), with.body.size());
            co_await (*exchange)->write(std::span(&whole, 1));
            co_await (*exchange)->finish();
        }
        auto head = co_await (*exchange)->response();
        auto body = co_await rest_of(**exchange);
        answer got;
        got.status = head->status;
        got.fields = head->fields;
        got.body = body.value();
        co_return got;
    }

    static ask_options json(std::string body) {
        ask_options with;
        with.body = std::move(body);
        with.fields.push_back({"content-type", "application/json"});
        with.fields.push_back({"s2-basin", "test-basin"});
        return with;
    }

    static ask_options plain(std::string name = {}, std::string value = {}) {
        ask_options with;
        with.fields.push_back({"s2-basin", "test-basin"});
        if (!name.empty())
            with.fields.push_back({name, value});
        return with;
    }

    static net::task<void> make_auto_basin(embedded_server& server) {
        basin_config config;
        config.create_stream_on_append = true;
        auto made = co_await server.served().ensure_basin("test-basin", config);
        EXPECT_TRUE(made);
    }

    static net::task<std::unique_ptr<net::client_exchange>>
    open_session(net::http_client& client, std::string method, std::string target) {
        ask_options with = plain("content-type", "s2s/proto");
        auto head = request(method, target, with.fields);
        auto opened = co_await client.open(std::move(head), method == "GET");
        co_return std::move(*opened);
    }

    static net::task<void> write(net::http_body& to, std::string bytes) {
        const net::asio::const_buffer whole(bytes.data(), bytes.size());
        const auto failed = co_await to.write(std::span(&whole, 1));
        EXPECT_FALSE(failed) << failed.message();
    }

    static std::string frame_of(const append_input& input) {
        std::string payload, frame;
        encode_append_input(input, payload);
        encode_frame(payload, compression::none, frame);
        return frame;
    }

    // The next frame, or a terminal one made of the stream's end.
    struct session_reader {
        net::http_body& from;
        frame_decoder decoder = {};

        net::task<std::optional<frame>> next() {
            std::string piece(4096, '\0');
            while (true) {
                frame one;
                if (decoder.next(one) == frame_decoder::outcome::frame)
                    co_return one;
                auto got = co_await from.read_some(net::asio::buffer(piece));
                if (!got) {
                    EXPECT_TRUE(net::is_eof(got.error())) << got.error().message();
                    co_return std::nullopt;
                }
                decoder.feed(std::string_view(piece).substr(0, *got));
            }
        }
    };
};

TEST_F(http_face_test, routes_that_are_not_there) {
    with_server([this](embedded_server&, net::http_client& client, net::stop_source&) -> net::task<void> {
        const auto unknown = co_await ask(client, "GET", "/v2/basins");
        EXPECT_EQ(unknown.status, 404u);
        EXPECT_EQ(unknown.body, "");
        const auto method = co_await ask(client, "TRACE", "/v1/basins");
        EXPECT_EQ(method.status, 405u);
        EXPECT_EQ(net::find_field(method.fields, "allow"), "GET,HEAD,POST");
        const auto tokens = co_await ask(client, "GET", "/v1/access-tokens");
        EXPECT_EQ(tokens.status, 501u);
        EXPECT_EQ(tokens.body, R"({"code":"not_implemented","message":"Not implemented"})");
        const auto health = co_await ask(client, "GET", "/health");
        EXPECT_EQ(health.body, "OK");
    });
}

// It takes any token, so a page in a developer's browser must not reach it.
TEST_F(http_face_test, web_pages_may_call_only_where_that_is_asked_for) {
    const auto ask_as_page = [](net::http_client& client, std::string name, std::string value) {
        return ask(client, "GET", "/v1/basins", plain(std::move(name), std::move(value)));
    };
    with_server([&](embedded_server&, net::http_client& client, net::stop_source&) -> net::task<void> {
        const auto page = co_await ask_as_page(client, "origin", "https://evil.example");
        EXPECT_EQ(page.status, 403u);
        EXPECT_THAT(page.body, HasSubstr("--cors"));
        EXPECT_EQ(net::find_field(page.fields, "access-control-allow-origin"), "");
        const auto image = co_await ask_as_page(client, "sec-fetch-site", "cross-site");
        EXPECT_EQ(image.status, 403u);
        const auto typed = co_await ask_as_page(client, "sec-fetch-site", "none");
        EXPECT_EQ(typed.status, 200u);
    });
    face.cors = true;
    with_server([&](embedded_server&, net::http_client& client, net::stop_source&) -> net::task<void> {
        const auto page = co_await ask_as_page(client, "origin", "https://app.example");
        EXPECT_EQ(page.status, 200u);
        EXPECT_EQ(net::find_field(page.fields, "access-control-allow-origin"), "https://app.example");
    });
}

// A reader that nobody writes for would follow the stream until the connection ends.
TEST_F(http_face_test, head_reads_no_records) {
    const auto test = [this](embedded_server& server, net::http_client& client,
                             net::stop_source&) -> net::task<void> {
        co_await make_auto_basin(server);
        co_await ask(client, "POST", "/v1/streams/s/records", json(R"({"records":[{"body":"x"}]})"));
        for (const char* type : {"s2s/proto", "application/json"}) {
            const auto got = co_await ask(client, "HEAD", "/v1/streams/s/records?seq_num=0&wait=60",
                                          plain("content-type", type));
            EXPECT_EQ(got.status, 200u);
            EXPECT_EQ(got.body, "");
        }
        const auto events = co_await ask(client, "HEAD", "/v1/streams/s/records?seq_num=0",
                                         plain("accept", "text/event-stream"));
        EXPECT_EQ(net::find_field(events.fields, "content-type"), "text/event-stream");
        const auto nothing = co_await ask(client, "HEAD", "/v1/streams/other/records?seq_num=0", plain());
        EXPECT_EQ(nothing.status, 404u);
    };
    with_server(test);
    with_server(test, false);
}

TEST_F(http_face_test, the_same_over_http1) {
    with_server(
        [this](embedded_server& server, net::http_client& client, net::stop_source&) -> net::task<void> {
            co_await make_auto_basin(server);
            const auto acked = co_await ask(client, "POST", "/v1/streams/a%2Fb/records",
                                            json(R"({"records":[{"body":"x"}]})"));
            EXPECT_EQ(acked.status, 200u);
            EXPECT_THAT(acked.body, HasSubstr(R"("end":{"seq_num":1,)"));
            const auto read = co_await ask(client, "GET", "/v1/streams/a%2Fb/records?seq_num=0", plain());
            EXPECT_THAT(read.body, HasSubstr(R"("body":"x")"));
            const auto found = co_await server.served().get_stream("test-basin", "a/b");
            EXPECT_TRUE(found) << "%2F is part of the name";
        },
        false);
}

TEST_F(http_face_test, a_stream_cipher_is_refused_in_words) {
    with_server([this](embedded_server&, net::http_client& client, net::stop_source&) -> net::task<void> {
        const auto refused =
            co_await ask(client, "POST", "/v1/basins",
                         json(R"({"basin":"test-basin","config":{"stream_cipher":"aegis-256"}})"));
        EXPECT_EQ(refused.status, 501u);
        EXPECT_THAT(refused.body, HasSubstr("cipher"));
    });
}

TEST_F(http_face_test, unary_bodies_are_unpacked_and_packed) {
    with_server(
        [this](embedded_server& server, net::http_client& client, net::stop_source&) -> net::task<void> {
            co_await make_auto_basin(server);
            auto with = json(
                compress(R"({"records":[{"body":")" + std::string(5000, 'x') + R"("}]})", compression::zstd));
            with.fields.push_back({"content-encoding", "zstd"});
            const auto acked = co_await ask(client, "POST", "/v1/streams/s/records", with);
            EXPECT_EQ(acked.status, 200u) << acked.body;
            const auto packed = co_await ask(client, "GET", "/v1/streams/s/records?seq_num=0",
                                             plain("accept-encoding", "br, gzip"));
            EXPECT_EQ(net::find_field(packed.fields, "content-encoding"), "gzip");
            EXPECT_THAT(decompress(packed.body, compression::gzip, 10'000).value(), HasSubstr("xxxxx"));
            with.fields.back().value = "br";
            const auto refused = co_await ask(client, "POST", "/v1/streams/s/records", with);
            EXPECT_EQ(refused.status, 415u);
        });
}

TEST_F(http_face_test, a_session_is_answered_before_its_body_and_acks_in_order) {
    with_server(
        [this](embedded_server& server, net::http_client& client, net::stop_source&) -> net::task<void> {
            co_await make_auto_basin(server);
            auto session = co_await open_session(client, "POST", "/v1/streams/s/records");
            auto head = co_await session->response();
            EXPECT_EQ(head->status, 200u);
            EXPECT_EQ(net::find_field(head->fields, "content-type"), "s2s/proto");
            std::string frames;
            for (int i = 0; i < 300; ++i)
                frames += frame_of(batch(std::to_string(i), "x"));
            // In two pieces that cut a frame.
            co_await write(*session, frames.substr(0, 1001));
            co_await write(*session, frames.substr(1001));
            co_await session->finish();
            session_reader acks{*session};
            for (std::uint64_t i = 0; i < 300; ++i) {
                auto one = co_await acks.next();
                const auto ack = decode_append_ack(one->payload).value();
                EXPECT_EQ(ack.start.seq_num, 2 * i);
                EXPECT_EQ(ack.end.seq_num, 2 * i + 2);
                EXPECT_GE(ack.tail.seq_num, ack.end.seq_num);
            }
            auto end = co_await acks.next();
            EXPECT_FALSE(end) << "a clean end has no terminal frame";
        });
}

TEST_F(http_face_test, the_first_failure_poisons_a_session) {
    with_server(
        [this](embedded_server& server, net::http_client& client, net::stop_source&) -> net::task<void> {
            co_await make_auto_basin(server);
            auto session = co_await open_session(client, "POST", "/v1/streams/s/records");
            auto wrong = batch("wrong");
            wrong.match_seq_num = 7;
            auto right = batch("right");
            right.match_seq_num = 1;
            co_await write(*session, frame_of(batch("first")) + frame_of(wrong) + frame_of(right));
            session_reader acks{*session};
            auto first = co_await acks.next();
            EXPECT_FALSE(first->terminal);
            auto second = co_await acks.next();
            EXPECT_TRUE(second->terminal);
            const auto told = decode_terminal(second->payload).value();
            EXPECT_EQ(told.status, 412u);
            EXPECT_EQ(told.json, R"({"seq_num_mismatch":1})");
            auto end = co_await acks.next();
            EXPECT_FALSE(end);
            const auto tail = co_await ask(client, "GET", "/v1/streams/s/records/tail", plain());
            EXPECT_THAT(tail.body, HasSubstr(R"("seq_num":1,)")) << "nothing behind the failure was applied";
        });
}

TEST_F(http_face_test, bad_input_is_told_behind_the_acks) {
    with_server(
        [this](embedded_server& server, net::http_client& client, net::stop_source&) -> net::task<void> {
            co_await make_auto_basin(server);
            struct bad_case {
                std::string bytes;
                unsigned status;
            };
            std::vector<bad_case> cases;
            cases.push_back({std::string(4, '\0'), 400});                 // a frame of no length
            cases.push_back({std::string("\0\0", 2), 400});               // ends inside a frame
            cases.push_back({std::string("\0\0\1\0", 4), 422});           // a batch without records
            cases.push_back({std::string("\0\0\2\0\xff", 5), 400});       // no message
            cases.push_back({std::string("\0\0\5\x80\1\x94{}", 8), 400}); // a terminal frame from a client
            for (std::size_t i = 0; i < cases.size(); ++i) {
                auto session =
                    co_await open_session(client, "POST", "/v1/streams/s" + std::to_string(i) + "/records");
                co_await write(*session, frame_of(batch("good")) + cases[i].bytes);
                co_await session->finish();
                session_reader acks{*session};
                auto good = co_await acks.next();
                EXPECT_TRUE(decode_append_ack(good->payload)) << i;
                auto bad = co_await acks.next();
                EXPECT_EQ(decode_terminal(bad->payload)->status, cases[i].status) << i;
            }
        });
}

TEST_F(http_face_test, a_follower_gets_heartbeats_and_each_batch_with_the_tail) {
    with_server(
        [this](embedded_server& server, net::http_client& client, net::stop_source&) -> net::task<void> {
            co_await make_auto_basin(server);
            auto stream = co_await server.served().open_stream("test-basin", "s", access::append);
            const auto before = co_await append(server.served(), *stream, batch("caught up"));
            EXPECT_TRUE(before);
            auto session = co_await open_session(client, "GET", "/v1/streams/s/records?seq_num=0");
            session_reader frames{*session};
            auto first = co_await frames.next();
            const auto caught_up = decode_read_batch(first->payload).value();
            EXPECT_EQ(caught_up.records.at(0).body, "caught up");
            EXPECT_FALSE(caught_up.tail);
            auto second = co_await frames.next();
            const auto following = decode_read_batch(second->payload).value();
            EXPECT_TRUE(following.records.empty());
            EXPECT_EQ(following.tail->seq_num, 1u);
            const auto since = world.now();
            auto third = co_await frames.next();
            const auto heartbeat = decode_read_batch(third->payload).value();
            EXPECT_TRUE(heartbeat.records.empty());
            EXPECT_GE(world.now() - since, std::chrono::seconds(5));
            EXPECT_LE(world.now() - since, std::chrono::seconds(15));
            const auto live = co_await append(server.served(), *stream, batch("live", "too"));
            EXPECT_TRUE(live);
            auto fourth = co_await frames.next();
            const auto batch_frame = decode_read_batch(fourth->payload).value();
            EXPECT_EQ(batch_frame.records.size(), 2u);
            EXPECT_EQ(batch_frame.tail->seq_num, 3u);
            const auto deleted = co_await server.served().delete_stream("test-basin", "s");
            EXPECT_TRUE(deleted);
            auto fifth = co_await frames.next();
            EXPECT_EQ(decode_terminal(fifth->payload)->status, 503u);
        });
}

TEST_F(http_face_test, waiting_and_416_by_the_table) {
    with_server(
        [this](embedded_server& server, net::http_client& client, net::stop_source&) -> net::task<void> {
            co_await make_auto_basin(server);
            auto stream = co_await server.served().open_stream("test-basin", "s", access::append);
            const auto at = [&](std::string query) {
                return ask(client, "GET", "/v1/streams/s/records" + query, plain());
            };
            const auto empty = co_await at("?seq_num=0");
            EXPECT_EQ(empty.status, 416u);
            EXPECT_EQ(empty.body, R"({"tail":{"seq_num":0,"timestamp":0}})");
            const auto clamped = co_await at("?seq_num=5&clamp=true");
            EXPECT_EQ(clamped.status, 416u);
            const auto nothing_wanted = co_await at("?seq_num=5&count=0");
            EXPECT_EQ(nothing_wanted.body, R"({"records":[]})");
            const auto since = world.now();
            const auto waited = co_await at("?wait=3");
            EXPECT_EQ(waited.body, R"({"records":[]})");
            EXPECT_EQ(world.now() - since, std::chrono::seconds(3));
            const auto acked = co_await append(server.served(), *stream, batch("a", "b", "c"));
            EXPECT_TRUE(acked);
            const auto limited = co_await at("?seq_num=1&bytes=9");
            EXPECT_THAT(limited.body, HasSubstr(R"("seq_num":1,)"));
            EXPECT_THAT(limited.body, testing::Not(HasSubstr(R"("seq_num":2,)")));
            const auto trimmed = co_await append(server.served(), *stream, command(trim_command(100)));
            EXPECT_TRUE(trimmed);
            const auto gone = co_await at("?seq_num=0");
            EXPECT_EQ(gone.status, 200u);
            EXPECT_EQ(gone.body, R"({"records":[]})");
        });
}

TEST_F(http_face_test, events_carry_ids_to_go_on_from) {
    with_server(
        [this](embedded_server& server, net::http_client& client, net::stop_source&) -> net::task<void> {
            co_await make_auto_basin(server);
            auto stream = co_await server.served().open_stream("test-basin", "s", access::append);
            const auto acked = co_await append(server.served(), *stream, batch("a", "b", "c"));
            EXPECT_TRUE(acked);
            auto with = plain("accept", "text/event-stream");
            const auto two = co_await ask(client, "GET", "/v1/streams/s/records?seq_num=0&count=2", with);
            EXPECT_THAT(two.body,
                        testing::StartsWith("event: batch\nid: 1,2,18\ndata: {\"records\":[{\"seq_num\":0,"));
            EXPECT_THAT(two.body, testing::EndsWith("data: [DONE]\n\n"));
            with.fields.push_back({"last-event-id", "1,2,18"});
            const auto third = co_await ask(client, "GET", "/v1/streams/s/records?seq_num=0&count=3", with);
            EXPECT_THAT(third.body, HasSubstr("id: 2,3,27\n"));
        });
}

TEST_F(http_face_test, a_drain_ends_sessions_behind_their_acks) {
    with_server(
        [this](embedded_server& server, net::http_client& client, net::stop_source& stop) -> net::task<void> {
            co_await make_auto_basin(server);
            auto appending = co_await open_session(client, "POST", "/v1/streams/s/records");
            co_await write(*appending, frame_of(batch("a")));
            session_reader acks{*appending};
            auto ack = co_await acks.next();
            EXPECT_FALSE(ack->reconnect_advised);
            auto reading = co_await open_session(client, "GET", "/v1/streams/s/records?seq_num=0");
            session_reader records{*reading};
            auto read = co_await records.next();
            EXPECT_FALSE(read->terminal);
            auto heartbeat = co_await records.next();
            EXPECT_FALSE(heartbeat->terminal);
            stop.drain(world.now() + std::chrono::seconds(10));
            co_await world.settle();
            co_await write(*appending, frame_of(batch("b")));
            auto advised = co_await acks.next();
            EXPECT_TRUE(advised->reconnect_advised);
            auto live = co_await records.next();
            EXPECT_TRUE(live->reconnect_advised);
            auto drained = co_await acks.next();
            EXPECT_THAT(std::string(decode_terminal(drained->payload)->json), HasSubstr("server_draining"));
            auto cut = co_await records.next();
            EXPECT_THAT(std::string(decode_terminal(cut->payload)->json), HasSubstr("server_draining"));
        });
    with_store([](store& in) -> net::task<void> {
        auto stream = co_await open(in, "s");
        EXPECT_EQ(stream->state.durable_tail().seq_num, 2u);
    });
}

} // namespace
} // namespace s2::local::test
