#include "tests/sim/faulty_face_fixture.hpp"

namespace sim::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using faulty_append_session_test = faulty_face_test;

TEST_F(faulty_append_session_test, without_faults_nothing_changes) {
    std::vector<std::uint64_t> bodies;
    watch.on_body = [&](std::string_view stream, std::uint64_t bytes) {
        EXPECT_EQ(stream, "test-basin/s");
        bodies.push_back(bytes);
    };
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append_session(client, "s", 0, 5);
        EXPECT_EQ(what.status, 200u);
        EXPECT_EQ(what.end, "eof");
        EXPECT_EQ(what.terminal, 0u);
        EXPECT_THAT(what.acked, ElementsAre(1, 2, 3, 4, 5));
    });
    EXPECT_THAT(stored("s"), ElementsAre("0", "1", "2", "3", "4"));
    EXPECT_THAT(events, ElementsAre("append session test-basin/s"));
    EXPECT_EQ(watch.batches_in_flight_max, 5u);
    EXPECT_EQ(watch.metered_bytes_in_flight_max, 5u * 9);
    EXPECT_EQ(watch.batch_records_max, 1u);
    EXPECT_EQ(watch.append_sessions_max, 1u);
    ASSERT_EQ(bodies.size(), 1u);
    EXPECT_EQ(watch.payload_bytes_in_flight_max, bodies.front());
    EXPECT_EQ(watch.unary_body_bytes_max, 0u);
}

TEST_F(faulty_append_session_test, a_refusal_of_the_face_itself_goes_through) {
    only(fault::reconnect_advised);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append_session(client, "s", 3, 2);
        EXPECT_EQ(what.terminal, 412u);
        EXPECT_EQ(what.terminal_body, R"({"seq_num_mismatch":0})");
        EXPECT_EQ(what.end, "eof");
    });
}

TEST_F(faulty_append_session_test, reset_before_append) {
    only(fault::reset_before_append, 300);
    std::uint64_t resets = 0;
    with_face([&](net::http_client& client) -> net::task<> {
        for (int i = 0; i < 40; ++i) {
            const std::string name = "s" + std::to_string(i);
            const seen what = co_await append_session(client, name, 0, 3);
            resets += what.end != "eof" ? 1 : 0;
            EXPECT_EQ(what.acked.size() == 3, what.end == "eof");
            EXPECT_EQ(stored(name).size() == 3, what.end == "eof");
        }
    });
    EXPECT_GT(resets, 10u);
    EXPECT_EQ(faults.count(fault::reset_before_append), resets);
}

TEST_F(faulty_append_session_test, reset_during_append_applies_nothing_of_the_batch) {
    only(fault::reset_during_append);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append_session(client, "s", 0, 3);
        EXPECT_EQ(what.end, "reset");
        EXPECT_THAT(what.acked, IsEmpty());
    });
    EXPECT_THAT(stored("s"), IsEmpty());
    EXPECT_EQ(faults.count(fault::reset_during_append), 1u);
}

TEST_F(faulty_append_session_test, reset_after_append_applies_it) {
    only(fault::reset_after_append);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append_session(client, "s", 0, 1);
        EXPECT_EQ(what.end, "reset");
        EXPECT_THAT(what.acked, IsEmpty());
    });
    EXPECT_THAT(stored("s"), ElementsAre("0"));
    EXPECT_EQ(faults.count(fault::reset_after_append), 1u);
}

TEST_F(faulty_append_session_test, lost_ack_is_silence_and_everything_is_applied) {
    only(fault::lost_ack);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append_session(client, "s", 0, 4);
        EXPECT_EQ(what.status, 200u);
        EXPECT_EQ(what.end, "gave up");
        EXPECT_THAT(what.acked, IsEmpty());
    });
    EXPECT_THAT(stored("s"), ElementsAre("0", "1", "2", "3"));
    EXPECT_EQ(faults.count(fault::lost_ack), 1u);
}

