#include "agent/load/load.hpp"
#include "tests/unit/agent/api/control_setup.hpp"

namespace agent::test {
namespace {

using namespace std::chrono_literals;
using net::task;
using net::task_group;

// A load over a capture session whose acknowledgements the test gives.
struct load_setup {
    agent_world env;
    capture_setup agent{env};
    fake_delivery sink{env};
    net::stop_source stop{env};
    intake_end end = intake_end::stopped;

    load_setup() { agent.start(); }

    task<> publish(load& one) { end = co_await one.publish_all(*agent.sessions, *agent.journal, sink, stop); }

    // The load, and `beside` it until that has ended too.
    void run(load& one, std::function<task<>()> beside = {}) {
        env.world.run([&]() -> task<> {
            co_await net::with_task_group(env, [&](task_group& group) -> task<> {
                group.spawn([&] { return publish(one); });
                if (beside)
                    group.spawn(beside);
                co_await group.join();
            });
        });
    }

    // Tells the load every `each` that all is durable, until `count` events are.
    std::function<task<>()> acks(load& one, net::duration each, std::uint64_t count) {
        return [this, &one, each, count]() -> task<> {
            while (one.progress().durable < count) {
                co_await net::sleep_until(env, env.now() + each);
                one.durable(agent.journal->last_seq());
            }
        };
    }
};

load_options at_rate(std::uint64_t per_second) {
    load_options options;
    options.schedule.per_second = per_second;
    return options;
}

TEST(load, publishes_so_many_events_as_they_are_made) {
    load_setup setup;
    load_options options;
    options.events = 1000;
    load one(setup.env, options);
    setup.run(one);
    EXPECT_EQ(setup.end, intake_end::end_of_input);
    const auto& told = one.progress();
    EXPECT_EQ(told.published, 1000u);
    EXPECT_EQ(told.first_seq, 2u);
    const auto envelopes = setup.agent.envelopes(told.first_seq);
    ASSERT_EQ(envelopes.size(), 1000u);
    load_events made(371, told.first_ts, {});
    std::size_t bytes = 0;
    for (std::uint64_t n = 0; n < 1000; ++n) {
        EXPECT_EQ(envelopes[n], made.envelope(n, told.session_id, told.first_seq + n));
        bytes += envelopes[n].size();
    }
    EXPECT_EQ(told.published_bytes, bytes);
}

TEST(load, keeps_its_rate_for_its_duration) {
    for (const std::uint64_t rate : {10u, 1000u, 25'000u}) {
        load_setup setup;
        auto options = at_rate(rate);
        options.duration = 2s;
        load one(setup.env, options);
        setup.run(one);
        EXPECT_EQ(one.progress().published, 2 * rate);
        EXPECT_EQ(one.progress().not_offered, 0u);
        EXPECT_LT(setup.env.now() - *one.progress().began, 2s);
    }
}

TEST(load, a_latency_counts_from_when_the_event_was_due) {
    load_setup setup;
    auto options = at_rate(1000);
    options.events = 100;
    load one(setup.env, options);
    setup.run(one, setup.acks(one, 10ms, 100)); // events come each ms, acks each 10 ms
    const auto& latency = one.progress().latency;
    EXPECT_EQ(latency.count(), 100u);
    EXPECT_LE(latency.max(), 10ms);
    EXPECT_EQ(latency.mean(), latency.max() - 4500us);
}

TEST(load, without_a_rate_it_stays_near_a_delivery_that_moves) {
    load_setup setup;
    setup.agent.retention.owes_all = true;
    load_options options;
    options.event_bytes = 900'000;
    options.events = 12; // the ring has room for them
    load one(setup.env, options);
    setup.run(one, [&]() -> task<> {
        while (!setup.agent.journal->freed().has_waiters() && one.progress().published < 12)
            co_await setup.env.world.settle();
        const auto ahead = one.progress().published;
        EXPECT_LE(ahead, 2 * ring_segments_ahead_max);
        for (int count = 0; count < 5; ++count) {
            co_await net::sleep_until(setup.env, setup.env.now() + 900ms);
            EXPECT_EQ(one.progress().published, ahead);
            setup.agent.journal->owed_changed(); // an acknowledgement
        }
    });
    EXPECT_EQ(one.progress().published, 12u);
}

TEST(load, an_event_that_waits_for_room_is_due_meanwhile) {
    load_setup setup;
    setup.agent.retention.owes_all = true;
    auto options = at_rate(1000);
    options.event_bytes = 500'000;
    options.events = 100; // the ring holds 16 MiB
    load one(setup.env, options);
    setup.run(one, [&]() -> task<> {
        co_await net::sleep_until(setup.env, setup.env.now() + 1s);
        EXPECT_LT(one.progress().published, 40u);
        setup.agent.retention.owes_all = false;
        one.durable(setup.agent.journal->last_seq());
        setup.agent.journal->owed_changed();
        while (one.progress().published < 100)
            co_await setup.agent.journal->appended().wait();
        one.durable(setup.agent.journal->last_seq());
    });
    EXPECT_EQ(setup.end, intake_end::end_of_input);
    EXPECT_EQ(one.progress().durable, 100u);
    EXPECT_GE(one.progress().latency.percentile(0.01),
              900ms); // the last was due at 99 ms, and came after 1 s
}

TEST(load, what_found_no_room_until_the_end_was_not_offered) {
    load_setup setup;
    setup.agent.retention.owes_all = true;
    auto options = at_rate(100);
    options.event_bytes = 900'000;
    options.duration = 1s;
    load one(setup.env, options);
    setup.run(one);
    EXPECT_EQ(setup.end, intake_end::end_of_input);
    EXPECT_GT(one.progress().published, 0u);
    EXPECT_EQ(one.progress().published + one.progress().not_offered, 100u);
}

TEST(load, ends_early_also_where_it_waits) {
    for (const bool for_room : {false, true}) {
        for (const bool by_stop : {false, true}) {
            load_setup setup;
            setup.agent.retention.owes_all = for_room;
            auto options = at_rate(for_room ? 0 : 1);
            options.event_bytes = 100'000;
            load one(setup.env, options);
            setup.run(one, [&]() -> task<> {
                co_await net::sleep_until(setup.env, setup.env.now() + 10500ms);
                if (by_stop)
                    setup.stop.drain(net::never);
                else
                    one.end_early();
            });
            EXPECT_EQ(setup.end, intake_end::end_of_input);
            if (!for_room) {
                EXPECT_EQ(one.progress().published, 11u);
            }
            EXPECT_EQ(one.progress().not_offered, 0u);
        }
    }
}

TEST(load, without_a_durable_first_envelope_it_does_not_begin) {
    for (const auto outcome : {flush_outcome::timed_out, flush_outcome::parked}) {
        load_setup setup;
        setup.sink.outcome = outcome;
        setup.sink.now.reason = "no such basin";
        load one(setup.env, at_rate(1));
        setup.run(one);
        EXPECT_EQ(setup.end, intake_end::failed);
        EXPECT_EQ(one.progress().published, 0u);
        EXPECT_FALSE(one.progress().began);
        EXPECT_TRUE(one.progress().failure.ends_with(": no such basin")) << one.progress().failure;
    }
}

TEST(load, a_refused_event_ends_it) {
    load_setup setup;
    load one(setup.env, at_rate(1));
    setup.run(one, [&]() -> task<> {
        co_await net::sleep_until(setup.env, setup.env.now() + 2500ms);
        setup.agent.sessions->stop(end_reason::stopped);
    });
    EXPECT_EQ(setup.end, intake_end::failed);
    EXPECT_EQ(one.progress().failure, "an event was refused: no capture session is active");
}

} // namespace
} // namespace agent::test
