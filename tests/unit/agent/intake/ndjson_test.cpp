#include "agent/intake/ndjson.hpp"
#include "agent/intake/ndjson_listener.hpp"
#include "net/task/condition.hpp"
#include "net/task/pipe.hpp"
#include "tests/unit/agent/agent_world.hpp"
#include "tests/unit/net/test_listener.hpp"
#include "tests/unit/net/throwing_stream.hpp"

#include <boost/json.hpp>

namespace agent::test {
namespace {

using net::task;
using net::task_group;
using net::with_task_group;

task<net::error_code> write_text(net::stream& to, std::string text) {
    const net::asio::const_buffer buffer = net::asio::buffer(text);
    const net::error_code ec = co_await to.write(std::span(&buffer, 1));
    co_return ec;
}

task<std::string> read_to_end(net::stream& from) {
    std::string all;
    char piece[4096];
    for (;;) {
        const auto got = co_await from.read_some(net::asio::buffer(piece));
        if (!got)
            co_return all;
        all.append(piece, *got);
    }
}

struct intake_setup {
    agent_world env;
    capture_setup agent;
    body_memory bodies{env};
    net::stop_source stop{env};
    std::unique_ptr<net::stream> ours;
    std::unique_ptr<net::stream> theirs;

    explicit intake_setup(std::uint64_t capacity = 16 << 20, std::uint64_t live_history = 4 << 20)
        : agent(env, {}, capacity, live_history) {
        auto ends = net::make_pipe(env, 64 * 1024);
        ours = std::move(ends.first);
        theirs = std::move(ends.second);
    }

    void run(std::function<task<void>()> main) { env.world.run(std::move(main)); }
};

TEST(ndjson_intake, takes_lines_and_refuses_bad_ones_alone) {
    intake_setup setup;
    setup.agent.start();
    ndjson_intake intake(setup.env, *setup.agent.sessions, *setup.agent.journal, setup.bodies, *setup.ours,
                         setup.stop, {});
    auto end = intake_end::failed;
    setup.run([&]() -> task<void> {
        co_await write_text(*setup.theirs,
                            "{\"type\":\"a\"}\r\n\n{nonsense}\n{\"type\":\"b\"}\n{\"type\":\"last\"}");
        co_await setup.theirs->shutdown_write();
        end = co_await intake.run();
    });
    EXPECT_EQ(end, intake_end::end_of_input);
    EXPECT_EQ(intake.counts().lines, 4u);
    EXPECT_EQ(intake.counts().accepted, 3u);
    EXPECT_EQ(intake.counts().refused, 1u);
    EXPECT_EQ(setup.agent.journal->last_seq(), 4u);
    EXPECT_EQ(setup.agent.sessions->refused(), 1u);
}

TEST(ndjson_intake, a_stop_ends_reading_and_drops_a_line_without_end) {
    for (const bool abort : {false, true}) {
        intake_setup setup;
        setup.agent.start();
        ndjson_intake intake(setup.env, *setup.agent.sessions, *setup.agent.journal, setup.bodies,
                             *setup.ours, setup.stop, {});
        auto end = intake_end::failed;
        setup.run([&]() -> task<void> {
            co_await with_task_group(setup.env, [&](task_group& group) -> task<void> {
                group.spawn([&]() -> task<void> { end = co_await intake.run(); });
                co_await write_text(*setup.theirs, "{\"type\":\"a\"}\n{\"type\":\"b");
                while (intake.counts().accepted == 0)
                    co_await setup.agent.journal->appended().wait();
                if (abort)
                    group.abort();
                else
                    setup.stop.drain(net::never);
                co_await group.join();
            });
        });
        EXPECT_EQ(end, abort ? intake_end::failed : intake_end::stopped);
        EXPECT_EQ(intake.counts().accepted, 1u);
        EXPECT_EQ(intake.counts().refused, 1u);
        EXPECT_EQ(setup.agent.sessions->refused(), 1u);
    }
}

TEST(ndjson_intake, waits_rather_than_drop_what_s2_lacks) {
    intake_setup setup;
    setup.agent.retention.owes_all = true;
    setup.agent.start();
    ndjson_intake intake(setup.env, *setup.agent.sessions, *setup.agent.journal, setup.bodies, *setup.ours,
                         setup.stop, {});
    constexpr int lines = 40; // of 0.9 MB: more than the ring
    std::uint64_t when_paused = 0;
    setup.run([&]() -> task<void> {
        co_await with_task_group(setup.env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> { co_await intake.run(); });
            group.spawn([&]() -> task<void> {
                for (int n = 0; n < lines; ++n)
                    co_await write_text(*setup.theirs,
                                        R"({"type":"t","data":")" + std::string(900'000, 'x') + "\"}\n");
                co_await setup.theirs->shutdown_write();
            });
            // A delivery that does not move is not waited for; then the ring is full.
            co_await net::sleep_until(setup.env, setup.env.now() + std::chrono::seconds(10));
            EXPECT_TRUE(setup.agent.journal->freed().has_waiters());
            when_paused = intake.counts().accepted;
            setup.agent.journal->owed_changed(); // for nothing: it goes on waiting
            co_await setup.env.world.settle();
            EXPECT_EQ(intake.counts().accepted, when_paused);
            setup.agent.retention.owes_all = false;
            setup.agent.journal->owed_changed();
            co_await group.join();
        });
    });
    EXPECT_GT(when_paused, 5u);
    EXPECT_LT(when_paused, static_cast<std::uint64_t>(lines));
    EXPECT_EQ(intake.counts().accepted, static_cast<std::uint64_t>(lines));
    EXPECT_EQ(setup.agent.retention.dropped, 0u);
}