TEST_F(faulty_append_session_test, ack_after_reset_applies_it_when_the_client_has_gone) {
    only(fault::ack_after_reset);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append_session(client, "s", 0, 3);
        EXPECT_EQ(what.end, "reset");
        EXPECT_THAT(stored("s"), IsEmpty());
        EXPECT_EQ(faults.count(fault::ack_after_reset), 0u);
        co_await net::sleep_until(world, world.now() + late_max);
        co_await world.settle();
        EXPECT_THAT(stored("s"), ElementsAre("0", "1", "2"));
    });
    EXPECT_EQ(faults.count(fault::ack_after_reset), 1u);
}

TEST_F(faulty_append_session_test, what_comes_late_meets_the_conditions_of_then) {
    only(fault::ack_after_reset);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append_session(client, "s", 0, 1);
        EXPECT_EQ(what.end, "reset");
        faults.heal();
        const seen again = co_await append_session(client, "s", 0, 1);
        EXPECT_THAT(again.acked, ElementsAre(1));
        co_await net::sleep_until(world, world.now() + late_max);
    });
    EXPECT_THAT(stored("s"), ElementsAre("0"));
    EXPECT_EQ(faults.count(fault::ack_after_reset), 0u);
}

TEST_F(faulty_append_session_test, end_with_unacked_is_an_orderly_end) {
    only(fault::end_with_unacked, 500);
    bool applied = false, withheld = false;
    with_face([&](net::http_client& client) -> net::task<> {
        for (int i = 0; i < 40; ++i) {
            const std::string name = "s" + std::to_string(i);
            const seen what = co_await append_session(client, name, 0, 3);
            EXPECT_EQ(what.end, "eof");
            EXPECT_EQ(what.terminal, 0u);
            EXPECT_GE(stored(name).size(), what.acked.size());
            applied = applied || stored(name).size() > what.acked.size();
            withheld = withheld || (what.acked.size() < 3 && stored(name).size() == what.acked.size());
        }
    });
    EXPECT_TRUE(applied);
    EXPECT_TRUE(withheld);
    EXPECT_GT(faults.count(fault::end_with_unacked), 10u);
}

TEST_F(faulty_append_session_test, rst_stream_breaks_an_answer_that_has_begun) {
    only(fault::rst_stream);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append_session(client, "s", 0, 3);
        EXPECT_EQ(what.status, 200u);
        EXPECT_EQ(what.end, "reset");
    });
    EXPECT_EQ(faults.count(fault::rst_stream), 1u);
}

TEST_F(faulty_append_session_test, reconnect_advised_stands_in_the_acks) {
    only(fault::reconnect_advised);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append_session(client, "s", 0, 3);
        EXPECT_TRUE(what.advised);
        EXPECT_THAT(what.acked, ElementsAre(1, 2, 3));
        EXPECT_EQ(what.end, "eof");
    });
    EXPECT_GT(faults.count(fault::reconnect_advised), 0u);
}

TEST_F(faulty_append_session_test, slow_acks_come) {
    only(fault::slow_ack);
    const auto began = world.now();
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append_session(client, "s", 0, 3);
        EXPECT_THAT(what.acked, ElementsAre(1, 2, 3));
    });
    EXPECT_GT(world.now() - began, std::chrono::milliseconds(10));
    EXPECT_EQ(faults.count(fault::slow_ack), 3u);
}

