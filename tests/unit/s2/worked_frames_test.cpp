// The worked frames of the protocol reference (§4.5), byte for byte, both ways.

#include "hex.hpp"
#include "s2/append_frame.hpp"
#include "s2/frame.hpp"
#include "s2/protobuf.hpp"

#include <gtest/gtest.h>

namespace s2 {
namespace {

using test::bytes_of;

constexpr std::uint64_t ms = 1700000000000;

append_input one(append_record record) {
    append_input input;
    input.records.push_back(std::move(record));
    return input;
}

append_record body(std::string text) {
    append_record record;
    record.body = std::move(text);
    return record;
}

std::string framed(const append_input& input) {
    std::string out;
    const auto begin = begin_frame(out);
    encode_append_input(input, out);
    end_frame(out, begin, compression::none);
    return out;
}

std::string framed(const append_ack& ack, bool advised = false) {
    std::string payload;
    encode_append_ack(ack, payload);
    std::string out;
    encode_frame(payload, compression::none, out, advised);
    return out;
}

std::string framed(const read_batch& batch) {
    std::string payload;
    encode_read_batch(batch, payload);
    std::string out;
    encode_frame(payload, compression::none, out);
    return out;
}

// The only frame in these bytes, fed one at a time.
frame only_frame(const std::string& bytes) {
    frame_decoder decoder;
    frame got;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        EXPECT_EQ(decoder.next(got), frame_decoder::outcome::need_more) << "before byte " << i;
        decoder.feed(bytes.substr(i, 1));
    }
    EXPECT_EQ(decoder.next(got), frame_decoder::outcome::frame);
    EXPECT_TRUE(decoder.empty());
    return got;
}

append_input worked_append() {
    auto record = body("hello");
    record.timestamp = ms;
    record.headers = {{"k", "v"}};
    auto input = one(record);
    input.match_seq_num = 7;
    input.fencing_token = "w1";
    return input;
}

const append_ack worked_ack{{7, ms}, {8, ms}, {8, ms}};

const std::string append_bytes = bytes_of("00 00 1f 00 0a 16 08 80 d0 95 ff bc 31 12 06 0a 01 6b 12 01 76"
                                          "1a 05 68 65 6c 6c 6f 10 07 1a 02 77 31");
const std::string ack_payload_bytes =
    bytes_of("0a 09 08 07 10 80 d0 95 ff bc 31 12 09 08 08 10 80 d0 95 ff bc 31"
             "1a 09 08 08 10 80 d0 95 ff bc 31");

TEST(WorkedFrames, Append) {
    EXPECT_EQ(framed(worked_append()), append_bytes);
    EXPECT_EQ(decode_append_input(only_frame(append_bytes).payload), worked_append());
    EXPECT_EQ(metered_bytes(worked_append().records[0].headers, "hello"), 17u);
}

TEST(WorkedFrames, MinimalAppend) {
    const auto bytes = bytes_of("00 00 07 00 0a 04 1a 02 68 69");
    EXPECT_EQ(framed(one(body("hi"))), bytes);
    EXPECT_EQ(decode_append_input(only_frame(bytes).payload), one(body("hi")));
}

TEST(WorkedFrames, MatchZeroAndEmptyTokenAreOnTheWire) {
    auto input = one(body("hi"));
    input.match_seq_num = 0;
    input.fencing_token = "";
    const auto bytes = bytes_of("00 00 0b 00 0a 04 1a 02 68 69 10 00 1a 00");
    EXPECT_EQ(framed(input), bytes);
    EXPECT_EQ(decode_append_input(only_frame(bytes).payload), input);
}

TEST(WorkedFrames, FenceAndTrim) {
    auto fence = one(fence_command("w2"));
    fence.match_seq_num = 8;
    fence.fencing_token = "w1";
    EXPECT_EQ(framed(fence),
              bytes_of("00 00 16 00 0a 0d 12 07 12 05 66 65 6e 63 65 1a 02 77 32 10 08 1a 02 77 31"));
    EXPECT_EQ(framed(one(trim_command(5))),
              bytes_of("00 00 15 00 0a 12 12 06 12 04 74 72 69 6d 1a 08 00 00 00 00 00 00 00 05"));
}

TEST(WorkedFrames, Ack) {
    EXPECT_EQ(framed(worked_ack), bytes_of("00 00 22 00") + ack_payload_bytes);
    EXPECT_EQ(framed(worked_ack, true), bytes_of("00 00 22 10") + ack_payload_bytes);
    const auto advised = only_frame(framed(worked_ack, true));
    EXPECT_TRUE(advised.reconnect_advised);
    EXPECT_EQ(decode_append_ack(advised.payload), worked_ack);
}

TEST(WorkedFrames, AckOfTheVeryFirstRecord) {
    const append_ack first{{0, ms}, {1, ms}, {1, ms}};
    const auto bytes = bytes_of("00 00 20 00 0a 07 10 80 d0 95 ff bc 31 12 09 08 01 10 80 d0 95 ff bc 31"
                                "1a 09 08 01 10 80 d0 95 ff bc 31");
    EXPECT_EQ(framed(first), bytes);
    EXPECT_EQ(decode_append_ack(only_frame(bytes).payload), first);
}

TEST(WorkedFrames, ReadBatch) {
    read_batch batch;
    batch.records.push_back({7, ms, {{"k", "v"}}, "hello"});
    batch.tail = {8, ms};
    const auto bytes = bytes_of("00 00 26 00 0a 18 08 07 10 80 d0 95 ff bc 31 1a 06 0a 01 6b 12 01 76"
                                "22 05 68 65 6c 6c 6f 12 09 08 08 10 80 d0 95 ff bc 31");
    EXPECT_EQ(framed(batch), bytes);
    const auto read = decode_read_batch(only_frame(bytes).payload);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->records, batch.records);
    EXPECT_EQ(read->tail, batch.tail);
}