// A limit of the system, or a disk, that is widened by somebody else: nobody tells the agent.
TEST(ndjson_intake, waits_for_room_that_comes_unasked) {
    intake_setup setup;
    setup.agent.retention.owes_all = true;
    setup.agent.start();
    ndjson_intake intake(setup.env, *setup.agent.sessions, *setup.agent.journal, setup.bodies, *setup.ours,
                         setup.stop, {});
    constexpr std::uint64_t lines = 6; // of 0.9 MB: three segments
    setup.env.disk.memory_fails =
        boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
    setup.run([&]() -> task<void> {
        co_await with_task_group(setup.env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> { co_await intake.run(); });
            group.spawn([&]() -> task<void> {
                for (std::uint64_t n = 0; n < lines; ++n)
                    co_await write_text(*setup.theirs,
                                        R"({"type":"t","data":")" + std::string(900'000, 'x') + "\"}\n");
                co_await setup.theirs->shutdown_write();
            });
            co_await net::sleep_until(setup.env, setup.env.now() + std::chrono::minutes(10));
            EXPECT_EQ(intake.counts().accepted, 2u);
            EXPECT_EQ(intake.counts().refused, 0u);
            setup.env.disk.memory_fails = {};
            const auto before = setup.env.now();
            co_await group.join();
            EXPECT_LE(setup.env.now() - before, ring_look_again_after);
        });
    });
    EXPECT_EQ(intake.counts().accepted, lines);
    EXPECT_EQ(setup.agent.sessions->refused(), 0u);
    EXPECT_EQ(setup.agent.retention.dropped, 0u);
}

TEST(ndjson_intake, stays_near_a_delivery_that_moves) {
    intake_setup setup(64 << 20);
    setup.agent.retention.owes_all = true;
    setup.agent.start();
    ndjson_intake intake(setup.env, *setup.agent.sessions, *setup.agent.journal, setup.bodies, *setup.ours,
                         setup.stop, {});
    setup.run([&]() -> task<void> {
        co_await with_task_group(setup.env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> { co_await intake.run(); });
            group.spawn([&]() -> task<void> {
                for (int n = 0; n < 20; ++n)
                    co_await write_text(*setup.theirs,
                                        R"({"type":"t","data":")" + std::string(900'000, 'x') + "\"}\n");
                co_await setup.theirs->shutdown_write();
            });
            while (!setup.agent.journal->freed().has_waiters())
                co_await setup.env.world.settle();
            const auto ahead = intake.counts().accepted;
            EXPECT_LE(ahead, 2 * ring_segments_ahead_max);
            for (int count = 0; count < 5; ++count) {
                co_await net::sleep_until(setup.env, setup.env.now() + std::chrono::milliseconds(900));
                EXPECT_EQ(intake.counts().accepted, ahead);
                setup.agent.journal->owed_changed(); // an acknowledgement
            }
            co_await group.join();
        });
    });
    EXPECT_EQ(intake.counts().accepted, 20u);
}

