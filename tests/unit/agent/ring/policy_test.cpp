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

struct room_case {
    const char* ring;
    bool at_capacity;
    bool keep_owed;
    room_failure taking;
    room_failure recycling;
    const char* expected;
};

TEST(ring_policy, what_gives_way) {
    constexpr bool at_capacity = true;
    constexpr bool below = false;
    constexpr bool may_go = false; // what is owed
    constexpr bool stays = true;
    const room_case cases[] = {
        // What is settled goes first, though capacity be free.
        {"d|", below, may_go, none, none, "0"},
        {"d|", below, stays, none, none, "0"},
        {"dd|d", below, may_go, none, none, "0"},
        {"dd|d", below, stays, none, none, "0"},
        {"ohd|d", below, may_go, none, none, "2"},
        {"ohd|d", below, stays, none, none, "2"},
        {"ohd|d", at_capacity, may_go, none, none, "2"},
        {"ohd|d", at_capacity, stays, none, none, "2"},
        // What is being read stays where it is.
        {"rd|d", below, may_go, none, none, "1"},
        {"rd|d", below, stays, none, none, "1"},
        {"r|d", below, may_go, none, none, "free"},
        {"r|d", below, stays, none, none, "free"},
        {"rr|o", at_capacity, may_go, none, none, "2"},
        {"rr|o", at_capacity, stays, none, none, "refuse"},
        {"ro|rd", below, may_go, full, none, "3"},
        {"ro|rd", below, stays, full, none, "3"},
        // Then free capacity is taken, and the live history stays.
        {"|", below, may_go, none, none, "free"},
        {"|", below, stays, none, none, "free"},
        {"|dd", below, may_go, none, none, "free"},
        {"|dd", below, stays, none, none, "free"},
        {"oh|dd", below, may_go, none, none, "free"},
        {"oh|dd", below, stays, none, none, "free"},
        // At the capacity the oldest that is not held goes, delivered or not.
        {"oo|o", at_capacity, may_go, none, none, "0"},
        {"oo|o", at_capacity, stays, none, none, "refuse"},
        {"oo|d", at_capacity, may_go, none, none, "0"},
        {"oo|d", at_capacity, stays, none, none, "refuse"},
        {"ho|d", at_capacity, may_go, none, none, "1"},
        {"ho|d", at_capacity, stays, none, none, "refuse"},
        {"h|do", at_capacity, may_go, none, none, "1"},
        {"h|do", at_capacity, stays, none, none, "1"},
        {"h|od", at_capacity, may_go, none, none, "1"},
        {"h|od", at_capacity, stays, none, none, "refuse"},
        {"|do", at_capacity, may_go, none, none, "0"},
        {"|do", at_capacity, stays, none, none, "0"},
        {"hh|h", at_capacity, may_go, none, none, "refuse"},
        {"hh|h", at_capacity, stays, none, none, "refuse"},
        {"|", at_capacity, may_go, none, none, "refuse"},
        {"|", at_capacity, stays, none, none, "refuse"},
        // On a full disk the oldest delivered one, live history included; then the oldest that is not held.
        {"oo|od", below, may_go, full, none, "3"},
        {"oo|od", below, stays, full, none, "3"},
        {"ho|dd", below, may_go, full, none, "2"},
        {"ho|dd", below, stays, full, none, "2"},
        {"|d", below, may_go, full, none, "0"},
        {"|d", below, stays, full, none, "0"},
        {"ho|oo", below, may_go, full, none, "1"},
        {"ho|oo", below, stays, full, none, "refuse"},
        {"hh|ho", below, may_go, full, none, "3"},
        {"hh|ho", below, stays, full, none, "refuse"},
        {"hh|h", below, may_go, full, none, "refuse"},
        {"hh|h", below, stays, full, none, "refuse"},
        {"|", below, may_go, full, none, "refuse"},
        {"|", below, stays, full, none, "refuse"},
        // Any other failure to take touches nothing.
        {"oo|dd", below, may_go, other, none, "refuse"},
        {"oo|dd", below, stays, other, none, "refuse"},
        {"oo|oo", below, may_go, other, none, "refuse"},
        {"oo|oo", below, stays, other, none, "refuse"},
        {"|", below, may_go, other, none, "refuse"},
        {"|", below, stays, other, none, "refuse"},
        // One that can't be recycled stays, and no other goes for it; free capacity may do instead.
        {"d|o", below, may_go, none, other, "free"},
        {"d|o", below, stays, none, other, "free"},
        {"d|o", below, may_go, none, full, "free"},
        {"d|o", below, stays, none, full, "free"},
        {"dd|d", below, may_go, none, other, "free"},
        {"dd|d", below, stays, none, other, "free"},
        {"d|o", at_capacity, may_go, none, other, "refuse"},
        {"d|o", at_capacity, stays, none, other, "refuse"},
        {"d|o", at_capacity, may_go, none, full, "refuse"},
        {"d|o", at_capacity, stays, none, full, "refuse"},
        {"oo|o", at_capacity, may_go, none, other, "refuse"},
        {"oo|o", at_capacity, stays, none, other, "refuse"},
        {"oo|o", at_capacity, may_go, none, full, "refuse"},
        {"oo|o", at_capacity, stays, none, full, "refuse"},
        {"d|o", below, may_go, other, other, "refuse"},
        {"d|o", below, stays, other, other, "refuse"},
        {"d|o", below, may_go, other, full, "refuse"},
        {"d|o", below, stays, other, full, "refuse"},
        {"oo|d", below, may_go, full, other, "refuse"},
        {"oo|d", below, stays, full, other, "refuse"},
        {"oo|d", below, may_go, full, full, "refuse"},
        {"oo|d", below, stays, full, full, "refuse"},
    };
    for (const auto& row : cases)
        EXPECT_EQ(chosen(row.ring, row.at_capacity, row.keep_owed, row.taking, row.recycling), row.expected)
            << row.ring << (row.at_capacity ? " at the capacity" : "")
            << (row.keep_owed ? ", what is owed stays" : "") << ", taking " << static_cast<int>(row.taking)
            << ", recycling " << static_cast<int>(row.recycling);
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
