// Reads (§2.6, §2.7): starts, limits, waiting, 416, heartbeats, following.

#include "s2/protobuf.hpp"
#include "s2/range_read.hpp"
#include "tests/conformance/server_test.hpp"

namespace conformance {
namespace {

using kind = s2::read_start::kind;

class Read : public server_test {
protected:
    // Ten records with timestamps 100, 110, … and ten metered bytes each.
    net::task<std::string> ten_records() {
        const auto stream = co_await new_stream();
        s2::append_input input;
        for (std::uint64_t i = 0; i < 10; ++i) {
            input.records.push_back(record("r" + std::to_string(i)));
            input.records.back().timestamp = 100 + 10 * i;
        }
        auto acked = co_await try_append(stream, input);
        must(std::move(acked));
        co_return stream;
    }

    // "0-9", "none", or "416 at 10".
    net::task<std::string> unary(std::string stream, s2::read_start start, s2::read_limits limits) {
        auto read = co_await client().read(std::move(stream), start, limits, soon());
        if (!read)
            co_return said(read.error());
        co_return said(read->records);
    }

    net::task<std::string> session(std::string stream, s2::read_start start, s2::read_limits limits) {
        auto opened = co_await client().open_session("GET", std::move(stream), s2::read_query(start, limits),
                                                     false, soon());
        auto reading = must(std::move(opened));
        auto head = co_await reading.exchange->response();
        if (!head)
            throw std::runtime_error(head.error().message());
        auto body = co_await net::read_body(*reading.exchange, 16 * 1024 * 1024);
        if (!body)
            throw std::runtime_error(body.error().message());
        if (head->status != 200)
            co_return said(s2::error::from_response(head->status, *body));
        s2::frame_decoder decoder;
        decoder.feed(*body);
        s2::frame frame;
        std::vector<s2::sequenced_record> all;
        while (decoder.next(frame) == s2::frame_decoder::outcome::frame) {
            EXPECT_FALSE(frame.terminal);
            auto batch = s2::decode_read_batch(frame.payload).value();
            for (auto& each : batch.records)
                all.push_back(std::move(each));
        }
        EXPECT_TRUE(decoder.empty());
        co_return said(all);
    }

    static std::string said(const s2::error& failure) {
        if (failure.what == s2::error::kind::range)
            return "416 at " + std::to_string(failure.tail->seq_num);
        return failure.text();
    }

    static std::string said(const std::vector<s2::sequenced_record>& records) {
        if (records.empty())
            return "none";
        return std::to_string(records.front().seq_num) + "-" + std::to_string(records.back().seq_num);
    }
};

struct limits {
    std::optional<std::uint64_t> count = {};
    std::optional<std::uint64_t> bytes = {};
    std::optional<std::uint64_t> until = {};
    std::optional<std::uint32_t> wait = {};