TEST(ndjson_intake, stopped_while_it_waits_it_refuses_the_line_in_hand) {
    for (const bool abort : {false, true}) {
        intake_setup setup;
        setup.agent.retention.owes_all = true;
        setup.agent.start();
        ndjson_intake intake(setup.env, *setup.agent.sessions, *setup.agent.journal, setup.bodies,
                             *setup.ours, setup.stop, {});
        setup.run([&]() -> task<void> {
            co_await with_task_group(setup.env, [&](task_group& group) -> task<void> {
                group.spawn([&]() -> task<void> { co_await intake.run(); });
                group.spawn([&]() -> task<void> {
                    for (;;) {
                        const auto ec = co_await write_text(
                            *setup.theirs, R"({"type":"t","data":")" + std::string(900'000, 'x') + "\"}\n");
                        if (ec)
                            break;
                    }
                });
                while (!setup.agent.journal->freed().has_waiters())
                    co_await setup.env.world.settle();
                if (abort)
                    group.abort();
                else
                    setup.stop.drain(net::never);
                co_await group.join();
            });
        });
        EXPECT_GE(intake.counts().refused, 1u);
        EXPECT_EQ(intake.counts().lines, intake.counts().accepted + intake.counts().refused);
        EXPECT_EQ(setup.agent.retention.dropped, 0u);
    }
}

TEST(ndjson_intake, a_connection_reads_its_errors_line_by_line) {
    intake_setup setup;
    setup.agent.start();
    intake_options options;
    options.write_errors_back = true;
    std::string errors;
    setup.run([&]() -> task<void> {
        co_await with_task_group(setup.env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                auto stream = std::move(setup.ours);
                ndjson_intake intake(setup.env, *setup.agent.sessions, *setup.agent.journal, setup.bodies,
                                     *stream, setup.stop, options);
                co_await intake.run();
            });
            co_await write_text(*setup.theirs, "{\"type\":\"a\"}\nx\n{\"type\":7}\n");
            co_await setup.theirs->shutdown_write();
            errors = co_await read_to_end(*setup.theirs);
            co_await group.join();
        });
    });
    const auto middle = errors.find('\n');
    ASSERT_NE(middle, std::string::npos);
    const auto first = boost::json::parse(errors.substr(0, middle));
    const auto second = boost::json::parse(errors.substr(middle + 1));
    EXPECT_EQ(first.at("line"), 2);
    EXPECT_EQ(first.at("code"), "invalid_json");
    EXPECT_EQ(second.at("line"), 3);
    EXPECT_EQ(second.at("code"), "invalid_event");
    EXPECT_FALSE(second.at("message").as_string().empty());
}

TEST(ndjson_intake, who_never_reads_its_errors_can_still_write_and_is_let_go) {
    intake_setup setup;
    setup.agent.start();
    intake_options options;
    options.write_errors_back = true;
    intake_counts counts;
    setup.run([&]() -> task<void> {
        co_await with_task_group(setup.env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                ndjson_intake intake(setup.env, *setup.agent.sessions, *setup.agent.journal, setup.bodies,
                                     *setup.ours, setup.stop, options);
                co_await intake.run();
                counts = intake.counts();
            });
            for (int n = 0; n < 200; ++n) {
                std::string many;
                for (int line = 0; line < 100; ++line)
                    many += "nonsense\n";
                co_await write_text(*setup.theirs, many);
            }
            co_await setup.theirs->shutdown_write();
            co_await group.join();
        });
    });
    EXPECT_EQ(counts.refused, 20'000u);
}

TEST(ndjson_listener, serves_connections_beside_each_other_until_the_stop) {
    intake_setup setup;
    setup.agent.start();
    auto made = std::make_unique<net::test::test_listener>(setup.env);
    auto& listening = *made;
    ndjson_listener listener(setup.env, *setup.agent.sessions, *setup.agent.journal, setup.bodies,
                             std::move(made));
    setup.run([&]() -> task<void> {
        co_await with_task_group(setup.env, [&](task_group& group) -> task<void> {
            group.spawn([&] { return listener.serve(setup.stop); });
            auto first = listening.dial();
            auto second = listening.dial();
            co_await write_text(*first, "{\"type\":\"a\"}\n");
            co_await write_text(*second, "{\"type\":\"b\"}\n{\"type");
            while (setup.agent.journal->last_seq() < 3)
                co_await setup.agent.journal->appended().wait();
            EXPECT_EQ(listener.connections(), 2u);
            co_await first->shutdown_write();
            while (listener.connections() > 1)
                co_await setup.env.world.settle();
            setup.stop.drain(net::never);
            co_await group.join();
        });
    });
    EXPECT_EQ(listener.connections(), 0u);
    EXPECT_EQ(listener.counts().accepted, 2u);
    EXPECT_EQ(listener.counts().refused, 1u);
}

struct listener_setup : intake_setup {
    std::shared_ptr<net::connection_places> places;
    std::unique_ptr<net::test::test_listener> made = std::make_unique<net::test::test_listener>(env);
    net::test::test_listener& listening = *made;
    ndjson_listener listener;

