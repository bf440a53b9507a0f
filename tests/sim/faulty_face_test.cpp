#include "tests/sim/faulty_face_fixture.hpp"

namespace sim::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(faulty_face_test, without_faults_nothing_changes) {
    with_face([this](net::http_client& client) -> net::task<> {
        const seen acked = co_await append(client, "s", "x");
        EXPECT_EQ(acked.status, 200u);
        const seen tail = co_await ask(client, "GET", "/v1/streams/s/records/tail");
        EXPECT_THAT(tail.body, HasSubstr(R"("seq_num":1,)"));
        const seen read = co_await ask(client, "GET", "/v1/streams/s/records?seq_num=0");
        EXPECT_THAT(read.body, HasSubstr(R"("body":"x")"));
    });
    EXPECT_THAT(events, ElementsAre("append test-basin/s", "check tail test-basin/s", "read test-basin/s"));
    EXPECT_GT(watch.unary_body_bytes_max, 0u);
}

TEST_F(faulty_face_test, errors_come_before_or_after) {
    const std::pair<fault, unsigned> all[] = {
        {fault::error_500, 500}, {fault::error_503, 503}, {fault::error_504, 504}};
    for (const auto& [which, status] : all) {
        only(which);
        const std::string name(name_of(which));
        std::size_t own_words = 0;
        with_face([&, fault_name = name, expected = status](net::http_client& client) -> net::task<> {
            for (int i = 0; i < 20; ++i) {
                const seen what = co_await append(client, fault_name, "x");
                EXPECT_EQ(what.status, expected);
                EXPECT_EQ(what.end, "eof");
                own_words += what.body.starts_with(R"({"code":)") ? 1 : 0;
            }
        });
        EXPECT_EQ(faults.count(which), 20u);
        EXPECT_GT(stored(name).size(), 3u);
        EXPECT_LT(stored(name).size(), 17u);
        EXPECT_GT(own_words, 10u);
        only(which, 0);
    }
}

TEST_F(faulty_face_test, definite_refusals_apply_nothing) {
    only(fault::rate_limited);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append(client, "s", "x");
        EXPECT_EQ(what.status, 429u);
        EXPECT_THAT(what.body, HasSubstr("rate_limited"));
        EXPECT_NE(net::find_field(what.fields, "retry-after-ms"), "");
        only(fault::rate_limited, 0);
        only(fault::server_draining);
        const seen draining = co_await append(client, "s", "x");
        EXPECT_EQ(draining.status, 503u);
        EXPECT_THAT(draining.body, HasSubstr("server_draining"));
    });
    EXPECT_THAT(stored("s"), IsEmpty());
}

TEST_F(faulty_face_test, what_breaks_is_applied_or_not_as_its_name_says) {
    struct expected {
        fault which;
        bool applied;
        const char* end;
    };

    const expected all[] = {
        {fault::reset_before_append, false, "reset"},
        {fault::reset_during_append, false, "reset"},
        {fault::reset_after_append, true, "reset"},
        {fault::lost_ack, true, "gave up"},
        {fault::never_answers, false, "gave up"},
        {fault::ack_after_reset, true, "reset"}, // by the time when it was given up
    };
    for (const auto& each : all) {
        only(each.which);
        const std::string name(name_of(each.which));
        with_face([&](net::http_client& client) -> net::task<> {
            const seen what = co_await append(client, name, "x");
            EXPECT_EQ(what.end, each.end) << name;
            EXPECT_EQ(what.status, 0u) << name;
            co_await net::sleep_until(world, world.now() + late_max);
            co_await world.settle();
        });
        EXPECT_EQ(stored(name).size(), each.applied ? 1u : 0u) << name;
        EXPECT_EQ(faults.count(each.which), 1u) << name;
        only(each.which, 0);
    }
}

TEST_F(faulty_face_test, a_refused_stream_says_that_nothing_was_processed) {
    only(fault::refused_stream);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append(client, "s", "x");
        EXPECT_EQ(what.end, net::make_error_code(net::error::refused_stream).message());
        const seen session = co_await append_session(client, "s", 0, 3);
        EXPECT_EQ(session.end, net::make_error_code(net::error::refused_stream).message());
        only(fault::refused_stream, 0);
        const seen next = co_await append(client, "s", "y");
        EXPECT_EQ(next.status, 200u);
    });
    EXPECT_THAT(stored("s"), ElementsAre("y"));
    EXPECT_EQ(faults.count(fault::refused_stream), 2u);
}

TEST_F(faulty_face_test, what_was_not_applied_does_not_count_as_applied) {
    only(fault::reset_after_append);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await ask(client, "POST", "/v1/streams/s/records", R"({"records":[]})");
        EXPECT_EQ(what.end, "reset");
    });
    EXPECT_EQ(faults.count(fault::reset_after_append), 0u);
}

TEST_F(faulty_face_test, an_answer_breaks_off) {
    only(fault::rst_stream);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await ask(client, "GET", "/v1/streams/s/records/tail");
        EXPECT_EQ(what.end, "reset");
    });
    EXPECT_EQ(faults.count(fault::rst_stream), 1u);
}

