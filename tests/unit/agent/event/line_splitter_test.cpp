#include "agent/event/line_splitter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace {

using agent::line_splitter;
using namespace std::string_literals;

class lines {
public:
    explicit lines(std::size_t line_bytes_max)
        : splitter_(line_bytes_max) {}

    void give(std::string_view bytes) {
        const auto room = splitter_.prepare(bytes.size());
        ASSERT_GE(room.size(), bytes.size());
        std::ranges::copy(bytes, room.begin());
        splitter_.commit(bytes.size());
        take();
    }

    void end() {
        splitter_.end_of_input();
        take();
    }

    void abort() {
        if (const auto cut = splitter_.abort())
            say(*cut);
    }

    // "3:text" for a line, "3!too_long:123" for a refusal
    std::vector<std::string> seen;

private:
    void say(const agent::refused_line& refused) {
        seen.push_back(std::to_string(refused.number) + "!" + refused.error.code + ":" +
                       std::to_string(refused.bytes));
    }

    void take() {
        for (;;) {
            auto item = splitter_.next();
            if (auto* line = std::get_if<agent::input_line>(&item))
                seen.push_back(std::to_string(line->number) + ":" + std::string(line->text));
            else if (auto* refused = std::get_if<agent::refused_line>(&item))
                say(*refused);
            else
                return;
        }
    }

    line_splitter splitter_;
};

using expected = std::vector<std::string>;

// In one piece, in two pieces split at every byte, and byte by byte.
void expect_lines(std::string_view input, const expected& wanted, std::size_t line_bytes_max = 16,
                  bool abort = false) {
    const auto run = [&](std::vector<std::string_view> pieces) {
        lines split(line_bytes_max);
        for (const auto piece : pieces)
            split.give(piece);
        abort ? split.abort() : split.end();
        return split.seen;
    };
    EXPECT_EQ(run({input}), wanted);
    for (std::size_t at = 0; at <= input.size(); ++at)
        EXPECT_EQ(run({input.substr(0, at), input.substr(at)}), wanted) << "split at " << at;
    std::vector<std::string_view> bytes;
    for (std::size_t at = 0; at < input.size(); ++at)
        bytes.push_back(input.substr(at, 1));
    EXPECT_EQ(run(bytes), wanted) << "byte by byte";
}

TEST(line_splitter, gives_lines_with_their_numbers) {
    expect_lines("one\ntwo\nthree\n", {"1:one", "2:two", "3:three"});
}

TEST(line_splitter, gives_a_last_line_without_end) {
    expect_lines("one\ntwo", {"1:one", "2:two"});
    expect_lines("one\r\ntwo\r", {"1:one", "2:two"});
}

TEST(line_splitter, gives_nothing_for_nothing) {
    expect_lines("", {});
    expect_lines("\n", {});
    expect_lines("\r", {});
}

TEST(line_splitter, counts_empty_lines_without_giving_them) {
    expect_lines("\n\none\n\r\n\ntwo\n\n", {"3:one", "6:two"});
}

TEST(line_splitter, takes_one_cr_before_lf_and_no_other) {
    expect_lines("a\r\nb\r\r\nc\rd\n", {"1:a", "2:b\r", "3:c\rd"});
}

TEST(line_splitter, passes_nul_and_any_other_byte) {
    expect_lines("a\0b\na\0\n\xFF\x80\n"s, {"1:a\0b"s, "2:a\0"s, "3:\xFF\x80"});
}

TEST(line_splitter, passes_over_the_zeros_of_a_power_cut) {
    expect_lines("one\n\0\0\0two\n\0\0three"s, {"1:one", "2:two", "3:three"});
    expect_lines("\0one\n\0\n\0\r\ntwo\n\0\0"s, {"1:one", "4:two"});
    const std::string hole(100, '\0');
    expect_lines("one\n" + hole + "two\n" + hole, {"1:one", "2:two"});
    expect_lines("one\n" + hole + std::string(17, 'x') + "\ntwo\n", {"1:one", "2!too_long:17", "3:two"});
    expect_lines("one\n" + hole, {"1:one"}, 16, true);
    expect_lines("one\n" + hole + "x", {"1:one", "2!cut_off:1"}, 16, true);
}

