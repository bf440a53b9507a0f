#include "agent/intake/body_places.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace agent::test {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t whole = 4 * 1024 * 1024;

struct kit {
    body_places places;
    net::time_point now{std::chrono::hours(1)};
    std::deque<body_places::body> all; // stay where they are

    body_places::body& enter(body_places::options how = {}) {
        auto& one = all.emplace_back(how);
        places.enter(one, now);
        return one;
    }

    bool ask(body_places::body& one, std::uint64_t bytes) { return places.ask(one, bytes); }

    // All room there is, in the hands of so many.
    std::vector<body_places::body*> fill() {
        std::vector<body_places::body*> holders;
        for (std::uint64_t held = 0; held < body_room_bytes; held += whole) {
            holders.push_back(&enter());
            EXPECT_TRUE(ask(*holders.back(), whole));
        }
        return holders;
    }
};

TEST(body_places, small_ones_never_wait_and_are_counted) {
    kit room;
    const auto holders = room.fill();
    auto& waits = room.enter();
    EXPECT_FALSE(room.ask(waits, whole));
    auto& small = room.enter();
    EXPECT_TRUE(room.ask(small, body_free_bytes));
    EXPECT_EQ(room.places.held_bytes(), body_room_bytes + body_free_bytes);
    room.places.keep(small, 1, room.now);
    EXPECT_EQ(room.places.held_bytes(), body_room_bytes + 1);
}

TEST(body_places, large_ones_get_room_in_order_of_arrival) {
    kit room;
    const auto holders = room.fill();
    auto& first = room.enter();
    auto& second = room.enter();
    EXPECT_FALSE(room.ask(first, whole));
    EXPECT_FALSE(room.ask(second, 70'000));
    room.places.keep(*holders[0], 2 * 1024 * 1024, room.now); // enough for the second alone
    EXPECT_TRUE(first.waiting() && second.waiting());
    room.places.leave(*holders[0], room.now);
    EXPECT_FALSE(first.waiting());
    EXPECT_EQ(first.held(), whole);
    EXPECT_TRUE(second.waiting());
    room.places.leave(*holders[1], room.now);
    EXPECT_EQ(second.held(), 70'000u);
    EXPECT_LE(room.places.held_bytes(), body_room_bytes);
}

TEST(body_places, a_newcomer_does_not_overtake) {
    kit room;
    const auto holders = room.fill();
    auto& first = room.enter();
    EXPECT_FALSE(room.ask(first, whole));
    room.places.keep(*holders[0], whole / 2, room.now); // room for the newcomer, and not for the first
    auto& newcomer = room.enter();
    EXPECT_FALSE(room.ask(newcomer, whole / 4));
    room.places.leave(*holders[0], room.now);
    EXPECT_EQ(first.held(), whole);
}

TEST(body_places, one_that_leaves_the_queue_holds_nobody_up) {
    kit room;
    const auto holders = room.fill();
    auto& first = room.enter();
    auto& second = room.enter();
    EXPECT_FALSE(room.ask(first, whole));
    EXPECT_FALSE(room.ask(second, 70'000));
    room.places.leave(first, room.now);
    room.places.leave(*holders[0], room.now);
    EXPECT_FALSE(second.waiting());
}

TEST(body_places, silent_holders_give_up_only_where_others_wait) {
    kit room;
    const auto holders = room.fill();
    auto& small = room.enter();
    EXPECT_TRUE(room.ask(small, 100));
    room.now += seconds(5);
    room.places.listens(*holders[0], room.now);
    EXPECT_EQ(room.places.next_look(), room.now - seconds(5) + body_progress_max);
    auto& waits = room.enter();
    EXPECT_FALSE(room.ask(waits, whole));
    EXPECT_EQ(room.places.next_look(), room.now - seconds(5) + body_silence_max);
    room.now += seconds(5);
    const auto over = room.places.give_up(room.now);
    EXPECT_EQ(over, std::vector(holders.begin() + 1, holders.end()));
    EXPECT_FALSE(small.given_up()) << "no reservation";
    EXPECT_TRUE(waits.waiting()) << "they have not left yet";
    room.places.leave(*holders[1], room.now);
    room.places.leave(*holders[2], room.now);
    EXPECT_FALSE(waits.waiting());
}

TEST(body_places, our_own_waiting_is_nobodys_silence) {
    kit room;
    const auto holders = room.fill();
    auto& waits = room.enter();
    EXPECT_FALSE(room.ask(waits, whole));
    room.now += body_progress_max * 3;
    room.places.give_up(room.now);
    EXPECT_FALSE(waits.given_up());
    room.places.leave(*holders[0], room.now);
    EXPECT_TRUE(room.places.give_up(room.now + seconds(1)).empty());
    EXPECT_EQ(room.places.next_look(), room.now + body_progress_max);
    // A reader that waits for something else than its peer.
    for (auto* one : holders)
        room.places.busy(*one);
    room.places.busy(waits);
    EXPECT_EQ(room.places.next_look(), net::never);
}

TEST(body_places, without_progress_for_two_minutes_it_is_over) {
    kit room;
    auto& one = room.enter();
    auto& patient = room.enter({true, true, true});
    EXPECT_TRUE(room.ask(one, 10) && room.ask(patient, whole));
    EXPECT_TRUE(room.places.give_up(room.now + body_progress_max - seconds(1)).empty());
    EXPECT_EQ(room.places.give_up(room.now + body_progress_max), std::vector{&one});
    EXPECT_EQ(room.places.next_look(), net::never) << "once is enough";
    EXPECT_FALSE(patient.given_up());
}

TEST(body_places, who_all_wait_do_not_wait_for_each_other) {
    kit room;
    std::vector<body_places::body*> all;
    for (int n = 0; n < 512; ++n) {
        all.push_back(&room.enter());
        EXPECT_TRUE(room.ask(*all.back(), body_free_bytes));
    }
    EXPECT_EQ(room.places.held_bytes(), body_room_bytes);
    for (auto* one : all)
        room.ask(*one, whole);
    EXPECT_FALSE(all[0]->waiting()) << "else nothing would ever move";
    EXPECT_TRUE(all[1]->waiting());
    room.places.leave(*all[0], room.now);
    EXPECT_FALSE(all[1]->waiting());
    EXPECT_TRUE(all[2]->waiting());
}

TEST(body_places, even_small_ones_are_bounded_all_together) {
    kit room;
    std::uint64_t taken = 0;
    while (taken < 10'000 && room.ask(room.enter(), body_free_bytes))
        ++taken;
    EXPECT_EQ(taken, body_free_bytes_all / body_free_bytes);
    EXPECT_EQ(room.places.give_up(room.now + body_silence_max).size(), taken);
}

TEST(body_places, the_only_one_of_its_kind_waits_for_nobody) {
    kit room;
    const auto holders = room.fill();
    auto& input = room.enter({false, false, true});
    EXPECT_TRUE(room.ask(input, whole));
    EXPECT_EQ(room.places.held_bytes(), body_room_bytes + whole);
    auto& waits = room.enter();
    EXPECT_FALSE(room.ask(waits, whole));
    EXPECT_EQ(room.places.give_up(room.now + body_silence_max).size(), holders.size());
    EXPECT_FALSE(input.given_up());
}

} // namespace
} // namespace agent::test