    s2::read_limits made() const { return {count, bytes, until, wait}; }
};

TEST_F(Read, UnaryTable) {
    run([&]() -> net::task<> {
        const auto stream = co_await ten_records();
        const struct {
            s2::read_start start;
            limits bounds;
            const char* expected;
        } cases[] = {
            {{kind::seq_num, 0, false}, {}, "0-9"},
            {{kind::seq_num, 4, false}, {}, "4-9"},
            {{kind::seq_num, 10, false}, {}, "416 at 10"},
            {{kind::seq_num, 11, false}, {}, "416 at 10"},
            {{kind::seq_num, 11, true}, {}, "416 at 10"},
            {{kind::seq_num, 99, false}, {.count = 0}, "none"},
            {{kind::seq_num, 99, false}, {.bytes = 0}, "none"},
            {{kind::seq_num, 2, false}, {.count = 3}, "2-4"},
            {{kind::seq_num, 2, false}, {.bytes = 29}, "2-3"},
            {{kind::seq_num, 2, false}, {.bytes = 30}, "2-4"},
            {{kind::seq_num, 2, false}, {.bytes = 9}, "none"},
            {{kind::seq_num, 2, false}, {.until = 140}, "2-3"},
            {{kind::timestamp, 120, false}, {}, "2-9"},
            {{kind::timestamp, 121, false}, {}, "3-9"},
            {{kind::timestamp, 0, false}, {.count = 1}, "0-0"},
            {{kind::timestamp, 191, false}, {}, "416 at 10"},
            {{kind::tail_offset, 0, false}, {}, "416 at 10"},
            {{kind::tail_offset, 3, false}, {}, "7-9"},
            {{kind::tail_offset, 300, false}, {}, "0-9"},
            {{kind::seq_num, 10, false}, {.wait = 1}, "none"},
            {{kind::seq_num, 99, true}, {.wait = 1}, "none"},
        };
        for (const auto& each : cases) {
            const auto got = co_await unary(stream, each.start, each.bounds.made());
            EXPECT_EQ(got, each.expected) << s2::read_query(each.start, each.bounds.made());
        }
    });
}

TEST_F(Read, SessionTable) {
    run([&]() -> net::task<> {
        const auto stream = co_await ten_records();
        const struct {
            s2::read_start start;
            limits bounds;
            const char* expected;
        } cases[] = {
            {{kind::seq_num, 0, false}, {.wait = 0}, "0-9"},
            {{kind::seq_num, 10, false}, {.wait = 0}, "none"},
            {{kind::seq_num, 11, false}, {}, "416 at 10"},
            {{kind::seq_num, 11, true}, {.wait = 0}, "none"},
            {{kind::seq_num, 8, false}, {.wait = 1}, "8-9"},
            {{kind::seq_num, 4, false}, {.count = 100}, "4-9"},
            {{kind::seq_num, 10, false}, {.count = 100}, "416 at 10"},
            {{kind::seq_num, 99, false}, {.count = 0}, "none"},
            {{kind::seq_num, 2, false}, {.count = 3}, "2-4"},
            {{kind::seq_num, 2, false}, {.bytes = 29}, "2-3"},
            {{kind::seq_num, 2, false}, {.until = 140}, "2-3"},
            {{kind::seq_num, 2, false}, {.until = 1000}, "2-9"},
            {{kind::timestamp, 121, false}, {.count = 100}, "3-9"},
            {{kind::tail_offset, 3, false}, {.count = 100}, "7-9"},
            {{kind::tail_offset, 0, false}, {.bytes = 100}, "416 at 10"},
        };
        for (const auto& each : cases) {
            const auto got = co_await session(stream, each.start, each.bounds.made());
            EXPECT_EQ(got, each.expected) << s2::read_query(each.start, each.bounds.made());
        }
    });
}

TEST_F(Read, BadParameters) {
    run([&]() -> net::task<> {
        const auto stream = co_await ten_records();
        const auto path = "/v1/streams/" + stream + "/records?";
        const std::tuple<const char*, unsigned, const char*> cases[] = {
            {"seq_num=0&tail_offset=1", 422, "invalid"},
            {"seq_num=0&timestamp=1", 422, "invalid"},
            {"timestamp=10&until=10", 422, "invalid"},
            {"seq_num=x", 400, "bad_query"},
            {"seq_num=-1", 400, "bad_query"},
            {"seq_num=0&clamp=1", 400, "bad_query"},
            {"seq_num=0&count=x", 400, "bad_query"},
        };
        for (const auto& [query, status, code] : cases) {
            net::http_fields none;
            const auto answer = co_await raw_in_basin("GET", path + query, none);
            EXPECT_EQ(answer.status, status) << query;
            EXPECT_EQ(answer.code(), code) << query;
        }
        net::http_fields none;
        const auto unknown = co_await raw_in_basin("GET", path + "seq_num=0&something=new", none);
        EXPECT_EQ(unknown.status, 200u);
    });
}

TEST_F(Read, AnEmptyStream) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        auto got = co_await unary(stream, from_seq(0), {});
        EXPECT_EQ(got, "416 at 0");
        const s2::read_start by_time{kind::timestamp, 0, false};
        got = co_await unary(stream, by_time, {});
        EXPECT_EQ(got, "416 at 0");
        s2::read_session following(client(), stream, from_seq(0), {});
        auto first = co_await following.next(soon());
        const auto heartbeat = must(std::move(first));
        EXPECT_TRUE(heartbeat && heartbeat->records.empty());
        EXPECT_EQ(following.tail(), s2::stream_position{});
        EXPECT_TRUE(following.caught_up());
    });
}

