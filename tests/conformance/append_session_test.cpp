// Append sessions (§4, §6): acks in order, poison, framing errors, two writers.

#include "s2/protobuf.hpp"
#include "tests/conformance/server_test.hpp"

namespace conformance {
namespace {

using s2::append_event;

class AppendSession : public server_test {
protected:
    // A session of raw bytes: everything that the server answers to these, decoded.
    struct raw_outcome {
        std::vector<s2::append_ack> acks;
        std::optional<s2::error> terminal;
        bool whole = false; // the answer ended in an orderly way and between frames
    };

    net::task<raw_outcome> send_raw(std::string stream, std::string bytes) {
        auto opened = co_await client().open_session("POST", std::move(stream), {}, true, soon());
        auto session = must(std::move(opened));
        const net::asio::const_buffer whole(bytes.data(), bytes.size());
        if (!bytes.empty())
            co_await session.exchange->write(std::span(&whole, 1));
        co_await session.exchange->finish();
        auto head = co_await session.exchange->response();
        if (!head || head->status != 200)
            throw std::runtime_error("no session");
        EXPECT_EQ(net::find_field(head->fields, "content-type"), "s2s/proto");
        auto answer = co_await net::read_body(*session.exchange, 16 * 1024 * 1024);
        if (!answer)
            throw std::runtime_error(answer.error().message());
        raw_outcome outcome;
        s2::frame_decoder decoder;
        decoder.feed(*answer);
        s2::frame frame;
        while (decoder.next(frame) == s2::frame_decoder::outcome::frame) {
            if (frame.terminal) {
                const auto terminal = s2::decode_terminal(frame.payload);
                outcome.terminal = s2::error::from_response(terminal->status, terminal->json);
            } else {
                outcome.acks.push_back(s2::decode_append_ack(frame.payload).value());
            }
        }
        outcome.whole = decoder.empty();
        co_return std::move(outcome);
    }

    net::task<s2::append_ack> next_ack(s2::append_session& session) {
        auto event = co_await session.next(soon());
        if (event.what != append_event::kind::ack)
            throw std::runtime_error("an end where an ack was due: " +
                                     (event.failure ? event.failure->text() : std::string("clean")));
        co_return event.ack;
    }

    net::task<s2::error> next_failure(s2::append_session& session) {
        auto event = co_await session.next(soon());
        if (event.what != append_event::kind::end || !event.failure)
            throw std::runtime_error("no failure where one was due");
        co_return std::move(*event.failure);
    }

    net::task<> send(s2::append_session& session, std::string body, std::optional<std::uint64_t> match = {},
                     std::optional<std::string> token = {}) {
        auto input = input_of(texts(std::move(body)));
        input.match_seq_num = match;
        input.fencing_token = std::move(token);
        auto sent = co_await session.send(std::move(input), soon());
        must(std::move(sent));
    }

    net::task<> finish(s2::append_session& session) {
        auto closed = co_await session.half_close(soon());
        must(std::move(closed));
        auto event = co_await session.next(soon());
        EXPECT_EQ(event.what, append_event::kind::end);
        EXPECT_FALSE(event.failure) << event.failure->text();
    }
};

struct same_records final : s2::batch_content {
    std::vector<s2::record_view> records;

    std::span<const s2::record_view> views() const override { return records; }

    std::uint64_t metered_size() const override { return 0; }
};

std::string framed(const s2::append_input& input) {
    std::string out;
    const auto begin = s2::begin_frame(out);
    s2::encode_append_input(input, out);
    s2::end_frame(out, begin, s2::compression::none);
    return out;
}

TEST_F(AppendSession, PipelinedBatchesAreAckedInOrder) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        const auto session = co_await open_appends(stream);
        constexpr std::uint64_t batches = 100;
        const std::string body(500, 'b');
        for (std::uint64_t i = 0; i < batches; ++i) {
            auto content = std::make_unique<same_records>();
            content->records.assign(3, s2::record_view{1000 + i, body});
            s2::batch next;
            next.content = std::move(content);
            next.match = 3 * i;
            next.records = 3;
            auto sent = co_await session->send(next, "", soon());
            must(std::move(sent));
        }
        for (std::uint64_t i = 0; i < batches; ++i) {
            const auto ack = co_await next_ack(*session);
            EXPECT_EQ(ack.start.seq_num, 3 * i);
            EXPECT_EQ(ack.end.timestamp, 1000 + i);
        }
        co_await finish(*session);
        const auto records = co_await read_all(stream);
        EXPECT_EQ(records.size(), 3 * batches);
    });
}

