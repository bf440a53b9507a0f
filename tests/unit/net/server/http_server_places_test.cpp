#include "tests/unit/net/server/http_server_pair.hpp"

namespace net::test {
namespace {

TEST(http_server_places, a_newcomer_has_the_place_of_the_connection_that_was_idle_longest) {
    test_world world;
    http_limits limits;
    limits.connections_max = 2;
    with_server(world, limits, version, {},
                [&](http_server& server, test_listener& at, stop_source&) -> task<void> {
                    auto first = make_http1_client(world, at.dial());
                    co_await ask(*first);
                    co_await sleep_until(world, world.now() + std::chrono::seconds(1));
                    auto second = at.dial(); // says nothing
                    co_await world.settle();
                    auto third = make_http1_client(world, at.dial());
                    const auto answer = co_await ask(*third);
                    EXPECT_EQ(answer, "version 1");
                    const auto gone = co_await ask(*first);
                    EXPECT_TRUE(gone.starts_with("<")) << gone;
                    co_await write_text(*second, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                    const auto still = co_await read_all(*second);
                    EXPECT_TRUE(still.starts_with("HTTP/1.1 200 ")) << still;
                    EXPECT_EQ(server.connections_refused(), 0u);
                });
}

// A handler that answers /wait only when it is told to, and others at once.
struct busy_server {
    explicit busy_server(test_world& world)
        : go(world) {}

    http_handler handler() {
        return [this](server_exchange& exchange) -> task<void> {
            if (exchange.request().target == "/wait") {
                co_await wait_for(go, [this] { return told; });
            } else if (exchange.request().target == "/body") {
                auto body = co_await read_body(exchange, 1000);
            }
            co_await version(exchange);
        };
    }

    condition go;
    bool told = false;
};

task<std::string> ask_raw(stream& on, std::string target) {
    co_await write_text(on, "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
    auto answer = co_await read_all(on);
    co_return answer;
}

TEST(http_server_places, what_is_always_answered_has_a_spare_place_beside_calls_that_are_worked_on) {
    test_world world;
    busy_server busy(world);
    http_limits limits;
    limits.connections_max = 1;
    with_server(world, limits, busy.handler(), {},
                [&](http_server& server, test_listener& at, stop_source&) -> task<void> {
                    server.always_answer([](const request_head& head) { return head.target == "/health"; });
                    auto working = at.dial();
                    co_await write_text(*working,
                                        "GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                    co_await world.settle();
                    std::vector<std::unique_ptr<stream>> silent;
                    for (int n = 0; n < 40; ++n)
                        silent.push_back(at.dial()); // more than there are spare places
                    co_await world.settle();
                    auto other = at.dial();
                    const auto refused = co_await ask_raw(*other, "/other");
                    EXPECT_TRUE(refused.starts_with("HTTP/1.1 503 ")) << refused;
                    EXPECT_NE(refused.find("\"too_many_connections\""), std::string::npos);
                    auto probe = at.dial();
                    const auto health = co_await ask_raw(*probe, "/health");
                    EXPECT_TRUE(health.starts_with("HTTP/1.1 200 ")) << health;
                    EXPECT_NE(health.find("connection: close"), std::string::npos) << health;
                    auto connected = co_await connect_http2(world, at.dial());
                    auto opened = co_await (*connected)->open(get("/health"), true);
                    const auto text = co_await read_all(**opened);
                    EXPECT_EQ(text, "version 2");
                    opened->reset();
                    EXPECT_FALSE((*connected)->usable()) << "one request, and then it ends";
                    busy.told = true;
                    busy.go.notify();
                    const auto done = co_await read_all(*working);
                    EXPECT_TRUE(done.starts_with("HTTP/1.1 200 ")) << "it was never in the way";
                });
}

TEST(http_server_places, a_body_that_stalls_makes_room_and_a_call_that_is_worked_on_does_not) {
    test_world world;
    busy_server busy(world);
    http_limits limits;
    limits.connections_max = 2;
    with_server(
        world, limits, busy.handler(), {}, [&](http_server&, test_listener& at, stop_source&) -> task<void> {
            auto working = at.dial();
            co_await write_text(*working, "GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            auto stalled = at.dial();
            co_await write_text(*stalled, "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx");
            co_await sleep_until(world, world.now() + std::chrono::seconds(1));
            auto newcomer = make_http1_client(world, at.dial());
            const auto text = co_await ask(*newcomer);
            EXPECT_EQ(text, "version 1");
            const auto cut = co_await read_all(*stalled);
            EXPECT_EQ(cut, "");
            busy.told = true;
            busy.go.notify();
            const auto done = co_await read_all(*working);
            EXPECT_TRUE(done.starts_with("HTTP/1.1 200 ")) << done;
        });
}

// What the peer does not take for long makes room, too; how long is seen over both versions.
TEST(http_server_places, a_response_that_is_not_taken_makes_room_after_a_while) {
    for (const bool http2 : {false, true}) {
        test_world world;
        http_limits limits;
        limits.connections_max = 1;
        const http_handler endless = [](server_exchange& exchange) -> task<void> {
            co_await exchange.respond(ok);
            for (error_code ec; !ec;)
                ec = co_await write_text(exchange, std::string(100'000, 'x'));
        };
        with_server(
            world, limits, endless, {}, [&](http_server&, test_listener& at, stop_source&) -> task<void> {
                std::unique_ptr<stream> raw;
                std::unique_ptr<http_client> client;
                std::unique_ptr<client_exchange> exchange;
                if (http2) {
                    auto connected = co_await connect_http2(world, at.dial());
                    client = std::move(*connected);
                    auto opened = co_await client->open(get("/"), true);
                    exchange = std::move(*opened);
                } else {
                    raw = at.dial();
                    co_await write_text(*raw, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                }
                co_await world.settle();
                co_await sleep_until(world, world.now() + write_stall_least - std::chrono::seconds(1));
                auto early = at.dial();
                const auto refused = co_await ask_raw(*early, "/");
                EXPECT_TRUE(refused.starts_with("HTTP/1.1 503 ")) << refused;
                early.reset();
                co_await sleep_until(world, world.now() + std::chrono::seconds(1));
                auto late = at.dial();
                co_await write_text(*late, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                std::string begin(12, ' ');
                const auto got = co_await late->read_some(asio::buffer(begin));
                EXPECT_EQ(begin, "HTTP/1.1 200") << http2;
                EXPECT_TRUE(got.has_value());
            });
    }
}

TEST(http_server_places, an_http2_connection_makes_room_only_where_all_its_requests_stall) {
    test_world world;
    busy_server busy(world);
    http_limits limits;
    limits.connections_max = 1;
    with_server(world, limits, busy.handler(), {},
                [&](http_server&, test_listener& at, stop_source&) -> task<void> {
                    auto connected = co_await connect_http2(world, at.dial());
                    auto& client = **connected;
                    auto stalled = co_await client.open(post("/body"), false);
                    auto waits = co_await client.open(get("/wait"), true);
                    co_await world.settle();
                    auto other = at.dial();
                    const auto refused = co_await ask_raw(*other, "/");
                    EXPECT_TRUE(refused.starts_with("HTTP/1.1 503 ")) << refused;
                    busy.told = true;
                    busy.go.notify();
                    const auto done = co_await read_all(**waits);
                    EXPECT_EQ(done, "version 2");
                    waits->reset();
                    co_await world.settle();
                    auto newcomer = make_http1_client(world, at.dial());
                    const auto text = co_await ask(*newcomer);
                    EXPECT_EQ(text, "version 1");
                    EXPECT_FALSE(client.usable());
                });
}

TEST(http_server_places, requests_of_all_http2_connections_are_bounded_together) {
    test_world world;
    busy_server busy(world);
    with_server(world, {}, busy.handler(), {},
                [&](http_server&, test_listener& at, stop_source&) -> task<void> {
                    std::vector<std::unique_ptr<http_client>> clients;
                    std::vector<std::unique_ptr<client_exchange>> open;
                    for (std::size_t n = 0; n < open_requests_max + 1; ++n) {
                        if (n % 150 == 0) {
                            auto connected = co_await connect_http2(world, at.dial());
                            clients.push_back(std::move(*connected));
                            co_await world.settle();
                        }
                        auto opened = co_await clients.back()->open(get("/wait"), true);
                        open.push_back(std::move(*opened));
                    }
                    const auto refused = co_await open.back()->response();
                    EXPECT_EQ(refused.error(), make_error_code(error::refused_stream));
                    open.pop_back();
                    busy.told = true;
                    busy.go.notify();
                    for (auto& each : open) {
                        const auto text = co_await read_all(*each);
                        EXPECT_EQ(text, "version 2");
                    }
                    auto again = co_await clients.back()->open(get("/"), true);
                    const auto text = co_await read_all(**again);
                    EXPECT_EQ(text, "version 2");
                });
}

} // namespace
} // namespace net::test