TEST(line_splitter, passes_over_a_byte_order_mark_at_the_start) {
    expect_lines("\xEF\xBB\xBFone\n\xEF\xBB\xBFtwo\n", {"1:one", "2:\xEF\xBB\xBFtwo"});
    expect_lines("\xEF\xBB\xBF\none", {"2:one"});
    expect_lines("\xEF\xBB\xBF\0\0one"s, {"1:one"});
    expect_lines("\xEF\xBB\xBFone", {"1:one"}, 3);
    expect_lines("\xEF\xBB\xBF", {});
    expect_lines("\xEF\xBB\xBF", {}, 16, true);
    expect_lines("\xEF\xBB", {"1:\xEF\xBB"});
    expect_lines("\xEF\xBB", {"1!cut_off:2"}, 16, true);
    expect_lines("\xEF\xBBx\n", {"1:\xEF\xBBx"});
}

TEST(line_splitter, refuses_a_long_line_once_and_not_its_neighbours) {
    const std::string at_limit(16, 'x');
    expect_lines(at_limit + "\n" + at_limit + "\r\n" + at_limit,
                 {"1:" + at_limit, "2:" + at_limit, "3:" + at_limit});
    expect_lines("a\n" + at_limit + "y\nb\n", {"1:a", "2!too_long:17", "3:b"});
    expect_lines("a\n" + at_limit + "yz\r\nb\n", {"1:a", "2!too_long:19", "3:b"});
    expect_lines(at_limit + "\r\r\nb", {"1!too_long:18", "2:b"});
    expect_lines(at_limit + "\rz\nb", {"1!too_long:18", "2:b"});
    expect_lines(std::string(100, 'x') + "\n" + std::string(100, 'y') + "\nc",
                 {"1!too_long:100", "2!too_long:100", "3:c"});
    expect_lines("a\n" + std::string(100, 'x'), {"1:a", "2!too_long:100"});
}

TEST(line_splitter, drops_what_has_no_end_on_abort) {
    expect_lines("one\ntwo", {"1:one", "2!cut_off:3"}, 16, true);
    expect_lines("one\ntwo\n", {"1:one", "2:two"}, 16, true);
    expect_lines("one\n" + std::string(50, 'x'), {"1:one", "2!cut_off:50"}, 16, true);
    expect_lines("", {}, 16, true);
}

TEST(line_splitter, skips_a_long_line_in_bounded_memory) {
    line_splitter splitter;
    std::size_t room_seen = 0;
    std::uint64_t given = 0;
    const auto give = [&](char fill, std::size_t bytes) {
        const auto room = splitter.prepare(bytes);
        std::memset(room.data(), fill, bytes);
        splitter.commit(bytes);
        given += bytes;
        room_seen = std::max(room_seen, splitter.buffer_bytes());
    };
    while (given < 5 * 1024 * 1024) {
        give('x', 64 * 1024);
        EXPECT_TRUE(std::holds_alternative<agent::need_input>(splitter.next()));
    }
    give('\n', 1);
    const auto item = splitter.next();
    const auto* refused = std::get_if<agent::refused_line>(&item);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->bytes, given - 1);
    EXPECT_EQ(refused->number, 1u);
    EXPECT_EQ(refused->error.code, "too_long");
    EXPECT_LE(room_seen, agent::event_line_bytes_max + 64 * 1024 + 2);
    // With nothing held, the large buffer goes.
    splitter.prepare(64 * 1024);
    EXPECT_LE(splitter.buffer_bytes(), 256u * 1024);
}

TEST(line_splitter, gives_a_line_of_the_limit) {
    line_splitter splitter;
    const auto room = splitter.prepare(agent::event_line_bytes_max + 2);
    std::memset(room.data(), 'x', agent::event_line_bytes_max);
    room[agent::event_line_bytes_max] = '\r';
    room[agent::event_line_bytes_max + 1] = '\n';
    splitter.commit(agent::event_line_bytes_max + 2);
    const auto item = splitter.next();
    const auto* line = std::get_if<agent::input_line>(&item);
    ASSERT_TRUE(line);
    EXPECT_EQ(line->text.size(), agent::event_line_bytes_max);
}

} // namespace