    explicit listener_setup(std::size_t places_max = 0)
        : places(places_max ? std::make_shared<net::connection_places>(env, places_max, 0) : nullptr)
        , listener(env, *agent.sessions, *agent.journal, bodies, std::move(made), places) {
        agent.start();
    }

    task<void> send_line(net::stream& to) {
        const auto before = agent.journal->last_seq();
        co_await write_text(to, "{\"type\":\"a\"}\n");
        while (agent.journal->last_seq() == before)
            co_await agent.journal->appended().wait();
    }

    void serve(std::function<task<void>()> meanwhile) {
        run([&]() -> task<void> {
            co_await with_task_group(env, [&](task_group& group) -> task<void> {
                group.spawn([&] { return listener.serve(stop); });
                co_await meanwhile();
                stop.drain(net::never);
                co_await group.join();
            });
        });
    }
};

TEST(ndjson_listener, an_error_of_accept_ends_nothing) {
    listener_setup setup;
    setup.serve([&]() -> task<void> {
        auto older = setup.listening.dial();
        co_await setup.send_line(*older);
        for (const int number : {EMFILE, ENETDOWN, EPERM, EINVAL, EBADF, EIO}) {
            setup.listening.fail(number);
            auto newer = setup.listening.dial();
            co_await setup.send_line(*newer);
        }
        co_await setup.send_line(*older);
        EXPECT_FALSE(setup.listening.closed());
    });
}

TEST(ndjson_listener, a_connection_that_fails_inside_ends_alone) {
    listener_setup setup;
    setup.serve([&]() -> task<void> {
        auto sound = setup.listening.dial();
        co_await setup.send_line(*sound);
        setup.listening.hand_over(std::make_unique<net::test::throwing_stream>());
        co_await setup.env.world.settle();
        EXPECT_EQ(setup.listener.connections(), 1u);
        co_await setup.send_line(*sound);
    });
}

TEST(ndjson_listener, waits_where_all_places_are_taken) {
    listener_setup setup(2);
    setup.serve([&]() -> task<void> {
        auto others = std::vector{setup.places->take()};
        auto first = setup.listening.dial();
        co_await setup.send_line(*first);
        auto second = setup.listening.dial();
        auto third = setup.listening.dial();
        co_await setup.env.world.settle();
        EXPECT_EQ(setup.listener.connections(), 1u);
        others.clear();
        co_await setup.send_line(*second);
        EXPECT_EQ(setup.listener.connections(), 2u);
        first.reset();
        co_await setup.send_line(*third);
        EXPECT_EQ(setup.listener.connections(), 2u);
    });
}

TEST(ndjson_listener, an_unfinished_line_gives_its_room_to_one_that_waits) {
    listener_setup setup;
    std::string told;
    setup.serve([&]() -> task<void> {
        std::vector<std::unique_ptr<net::stream>> silent;
        for (std::uint64_t n = 0; n < body_room_bytes / whole_line_bytes; ++n) {
            silent.push_back(setup.listening.dial());
            co_await write_text(*silent.back(), "{\"type\":\"" + std::string(body_free_bytes + 1000, 'x'));
        }
        auto idle = setup.listening.dial();
        while (setup.bodies.places().held_bytes() < silent.size() * whole_line_bytes)
            co_await setup.env.world.settle();
        // It goes on as soon as the silent ones have been given up, and not before.
        auto other = setup.listening.dial();
        const auto begun = setup.env.now();
        co_await write_text(*other, "{\"type\":\"a\",\"data\":\"" + std::string(300'000, 'y') + "\"}\n");
        while (setup.agent.journal->last_seq() < 2)
            co_await setup.agent.journal->appended().wait();
        EXPECT_EQ(setup.env.now() - begun, body_silence_max);
        told = co_await read_to_end(*silent.front());
        // Who holds nothing is left alone.
        co_await setup.send_line(*idle);
    });
    EXPECT_EQ(boost::json::parse(told).at("code"), "stalled") << told;
    EXPECT_EQ(setup.bodies.places().held_bytes(), 0u);
}

TEST(ndjson_listener, a_stop_ends_the_wait_for_a_place) {
    listener_setup setup(2);
    const auto others = std::vector{setup.places->take(), setup.places->take()};
    std::unique_ptr<net::stream> waits;
    setup.serve([&]() -> task<void> {
        waits = setup.listening.dial();
        co_await setup.env.world.settle();
        EXPECT_EQ(setup.listener.connections(), 0u);
    });
    EXPECT_TRUE(setup.listening.closed());
}

} // namespace
} // namespace agent::test
