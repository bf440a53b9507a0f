#pragma once
// The embedded server over the model store behind a faulty face, and an HTTP/2 client of it in the same
// world, which gives up after a while.

#include "net/task/with_deadline.hpp"
#include "s2/frame.hpp"
#include "s2/local/server.hpp"
#include "tests/sim/faulty_face.hpp"
#include "tests/sim/model_storage.hpp"
#include "tests/unit/net/server/http_pair.hpp"
#include "tests/unit/s2/local/fixture.hpp"

#include <gmock/gmock.h>

namespace sim::test {

inline constexpr net::duration patience = std::chrono::seconds(30);

// What a client saw of a request. Its answer ended by "eof", "reset", another error, or the client "gave up".
struct seen {
    unsigned status = 0; // 0: no head came
    net::http_fields fields;
    std::string body; // of a whole answer
    std::string end;

    // Of a session.
    std::vector<std::uint64_t> acked; // ends of the batches, seq_num
    unsigned terminal = 0;            // status; 0: none
    std::string terminal_body;
    bool advised = false;
};

class faulty_face_test : public testing::Test {
protected:
    net::test::test_world world;
    std::shared_ptr<model_store> kept = std::make_shared<model_store>();
    fault_table faults{draw(7)};
    service_watch watch;
    std::vector<std::string> events;

    faulty_face_test() {
        s2::local::basin_config config;
        config.create_stream_on_append = true;
        kept->put_basin("test-basin", config);
        watch.on_event = [this](std::string_view what, std::string_view stream) {
            events.push_back(std::string(what) + " " + std::string(stream));
        };
    }

    void with_face(std::function<net::task<>(net::http_client&)> body) {
        world.run([this, body]() -> net::task<> {
            net::stop_source stop(world);
            s2::local::embedded_server server(world, std::make_unique<model_storage>(kept), stop);
            faulty_face face(world, server.face().handler(), faults, watch);
            auto use = [body](net::http_client& client, net::stop_source&) { return body(client); };
            auto all = [&](net::task_group& group) -> net::task<> {
                group.spawn([&] { return server.run([&] { return face.run(stop); }); });
                co_await world.settle();
                co_await net::test::with_http2(world, {}, face.handler(), use);
                stop.drain(world.now());
                co_await group.join();
            };
            co_await net::with_task_group(world, all);
        });
    }

    static net::request_head head_of(std::string method, std::string target, std::string type) {
        net::request_head head;
        head.method = std::move(method);
        head.scheme = "http";
        head.authority = "test";
        head.target = std::move(target);
        head.fields.push_back({"s2-basin", "test-basin"});
        if (!type.empty())
            head.fields.push_back({"content-type", std::move(type)});
        return head;
    }

    // Whatever comes, until it ends or patience does.
    net::task<seen> rest_of(net::client_exchange& exchange) {
        seen what;
        const net::time_point deadline = world.now() + patience;
        auto head = co_await net::with_deadline(world, deadline, exchange.response());
        if (head) {
            what.status = head->status;
            what.fields = head->fields;
        }
        net::error_code ended = head ? net::error_code() : head.error();
        std::string piece(4096, '\0');
        while (!ended) {
            auto more = exchange.read_some(net::asio::buffer(piece));
            auto got = co_await net::with_deadline(world, world.now() + patience, std::move(more));
            if (got)
                what.body.append(piece, 0, *got);
            else
                ended = got.error();
        }
        what.end = net::is_eof(ended)                  ? "eof"
                   : net::is_timed_out(ended)          ? "gave up"
                   : ended == net::error::stream_reset ? "reset"
                                                       : ended.message();
        co_return what;
    }

    static void read_frames(seen& what) {
        s2::frame_decoder decoder;
        decoder.feed(what.body);
        s2::frame one;
        while (decoder.next(one) == s2::frame_decoder::outcome::frame) {
            what.advised = what.advised || one.reconnect_advised;
            if (const auto told = one.terminal ? s2::decode_terminal(one.payload) : std::nullopt) {
                what.terminal = told->status;
                what.terminal_body = told->json;
            } else if (const auto ack = s2::decode_append_ack(one.payload)) {
                what.acked.push_back(ack->end.seq_num);
            }
        }
    }

    net::task<seen> ask(net::http_client& client, std::string method, std::string target,
                        std::string body = {}) {
        auto head = head_of(method, target, body.empty() ? "" : "application/json");
        auto exchange = co_await client.open(std::move(head), body.empty());
        if (!body.empty()) {
            (void)co_await net::test::write_text(**exchange, body);
            (void)co_await (*exchange)->finish();
        }
        seen what = co_await rest_of(**exchange);
        co_return what;
    }

    net::task<seen> append(net::http_client& client, std::string stream, std::string body) {
        std::string json = R"({"records":[{"body":")" + body + R"("}]})";
        seen what = co_await ask(client, "POST", "/v1/streams/" + stream + "/records", json);
        co_return what;
    }

    // Batches of one record each, "first" on, each with the position where it must land; then the end.
    net::task<seen> append_session(net::http_client& client, std::string stream, std::uint64_t first,
                                   std::uint64_t count, bool half_close = true) {
        auto head = head_of("POST", "/v1/streams/" + stream + "/records", "s2s/proto");
        auto exchange = co_await client.open(std::move(head), false);
        std::string frames;
        for (std::uint64_t i = first; i < first + count; ++i) {
            auto input = s2::local::test::batch(std::to_string(i));
            input.match_seq_num = i;
            std::string payload;
            s2::encode_append_input(input, payload);
            s2::encode_frame(payload, s2::compression::none, frames);
        }
        (void)co_await net::test::write_text(**exchange, frames);
        if (half_close)
            (void)co_await (*exchange)->finish();
        seen what = co_await rest_of(**exchange);
        read_frames(what);
        co_return what;
    }

    std::vector<std::string> stored(const std::string& stream) const {
        std::vector<std::string> bodies;
        if (const auto id = kept->find("test-basin", stream))
            for (const auto& record : kept->ever_appended(*id))
                bodies.push_back(record.body);
        return bodies;
    }

    void only(fault which, unsigned per_mille = 1000) { faults.allow(which, per_mille); }
};

} // namespace sim::test