TEST_F(AppendSession, NothingSentEndsCleanly) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        const auto session = co_await open_appends(stream);
        co_await finish(*session);
    });
}

TEST_F(AppendSession, AMissingStreamIsRefusedAtTheHead) {
    run([&]() -> net::task<> {
        const auto session = co_await open_appends(fresh_name());
        const auto failure = co_await next_failure(*session);
        EXPECT_TRUE(failure.is_code("stream_not_found")) << failure.text();
    });
}

TEST_F(AppendSession, TheFirstFailurePoisonsIt) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        const auto session = co_await open_appends(stream);
        co_await send(*session, "a", 0);
        co_await send(*session, "b", 1);
        co_await send(*session, "wrong", 7);
        co_await send(*session, "would fit", 2);
        co_await send(*session, "unconditional");
        const auto first = co_await next_ack(*session);
        EXPECT_EQ(first.start.seq_num, 0u);
        const auto second = co_await next_ack(*session);
        EXPECT_EQ(second.start.seq_num, 1u);
        const auto failure = co_await next_failure(*session);
        EXPECT_EQ(failure.seq_num_mismatch, 2u);
        const auto records = co_await read_all(stream);
        EXPECT_EQ(records.size(), 2u);
    });
}

TEST_F(AppendSession, AFenceHoldsFromTheNextBatchOn) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        const auto session = co_await open_appends(stream);
        s2::append_input fence;
        fence.records = {s2::fence_command("w1"), record("x")};
        fence.match_seq_num = 0;
        fence.fencing_token = "";
        auto sent = co_await session->send(fence, soon());
        must(std::move(sent));
        co_await send(*session, "mine", 2, "w1");
        co_await send(*session, "not mine", 3, "");
        const auto first = co_await next_ack(*session);
        EXPECT_EQ(first.end.seq_num, 2u);
        const auto second = co_await next_ack(*session);
        EXPECT_EQ(second.start.seq_num, 2u);
        const auto failure = co_await next_failure(*session);
        EXPECT_EQ(failure.fencing_token_mismatch, "w1");
    });
}

TEST_F(AppendSession, TwoWritersOnlyOneGoesOn) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        const auto one = co_await open_appends(stream);
        const auto other = co_await open_appends(stream);
        co_await send(*one, "one", 0);
        const auto ack = co_await next_ack(*one);
        EXPECT_EQ(ack.start.seq_num, 0u);
        co_await send(*other, "other", 0);
        const auto failure = co_await next_failure(*other);
        EXPECT_EQ(failure.seq_num_mismatch, 1u);
        co_await send(*one, "two", 1);
        const auto more = co_await next_ack(*one);
        EXPECT_EQ(more.start.seq_num, 1u);
        co_await finish(*one);
    });
}

TEST_F(AppendSession, TwoWritersWithoutConditionsInterleave) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        const auto one = co_await open_appends(stream);
        const auto other = co_await open_appends(stream);
        for (int i = 0; i < 20; ++i) {
            co_await send(*one, "one " + std::to_string(i));
            co_await send(*other, "other " + std::to_string(i));
        }
        for (int i = 0; i < 20; ++i) {
            co_await next_ack(*one);
            co_await next_ack(*other);
        }
        co_await finish(*one);
        co_await finish(*other);
        const auto records = co_await read_all(stream);
        EXPECT_EQ(records.size(), 40u);
        int next_of_one = 0;
        int next_of_other = 0;
        for (const auto& each : records) {
            if (each.body == "one " + std::to_string(next_of_one))
                ++next_of_one;
            else if (each.body == "other " + std::to_string(next_of_other))
                ++next_of_other;
        }
        EXPECT_EQ(next_of_one, 20);
        EXPECT_EQ(next_of_other, 20);
    });
}

