#include "hex.hpp"
#include "s2/frame.hpp"

#include <gtest/gtest.h>

#include <random>

namespace s2 {
namespace {

using outcome = frame_decoder::outcome;
using test::bytes_of;

std::string noise(std::size_t size) {
    std::minstd_rand random(7);
    std::string text(size, '\0');
    for (char& each : text)
        each = static_cast<char>(random());
    return text;
}

outcome decode(const std::string& bytes, frame& into, std::string* reason = nullptr) {
    frame_decoder decoder;
    decoder.feed(bytes);
    const auto got = decoder.next(into);
    if (reason)
        *reason = decoder.reason();
    return got;
}

class every_compression : public testing::TestWithParam<compression> {};

INSTANTIATE_TEST_SUITE_P(Frame, every_compression,
                         testing::Values(compression::none, compression::zstd, compression::gzip),
                         [](const auto& param) { return std::string(name_of(param.param)); });

TEST_P(every_compression, RoundTripsFromEverySizeAroundTheThreshold) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1023}, std::size_t{1024},
                                   std::size_t{100000}, payload_bytes_max}) {
        const std::string payload(size, 'x');
        std::string out;
        encode_frame(payload, GetParam(), out);
        const bool packed = GetParam() != compression::none && size >= compress_from_bytes;
        EXPECT_EQ((out[3] & 0x60) >> 5, packed ? static_cast<int>(GetParam()) : 0) << size;
        frame got;
        ASSERT_EQ(decode(out, got), outcome::frame) << size;
        EXPECT_EQ(got.payload, payload);
        EXPECT_FALSE(got.terminal);
        EXPECT_FALSE(got.reconnect_advised);
    }
}

TEST_P(every_compression, WhatDoesNotShrinkGoesAsItIs) {
    const auto payload = noise(payload_bytes_max);
    std::string out;
    encode_frame(payload, GetParam(), out);
    EXPECT_EQ(out.size(), payload.size() + frame_header_bytes);
    frame got;
    ASSERT_EQ(decode(out, got), outcome::frame);
    EXPECT_EQ(got.payload, payload);
}

TEST_P(every_compression, ManyFramesInAnyPieces) {
    std::string stream;
    std::vector<std::string> payloads;
    for (std::size_t i = 0; i < 40; ++i) {
        payloads.push_back(std::string(i * 97, static_cast<char>('a' + i % 26)));
        encode_frame(payloads.back(), GetParam(), stream, i % 2 == 1);
    }
    for (const std::size_t piece : {1, 2, 3, 5, 7, 1000, 100000}) {
        frame_decoder decoder;
        frame got;
        std::size_t seen = 0;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            decoder.feed(std::string_view(stream).substr(at, piece));
            while (decoder.next(got) == outcome::frame) {
                ASSERT_LT(seen, payloads.size());
                EXPECT_EQ(got.payload, payloads[seen]);
                EXPECT_EQ(got.reconnect_advised, seen % 2 == 1);
                ++seen;
            }
        }
        EXPECT_EQ(seen, payloads.size()) << piece;
        EXPECT_TRUE(decoder.empty());
    }
}

class every_packing : public every_compression {};

INSTANTIATE_TEST_SUITE_P(Frame, every_packing, testing::Values(compression::zstd, compression::gzip),
                         [](const auto& param) { return std::string(name_of(param.param)); });

TEST_P(every_packing, ABombIsBounded) {
    const auto bomb = compress(std::string(64 * 1024 * 1024, '\0'), GetParam());
    ASSERT_LT(bomb.size(), frame_bytes_max / 2);
    EXPECT_FALSE(decompress(bomb, GetParam(), payload_bytes_max));
}

TEST_P(every_packing, TheLimitIsExact) {
    const auto packed = compress(std::string(5000, 'x'), GetParam());
    EXPECT_EQ(decompress(packed, GetParam(), 5000), std::string(5000, 'x'));
    EXPECT_FALSE(decompress(packed, GetParam(), 4999));
    EXPECT_EQ(decompress(compress("", GetParam()), GetParam(), 0), "");
}

TEST_P(every_packing, CorruptAndCutPayloadsAreRefused) {
    const auto packed = compress(std::string(5000, 'x') + noise(50), GetParam());
    for (std::size_t size = 0; size < packed.size(); ++size)
        EXPECT_FALSE(decompress(packed.substr(0, size), GetParam(), 10000)) << size;
    EXPECT_FALSE(decompress(packed + "tail", GetParam(), 10000));
    EXPECT_FALSE(decompress(noise(100), GetParam(), 10000));
    std::string framed = bytes_of("00 00 05 00") + "abcd";
    framed[3] = static_cast<char>(static_cast<int>(GetParam()) << 5);
    frame got;
    EXPECT_EQ(decode(framed, got), outcome::bad);
}

TEST_P(every_packing, AFrameThatInflatesBeyondTheLimitIsBad) {
    const auto packed = compress(std::string(payload_bytes_max + 1, 'x'), GetParam());
    std::string framed(4, '\0');
    framed[1] = static_cast<char>((packed.size() + 1) >> 8 & 0xFF);
    framed[2] = static_cast<char>((packed.size() + 1) & 0xFF);
    framed[3] = static_cast<char>(static_cast<int>(GetParam()) << 5);
    frame got;
    EXPECT_EQ(decode(framed + packed, got), outcome::bad);
}

TEST(Frame, LengthsAreCheckedAsSoonAsTheyAreThere) {
    frame got;
    std::string reason;
    EXPECT_EQ(decode(bytes_of("00 00 00"), got, &reason), outcome::bad);
    EXPECT_EQ(decode(bytes_of("20 00 01"), got, &reason), outcome::bad);
    EXPECT_EQ(reason, "a frame of 2097153 bytes; at most 2097152 are allowed");
    EXPECT_EQ(decode(bytes_of("20 00 00"), got), outcome::need_more);
    EXPECT_EQ(decode(bytes_of("00 00"), got), outcome::need_more);
}

TEST(Frame, UnknownCompressionIsBadAndReservedBitsAreIgnored) {
    frame got;
    EXPECT_EQ(decode(bytes_of("00 00 01 60"), got), outcome::bad);
    ASSERT_EQ(decode(bytes_of("00 00 02 0f 41"), got), outcome::frame);
    EXPECT_EQ(got.payload, "A");
}

TEST(Frame, ATerminalFrameIsNeverDecompressed) {
    frame got;
    ASSERT_EQ(decode(bytes_of("00 00 05 a0 01 94 7b 7d"), got), outcome::frame);
    EXPECT_TRUE(got.terminal);
    EXPECT_EQ(decode_terminal(got.payload)->status, 404u);
}

TEST(Frame, NothingComesAfterABadFrame) {
    frame_decoder decoder;
    frame got;
    decoder.feed(bytes_of("00 00 00 00 00 01 00"));
    EXPECT_EQ(decoder.next(got), outcome::bad);
    decoder.feed(bytes_of("00 00 01 00"));
    EXPECT_EQ(decoder.next(got), outcome::bad);
}

TEST(Frame, AStartedFrameIsHeld) {
    frame_decoder decoder;
    EXPECT_TRUE(decoder.empty());
    decoder.feed(bytes_of("00"));
    EXPECT_FALSE(decoder.empty());
}

TEST(Compression, Names) {
    for (const auto with : {compression::none, compression::zstd, compression::gzip})
        EXPECT_EQ(parse_compression(name_of(with)), with);
    EXPECT_FALSE(parse_compression("brotli"));
    EXPECT_FALSE(parse_compression(""));
}

} // namespace
} // namespace s2