TEST(WorkedFrames, Heartbeats) {
    read_batch at_eight;
    at_eight.tail = {8, ms};
    EXPECT_EQ(framed(at_eight), bytes_of("00 00 0c 00 12 09 08 08 10 80 d0 95 ff bc 31"));
    read_batch empty_stream;
    empty_stream.tail.emplace();
    EXPECT_EQ(framed(empty_stream), bytes_of("00 00 03 00 12 00"));
    const auto read = decode_read_batch(bytes_of("12 00"));
    ASSERT_TRUE(read && read->tail);
    EXPECT_EQ(*read->tail, stream_position{});
}

TEST(WorkedFrames, Terminal) {
    std::string out;
    encode_terminal_frame(412, R"({"seq_num_mismatch":9})", out);
    EXPECT_EQ(
        out, bytes_of("00 00 19 80 01 9c 7b 22 73 65 71 5f 6e 75 6d 5f 6d 69 73 6d 61 74 63 68 22 3a 39 7d"));
    const auto got = only_frame(out);
    EXPECT_TRUE(got.terminal);
    const auto terminal = decode_terminal(got.payload);
    ASSERT_TRUE(terminal);
    EXPECT_EQ(terminal->status, 412u);
    EXPECT_EQ(terminal->json, R"({"seq_num_mismatch":9})");
    EXPECT_FALSE(decode_terminal("\x01"));
}

TEST(WorkedFrames, EmptyRecord) {
    EXPECT_EQ(framed(one({})), bytes_of("00 00 03 00 0a 00"));
    EXPECT_EQ(decode_append_input(bytes_of("0a 00")), one({}));
}

TEST(Protobuf, TheHotPathWritesTheSameBytes) {
    append_input input;
    std::vector<record_view> views;
    for (const char* text : {"", "a", "longer than that"}) {
        auto record = body(text);
        record.timestamp = std::string_view(text).size();
        input.records.push_back(record);
        views.push_back({*record.timestamp, text});
    }
    input.match_seq_num = 0;
    input.fencing_token = "";
    std::string owned, viewed;
    encode_append_input(input, owned);
    for (const auto& each : views)
        encode_record(each, viewed);
    encode_conditions(0, "", viewed);
    EXPECT_EQ(owned, viewed);
    EXPECT_EQ(decode_append_input(viewed), input);
    append_frame laid_out;
    std::string pieces;
    for (const auto& piece : laid_out.lay_out(views, 0, ""))
        pieces.append(static_cast<const char*>(piece.data()), piece.size());
    EXPECT_EQ(pieces, framed(input));
}

TEST(Protobuf, UnknownFieldsAreSkippedAndWrongTypesRefused) {
    // Field 15 as varint, 64 bits, bytes and 32 bits around an ack's fields.
    const auto unknown = bytes_of("78 05 79 01 02 03 04 05 06 07 08 7a 02 01 02 7d 01 02 03 04");
    EXPECT_EQ(decode_append_ack(unknown + ack_payload_bytes + unknown), worked_ack);
    EXPECT_FALSE(decode_append_ack(bytes_of("08 05")));      // start as a number
    EXPECT_FALSE(decode_append_ack(bytes_of("0a 05 08")));   // cut short
    EXPECT_FALSE(decode_append_input(bytes_of("1a 01 ff"))); // a token that is not UTF-8
    EXPECT_FALSE(decode_append_input(bytes_of("12 00")));    // match as bytes
    EXPECT_FALSE(decode_read_batch(bytes_of("ff ff ff ff ff ff ff ff ff ff ff")));
}

TEST(Protobuf, EveryTruncationOfAMessageIsRefusedOrShorter) {
    const auto payload = append_bytes.substr(frame_header_bytes);
    for (std::size_t size = 0; size < payload.size(); ++size) {
        const auto got = decode_append_input(payload.substr(0, size));
        EXPECT_NE(got, worked_append());
    }
}

TEST(Protobuf, AHostileMessageCostsNoMoreThanAValidOne) {
    std::string payload;
    for (int i = 0; i < 1000000; ++i)
        payload += std::string("\x0a\x00", 2);
    const auto input = decode_append_input(payload);
    ASSERT_TRUE(input);
    EXPECT_EQ(input->records.size(), batch_records_max + 1);
    EXPECT_TRUE(invalid_reason(*input));
}

} // namespace
} // namespace s2
