// What dials and appends, aborted at each of its suspensions.
#include "tests/unit/net/each_suspension.hpp"
#include "tests/unit/s2/scripted_server.hpp"

namespace s2 {
namespace {

using namespace std::chrono_literals;
using net::task;
using net::test::cut_at;

// Opened once; who comes later goes through.
class gate {
public:
    explicit gate(net::environment& env)
        : changed_(env) {}

    void open() {
        open_ = true;
        changed_.notify();
    }

    task<> pass() {
        while (!open_)
            co_await changed_.wait();
    }

private:
    net::condition changed_;
    bool open_ = false;
};

// Each cut in a world with a server of its own.
template <class Scene>
void abort_at_each_suspension(std::size_t steps) {
    for (const auto where : net::test::every_cut(steps)) {
        SCOPED_TRACE(where.text());
        net::test::test_world world;
        test::scripted_server server(world);
        Scene scene(world, server);
        ASSERT_EQ(scene.steps.size(), steps);
        server.run([&](client& s2) -> task<> {
            scene.s2 = &s2;
            co_await net::test::cut(world, scene, where);
        });
    }
}

struct scene_of_s2 {
    scene_of_s2(net::test::test_world& in, test::scripted_server& of)
        : world(in)
        , server(of) {}

    net::test::test_world& world;
    test::scripted_server& server;
    client* s2 = nullptr;
    std::vector<std::function<void()>> steps;

    // The connection, or a new one, serves the next caller.
    task<> expect_usable() {
        auto opened = co_await append_session::open(*s2, "next", world.now() + 5s);
        EXPECT_TRUE(opened);
        if (!opened)
            co_return;
        const auto session = std::move(*opened);
        const auto end = co_await session->next(world.now() + 5s);
        EXPECT_EQ(end.what, append_event::kind::end);
        EXPECT_TRUE(end.failure && end.failure->is_code("stream_not_found"));
    }
};

struct dials : scene_of_s2 {
    dials(net::test::test_world& in, test::scripted_server& of)
        : scene_of_s2(in, of)
        , dialled(in) {
        server.before_dial = [this] { return dialled.pass(); };
        server.on_request = [](net::server_exchange& exchange, std::size_t) {
            return test::answer(exchange, 404, R"({"code":"stream_not_found","message":""})");
        };
        steps.push_back([this] { dialled.open(); });
    }

    task<> body() {
        auto opened = co_await append_session::open(*s2, "stream", world.now() + 5s);
        EXPECT_TRUE(opened);
    }

    task<> afterwards(cut_at) {
        dialled.open();
        co_await expect_usable();
        EXPECT_LE(server.connections, 2u);
    }

    gate dialled;
};

TEST(each_suspension, of_a_dial_leaves_the_host_to_the_next_caller) {
    abort_at_each_suspension<dials>(1);
}

// Of the next two, one dials and the other waits for that.
struct dials_before_two_others : dials {
    using dials::dials;

    task<> afterwards(cut_at) {
        co_await net::with_task_group(world, [this](net::task_group& group) -> task<> {
            group.spawn([this]() -> task<> { co_await expect_usable(); });
            group.spawn([this]() -> task<> { co_await expect_usable(); });
            co_await world.settle();
            dialled.open();
            co_await group.join();
        });
        EXPECT_LE(server.connections, 2u);
    }
};

TEST(each_suspension, of_a_dial_leaves_the_host_to_several_callers) {
    abort_at_each_suspension<dials_before_two_others>(1);
}

// One batch, its ack, and the end.
struct appends : scene_of_s2 {
    appends(net::test::test_world& in, test::scripted_server& of)
        : scene_of_s2(in, of)
        , head(in)
        , acked(in)
        , ended(in) {
        server.on_request = [this](net::server_exchange& exchange, std::size_t number) -> task<> {
            if (number > 0) {
                co_await test::answer(exchange, 404, R"({"code":"stream_not_found","message":""})");
                co_return;
            }
            co_await head.pass();
            co_await test::begin_session(exchange);
            co_await acked.pass();
            co_await test::say(exchange, test::frame_of({{7, 1}, {8, 1}, {8, 1}}));
            co_await ended.pass();
            co_await exchange.finish();
        };
        for (auto* each : {&head, &acked, &ended})
            steps.push_back([each] { each->open(); });
    }

    task<> body() {
        auto opened = co_await append_session::open(*s2, "stream", world.now() + 5s);
        const auto session = std::move(*opened);
        append_input input;
        input.records.emplace_back();
        input.match_seq_num = 7;
        const auto sent = co_await session->send(input);
        EXPECT_TRUE(sent);
        auto event = co_await session->next();
        if (event.what == append_event::kind::ack)
            ++acks;
        else
            expect_cancelled(event);
        co_await session->half_close();
        event = co_await session->next();
        if (event.failure)
            expect_cancelled(event);
        else
            clean_end = true;
    }

    static void expect_cancelled(const append_event& event) {
        EXPECT_EQ(event.what, append_event::kind::end);
        EXPECT_TRUE(event.failure && classify(*event.failure) == verdict::cancelled);
    }

    task<> afterwards(cut_at where) {
        EXPECT_LE(acks, where.step < 1 ? 0u : 1u) << "none came";
        EXPECT_GE(acks, where.step > 1 ? 1u : 0u) << "it came, and was taken";
        EXPECT_TRUE(!clean_end || where.step == 2) << "the end was never said";
        for (const auto& open : steps)
            open(); // the server's handler leaves, whatever it says to nobody
        co_await world.settle();
        co_await expect_usable();
        EXPECT_EQ(server.connections, 1u) << "a session that is left costs no connection";
    }

    gate head;
    gate acked;
    gate ended;
    std::size_t acks = 0;
    bool clean_end = false;
};

TEST(each_suspension, of_an_append_session_leaves_the_connection_as_it_was) {
    abort_at_each_suspension<appends>(3);
}

} // namespace
} // namespace s2