TEST_F(AppendSession, Compressed) {
    run([&]() -> net::task<> {
        const std::string body(100000, 'c');
        for (const auto packing : {s2::compression::zstd, s2::compression::gzip}) {
            const auto stream = co_await new_stream();
            auto& packed = client_with(packing);
            auto opened = co_await s2::append_session::open(packed, stream, soon());
            const auto session = must(std::move(opened));
            co_await send(*session, body, 0);
            co_await send(*session, "small", 1);
            co_await next_ack(*session);
            co_await next_ack(*session);
            co_await finish(*session);
            s2::read_limits limits;
            limits.count = 2;
            s2::read_session reading(packed, stream, from_seq(0), limits);
            auto next = co_await reading.next(soon());
            const auto batch = must(std::move(next));
            EXPECT_TRUE(batch && batch->records.at(0).body == body);
        }
    });
}

TEST_F(AppendSession, TheLargestBatchFits) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        const auto session = co_await open_appends(stream);
        co_await send(*session, std::string(s2::record_metered_bytes_max - 8, 'x'), 0);
        const auto ack = co_await next_ack(*session);
        EXPECT_EQ(ack.end.seq_num, 1u);
        co_await finish(*session);
    });
}

TEST_F(AppendSession, BadFramesEndItBehindTheAcks) {
    run([&]() -> net::task<> {
        const auto good = framed(input_of(texts("good")));
        std::string terminal;
        s2::encode_terminal_frame(400, "{}", terminal);
        const std::pair<const char*, std::string> cases[] = {
            {"length 0", std::string("\0\0\0", 3)},
            {"length over 2 MiB", std::string("\x20\0\x01", 3)},
            {"compression 11", std::string("\0\0\x02\x60x", 5)},
            {"undecodable zstd", std::string("\0\0\x03\x20xy", 6)},
            {"undecodable gzip", std::string("\0\0\x03\x40xy", 6)},
            {"undecodable protobuf", std::string("\0\0\x03\0\xFF\xFF", 6)},
            {"token not UTF-8", std::string("\0\0\x06\0\x0a\0\x1a\x01\xFF", 9)},
            {"a terminal frame", terminal},
            {"cut in the middle", good.substr(0, good.size() - 1)},
        };
        for (const auto& [name, bytes] : cases) {
            const auto stream = co_await new_stream();
            const auto outcome = co_await send_raw(stream, good + good + bytes);
            EXPECT_EQ(outcome.acks.size(), 2u) << name;
            EXPECT_TRUE(outcome.terminal && outcome.terminal->status == 400 &&
                        outcome.terminal->code == "bad_frame")
                << name << ": " << (outcome.terminal ? outcome.terminal->text() : "no terminal frame");
            EXPECT_TRUE(outcome.whole) << name;
        }
    });
}

TEST_F(AppendSession, InvalidBatchesEndItBehindTheAcks) {
    run([&]() -> net::task<> {
        const auto good = framed(input_of(texts("good")));
        s2::append_input many;
        many.records.assign(s2::batch_records_max + 1, record(""));
        s2::append_input command;
        command.records = {s2::fence_command(std::string(37, 't'))};
        auto token = input_of(texts("x"));
        token.fencing_token = std::string(37, 't');
        const std::pair<const char*, std::string> cases[] = {
            {"empty", std::string("\0\0\x01\0", 4)},
            {"1001 records", framed(many)},
            {"over 1 MiB", framed(input_of(texts(std::string(s2::record_metered_bytes_max - 7, 'x'))))},
            {"a bad command", framed(command)},
            {"a long token", framed(token)},
        };
        for (const auto& [name, bytes] : cases) {
            const auto stream = co_await new_stream();
            const auto outcome = co_await send_raw(stream, good + bytes + good);
            EXPECT_EQ(outcome.acks.size(), 1u) << name;
            EXPECT_TRUE(outcome.terminal && outcome.terminal->status == 422 &&
                        outcome.terminal->code == "invalid")
                << name << ": " << (outcome.terminal ? outcome.terminal->text() : "no terminal frame");
        }
    });
}

TEST_F(AppendSession, ReservedBitsAndUnknownFieldsAreIgnored) {
    run([&]() -> net::task<> {
        const auto stream = co_await new_stream();
        const auto outcome = co_await send_raw(stream, std::string("\0\0\x05\x1F\x0a\0\x78\x05", 8));
        EXPECT_EQ(outcome.acks.size(), 1u);
        EXPECT_FALSE(outcome.terminal);
        EXPECT_TRUE(outcome.whole);
    });
}

} // namespace
} // namespace conformance
