#include "agent/config/units.hpp"

#include <gtest/gtest.h>

namespace agent {
namespace {

using namespace std::chrono_literals;

TEST(units, durations_have_units) {
    EXPECT_EQ(parse_duration("100ms"), 100ms);
    EXPECT_EQ(parse_duration("5s"), 5s);
    EXPECT_EQ(parse_duration("1m30s"), 90s);
    EXPECT_EQ(parse_duration("1.5s"), 1500ms);
    EXPECT_EQ(parse_duration("2h"), 2h);
    EXPECT_EQ(parse_duration("1d"), 24h);
    EXPECT_EQ(parse_duration("7us"), 7us);
    EXPECT_EQ(parse_duration("7µs"), 7us);
    EXPECT_EQ(parse_duration("0"), 0s);
    EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(units, what_is_no_duration) {
    for (const char* text : {"", "5", "s", "5 s", "-5s", "5x", "5s5", "1.s", ".5s", "1..5s", "5S", "1e3s",
                             "0.1ns", "300000000000000000000s", "9999999999h", "5s "})
        EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(units, duration_text_reads_back) {
    for (const net::duration value : {net::duration(100ms), net::duration(90s), net::duration(36h),
                                      net::duration(1ns), net::duration(1h + 1us), net::duration(0s)})
        EXPECT_EQ(parse_duration(duration_text(value)), value) << duration_text(value);
    EXPECT_EQ(duration_text(90s), "1m30s");
    EXPECT_EQ(duration_text(100ms), "100ms");
}

TEST(units, sizes_have_units) {
    EXPECT_EQ(parse_size("1000"), 1000u);
    EXPECT_EQ(parse_size("1000B"), 1000u);
    EXPECT_EQ(parse_size("64k"), 65536u);
    EXPECT_EQ(parse_size("64KiB"), 65536u);
    EXPECT_EQ(parse_size("64kB"), 64000u);
    EXPECT_EQ(parse_size("1MiB"), 1048576u);
    EXPECT_EQ(parse_size("1M"), 1048576u);
    EXPECT_EQ(parse_size("1MB"), 1000000u);
    EXPECT_EQ(parse_size("0.5MiB"), 524288u);
    EXPECT_EQ(parse_size("10GiB"), 10737418240u);
    EXPECT_EQ(parse_size("2T"), 2199023255552u);
}

TEST(units, what_is_no_size) {
    for (const char* text :
         {"", "MiB", "1 MiB", "-1", "1.5", "1X", "1MiBB", "1_000", "99999999999999999999", "9999999T"})
        EXPECT_FALSE(parse_size(text)) << text;
}

TEST(units, size_text_reads_back) {
    for (const std::uint64_t value : {0ull, 1ull, 1000ull, 1024ull, 1536ull, 268435456ull, 10737418240ull})
        EXPECT_EQ(parse_size(size_text(value)), value);
    EXPECT_EQ(size_text(268435456), "256MiB");
    EXPECT_EQ(size_text(1000), "1000B");
}

} // namespace
} // namespace agent