TEST_F(faulty_face_test, slow_answers_come) {
    only(fault::slow_ack);
    const auto began = world.now();
    with_face([this](net::http_client& client) -> net::task<> {
        const seen what = co_await append(client, "s", "x");
        EXPECT_EQ(what.status, 200u);
    });
    EXPECT_GE(world.now() - began, slow_ack_min);
    EXPECT_EQ(faults.count(fault::slow_ack), 1u);
}

TEST_F(faulty_face_test, a_refusal_lasts_and_passes) {
    const std::pair<fault, unsigned> all[] = {
        {fault::token_refused, 401}, {fault::permission_denied, 403}, {fault::basin_missing, 404}};
    for (const auto& [which, status] : all) {
        only(which);
        with_face([&, struck = which, expected = status](net::http_client& client) -> net::task<> {
            const seen first = co_await append(client, "s", "x");
            EXPECT_EQ(first.status, expected);
            only(struck, 0);
            const seen second = co_await append(client, "s", "x");
            EXPECT_EQ(second.status, expected) << "it holds";
            const seen other = co_await ask(client, "GET", "/v1/streams?prefix=x");
            EXPECT_EQ(other.status, struck == fault::permission_denied ? 200u : expected);
            auto of_account = head_of("GET", "/v1/basins", "");
            of_account.fields.clear();
            auto exchange = co_await client.open(std::move(of_account), true);
            const seen listed = co_await rest_of(**exchange);
            EXPECT_EQ(listed.status, struck == fault::token_refused ? expected : 200u);
            co_await net::sleep_until(world, world.now() + spell_max);
            const seen third = co_await append(client, "s", "x");
            EXPECT_EQ(third.status, 200u);
        });
        EXPECT_GE(faults.count(which), 2u);
    }
}

TEST_F(faulty_face_test, healing_ends_a_refusal_too) {
    only(fault::token_refused);
    with_face([this](net::http_client& client) -> net::task<> {
        const seen first = co_await append(client, "s", "x");
        EXPECT_EQ(first.status, 401u);
        faults.heal();
        const seen second = co_await append(client, "s", "x");
        EXPECT_EQ(second.status, 200u);
    });
}

TEST_F(faulty_face_test, read_sessions_break_within_and_before) {
    with_face([this](net::http_client& client) -> net::task<> {
        for (int i = 0; i < 20; ++i) {
            const std::string big(2000, 'x');
            const seen acked = co_await append(client, "s", big);
            EXPECT_EQ(acked.status, 200u);
        }
        only(fault::error_503, 500);
        only(fault::rst_stream, 500);
        only(fault::reconnect_advised, 500);
        std::size_t terminal = 0, before = 0, broken = 0, advised = 0;
        for (int i = 0; i < 60; ++i) {
            auto head = head_of("GET", "/v1/streams/s/records?seq_num=0&wait=0", "s2s/proto");
            auto open = co_await client.open(std::move(head), true);
            seen what = co_await rest_of(**open);
            read_frames(what);
            terminal += what.terminal == 503 ? 1 : 0;
            before += what.status == 503 ? 1 : 0;
            broken += what.end == "reset" ? 1 : 0;
            advised += what.advised ? 1 : 0;
        }
        EXPECT_GT(terminal, 2u);
        EXPECT_GT(before, 2u);
        EXPECT_GT(broken, 2u);
        EXPECT_GT(advised, 2u);
    });
}

TEST_F(faulty_face_test, a_forbidden_stream_is_refused_beside_one_that_works) {
    with_face([this](net::http_client& client) -> net::task<> {
        watch.refusals.add(fault::stream_forbidden, world.now(), world.now() + spell_max, "test-basin/old");
        const seen refused = co_await append(client, "old", "one");
        EXPECT_EQ(refused.status, 403u);
        const seen opened = co_await append_session(client, "old", 0, 1);
        EXPECT_EQ(opened.status, 403u);
        const seen taken = co_await append(client, "new", "one");
        EXPECT_EQ(taken.status, 200u);
        EXPECT_EQ(faults.count(fault::stream_forbidden), 2u);
        co_await net::sleep_until(world, world.now() + spell_max);
        const seen again = co_await append(client, "old", "one");
        EXPECT_EQ(again.status, 200u);
    });
    EXPECT_EQ(stored("old").size(), 1u);
}

TEST_F(faulty_face_test, one_seed_gives_one_story) {
    const auto story = [](std::uint64_t seed) {
        struct one_run : faulty_face_test {
            void TestBody() override {}

            std::vector<std::string> told(std::uint64_t from) {
                faults = fault_table(draw(from));
                for (std::size_t i = 0; i < fault_count; ++i)
                    only(static_cast<fault>(i), 50);
                with_face([this](net::http_client& client) -> net::task<> {
                    for (std::uint64_t i = 0; i < 40; ++i) {
                        const seen what = co_await append_session(client, "s", stored("s").size(), 5);
                        events.push_back(what.end + " " + std::to_string(what.acked.size()));
                        const seen tail = co_await ask(client, "GET", "/v1/streams/s/records/tail");
                        events.push_back(std::to_string(tail.status) + tail.body);
                    }
                });
                return events;
            }
        };
        one_run run;
        return run.told(seed);
    };
    const auto first = story(11);
    EXPECT_EQ(first, story(11));
    EXPECT_NE(first, story(12));
}

} // namespace
} // namespace sim::test
