// Every case of what gives way at a segment's end.
#include "agent/ring/policy.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace agent {
namespace {

constexpr auto none = room_failure::none;
constexpr auto full = room_failure::disk_full;
constexpr auto other = room_failure::other;

// One letter for each segment but the head, oldest first: d delivered, o owed, h held and owed, r held by
// a reader of what was delivered; behind the bar lies the live history. The answer: which one is recycled, "free" or "refuse".
std::string chosen(std::string_view ring, bool at_capacity, bool keep_owed, room_failure taking,
                   room_failure recycling) {
    const auto bar = ring.find('|');
    const std::string all = std::string(ring.substr(0, bar)) + std::string(ring.substr(bar + 1));
    const room_facts facts{all.size(), bar, at_capacity, keep_owed, taking, recycling};
    const auto choice = choose_room(
        facts, [&](std::size_t index) { return all.at(index) == 'h' || all.at(index) == 'r'; },
        [&](std::size_t index) { return all.at(index) == 'o' || all.at(index) == 'h'; });
    if (choice == room_choice{room_choice::kind::take_free})
        return "free";
    if (choice == room_choice{room_choice::kind::refuse})
        return "refuse";
    EXPECT_EQ(choice, (room_choice{room_choice::kind::recycle, choice.index}));
    return std::to_string(choice.index);
}

struct a_case {
    const char* ring;
    bool at_capacity;
    room_failure taking;
    room_failure recycling;
    const char* expected;
    const char* where_owed_stays;
};

TEST(ring_policy, what_gives_way) {
    constexpr bool at_capacity = true;
    constexpr bool below = false;
    const a_case cases[] = {
        // What is settled goes first, though capacity be free.
        {"d|", below, none, none, "0", "0"},
        {"ohd|d", below, none, none, "2", "2"},
        {"ohd|d", at_capacity, none, none, "2", "2"},
        // What is being read stays where it is.
        {"rd|d", below, none, none, "1", "1"},
        {"r|d", below, none, none, "free", "free"},
        {"rr|o", at_capacity, none, none, "2", "refuse"},
        {"ro|rd", below, full, none, "3", "3"},
        // Then free capacity is taken.
        {"|", below, none, none, "free", "free"},
        {"oh|dd", below, none, none, "free", "free"},
        // At the capacity the oldest that is not held goes.
        {"oo|o", at_capacity, none, none, "0", "refuse"},
        {"ho|d", at_capacity, none, none, "1", "refuse"},
        {"h|do", at_capacity, none, none, "1", "1"},
        {"hh|h", at_capacity, none, none, "refuse", "refuse"},
        {"|", at_capacity, none, none, "refuse", "refuse"},
        // On a full disk the oldest delivered one, live history included; then the oldest that is not held.
        {"oo|od", below, full, none, "3", "3"},
        {"ho|dd", below, full, none, "2", "2"},
        {"ho|oo", below, full, none, "1", "refuse"},
        {"hh|h", below, full, none, "refuse", "refuse"},
        {"|", below, full, none, "refuse", "refuse"},
        // Any other failure touches nothing.
        {"oo|dd", below, other, none, "refuse", "refuse"},
        {"|", below, other, none, "refuse", "refuse"},
        // One that can't be recycled stays; free capacity may do instead.
        {"d|o", below, none, other, "free", "free"},
        {"d|o", below, none, full, "free", "free"},
        {"d|o", at_capacity, none, other, "refuse", "refuse"},
        {"oo|o", at_capacity, none, other, "refuse", "refuse"},
        {"d|o", below, other, other, "refuse", "refuse"},
        {"d|o", below, full, other, "refuse", "refuse"},
        {"oo|d", below, full, other, "refuse", "refuse"},
        {"oo|d", below, full, full, "refuse", "refuse"},
    };
    for (const auto& one : cases)
        for (const bool keep_owed : {false, true})
            EXPECT_EQ(chosen(one.ring, one.at_capacity, keep_owed, one.taking, one.recycling),
                      keep_owed ? one.where_owed_stays : one.expected)
                << one.ring << (one.at_capacity ? " at the capacity" : "") << " taking "
                << static_cast<int>(one.taking) << " recycling " << static_cast<int>(one.recycling);
}

// Whatever fails, and however often: an attempt is never made twice, so a roll-over ends.
TEST(ring_policy, every_failure_leads_on) {
    const std::string letters = "doh";
    for (int code = 0; code < 27; ++code)
        for (const bool at_capacity : {false, true}) {
            std::string ring{letters[code % 3], letters[code / 3 % 3], letters[code / 9], '|'};
            std::swap(ring[1 + code % 3], ring.back());
            auto taking = none;
            auto recycling = none;
            for (int tries = 0;; ++tries) {
                ASSERT_LT(tries, 3) << ring;
                const auto now = chosen(ring, at_capacity, false, taking, recycling);
                if (now == "refuse")
                    break;
                (now == "free" ? taking : recycling) = code % 2 == 0 ? full : other;
            }
        }
}

} // namespace
} // namespace agent