// Those that promise that nothing of it was applied tell the truth, also within a session.
TEST_F(faulty_append_session_test, definite_failures_apply_nothing_from_there_on) {
    struct expected {
        fault which;
        unsigned status;
        const char* code;
    };

    const expected all[] = {{fault::server_draining, 503, R"("server_draining")"},
                            {fault::rate_limited, 429, R"("rate_limited")"}};
    for (const auto& each : all) {
        only(each.which, 200);
        bool within = false, at_once = false;
        with_face([&](net::http_client& client) -> net::task<> {
            for (int i = 0; i < 40; ++i) {
                const std::string name = each.code + std::to_string(i);
                const std::string path = "s" + std::to_string(each.status) + "-" + std::to_string(i);
                const seen what = co_await append_session(client, path, 0, 5, false);
                if (what.terminal != 0) {
                    EXPECT_EQ(what.terminal, each.status);
                    EXPECT_THAT(what.terminal_body, HasSubstr(each.code));
                    EXPECT_EQ(what.end, "eof");
                    within = within || !what.acked.empty();
                } else if (what.status != 200) {
                    EXPECT_EQ(what.status, each.status);
                    EXPECT_THAT(what.body, HasSubstr(each.code));
                    at_once = true;
                }
                EXPECT_EQ(stored(path).size(), what.acked.size());
            }
        });
        EXPECT_TRUE(within && at_once) << each.code;
        EXPECT_GT(faults.count(each.which), 10u);
        only(each.which, 0);
    }
}

TEST_F(faulty_append_session_test, ambiguous_failures_apply_it_or_not) {
    for (const fault which : {fault::error_500, fault::error_503, fault::error_504}) {
        only(which, 200);
        bool applied = false, withheld = false;
        with_face([&](net::http_client& client) -> net::task<> {
            for (int i = 0; i < 60; ++i) {
                const std::string name = std::string(name_of(which)) + "-" + std::to_string(i);
                const seen what = co_await append_session(client, name, 0, 5, false);
                if (what.terminal == 0)
                    continue;
                EXPECT_GE(stored(name).size(), what.acked.size());
                applied = applied || stored(name).size() > what.acked.size();
                withheld = withheld || stored(name).size() == what.acked.size();
            }
        });
        EXPECT_TRUE(applied && withheld) << name_of(which);
        only(which, 0);
    }
}

TEST_F(faulty_append_session_test, never_answers_whether_it_is_applied_or_not) {
    only(fault::never_answers);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append_session(client, "s", 0, 2);
        EXPECT_EQ(what.status, 0u);
        EXPECT_EQ(what.end, "gave up");
    });
    EXPECT_THAT(stored("s"), ElementsAre("0", "1"));
    EXPECT_EQ(faults.count(fault::never_answers), 1u);
}

TEST_F(faulty_append_session_test, a_refused_token_ends_open_sessions) {
    with_face([this](net::http_client& client) -> net::task<> {
        auto head = head_of("POST", "/v1/streams/s/records", "s2s/proto");
        auto open = co_await client.open(std::move(head), false);
        auto answered = co_await (*open)->response();
        EXPECT_EQ(answered->status, 200u);
        only(fault::token_refused);
        std::string payload, frame;
        s2::encode_append_input(s2::local::test::batch("x"), payload);
        s2::encode_frame(payload, s2::compression::none, frame);
        (void)co_await net::test::write_text(**open, frame);
        seen what = co_await rest_of(**open);
        read_frames(what);
        EXPECT_EQ(what.terminal, 401u);
        EXPECT_EQ(watch.append_sessions_max, 1u);
    });
    EXPECT_THAT(stored("s"), IsEmpty());
}

TEST_F(faulty_append_session_test, bad_frames_reach_the_face) {
    only(fault::reset_before_append, 0);
    with_face([this](net::http_client& client) -> net::task<> {
        for (const std::string& bytes : {std::string(4, '\0'), std::string("\0\0", 2)}) {
            auto head = head_of("POST", "/v1/streams/s/records", "s2s/proto");
            auto open = co_await client.open(std::move(head), false);
            (void)co_await net::test::write_text(**open, bytes);
            (void)co_await (*open)->finish();
            seen what = co_await rest_of(**open);
            read_frames(what);
            EXPECT_EQ(what.terminal, 400u);
        }
    });
}

} // namespace
} // namespace sim::test