TEST_F(Read, FollowingDeliversWhatIsAppended) {
    run([&]() -> net::task<> {
        const auto stream = co_await ten_records();
        s2::read_session following(client(), stream, from_seq(8), {});
        auto next = co_await following.next(soon());
        auto batch = must(std::move(next));
        EXPECT_EQ(batch->records.size(), 2u);
        next = co_await following.next(soon());
        batch = must(std::move(next));
        EXPECT_TRUE(batch->records.empty());
        EXPECT_EQ(following.tail()->seq_num, 10u);
        for (std::uint64_t seq = 10; seq < 20; ++seq) {
            co_await append(stream, texts("live"));
            next = co_await following.next(soon());
            batch = must(std::move(next));
            EXPECT_EQ(batch->records.at(0).seq_num, seq);
            EXPECT_EQ(batch->tail->seq_num, seq + 1);
        }
        EXPECT_EQ(following.reconnects(), 0u);
    });
}

TEST_F(Read, ALongPollEndsWithTheFirstBatch) {
    run([&]() -> net::task<> {
        const auto stream = co_await ten_records();
        co_await net::with_task_group(env(), [&](net::task_group& group) -> net::task<> {
            group.spawn([&]() -> net::task<> {
                co_await net::sleep_until(env(), env().now() + 200ms);
                co_await append(stream, texts("live"));
            });
            s2::read_limits wait;
            wait.wait_seconds = 8;
            auto read = co_await client().read(stream, from_seq(10), wait, soon());
            const auto batch = must(std::move(read));
            EXPECT_EQ(said(batch.records), "10-10");
            EXPECT_TRUE(batch.tail && batch.tail->seq_num == 11);
            co_await group.join();
        });
    });
}

TEST_F(Read, LargeStreamsComeInPages) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        for (int i = 0; i < 3; ++i)
            co_await append(stream, std::vector<std::string>(900, std::string(100, 'x')));
        const auto all = co_await read_all(stream);
        EXPECT_EQ(all.size(), 2700u);
        for (std::size_t i = 0; i < all.size(); ++i)
            EXPECT_EQ(all[i].seq_num, i);
        auto page = co_await client().read(stream, from_seq(0), {}, soon());
        EXPECT_EQ(must(std::move(page)).records.size(), s2::batch_records_max);
    });
}

TEST_F(Read, ARangeWithATrimmedBeginning) {
    run([&]() -> net::task<> {
        const auto stream = co_await ten_records();
        s2::append_input trim;
        trim.records = {s2::trim_command(4)};
        auto acked = co_await try_append(stream, trim);
        must(std::move(acked));
        for (const auto until = soon(); env().now() < until;) {
            const auto got = co_await unary(stream, from_seq(0), {});
            if (got == "4-10")
                break;
            co_await net::sleep_until(env(), env().now() + 50ms);
        }
        s2::range_read range(client(), stream, 2, 9);
        std::string story;
        for (;;) {
            auto next = co_await range.next(soon());
            const auto part = must(std::move(next));
            if (const auto* missing = std::get_if<s2::missing_records>(&part))
                story += "missing " + std::to_string(missing->from) + "-" + std::to_string(missing->to) + " ";
            else if (const auto* records = std::get_if<std::vector<s2::sequenced_record>>(&part))
                story += said(*records) + " ";
            else
                break;
        }
        EXPECT_EQ(story, "missing 2-4 4-8 ");
    });
}

} // namespace
} // namespace conformance
