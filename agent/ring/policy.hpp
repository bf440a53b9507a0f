#pragma once
// Which segment gives way at a segment's end: the decision alone (invariant 1 of room.hpp). ring_room does
// what it says, and asks again with what failed. Nothing is tried twice, so it ends.

#include <cstddef>
#include <optional>

namespace agent {

enum class room_failure { none, disk_full, other };

struct room_facts {
    std::size_t segments = 0; // that could go, oldest first: all but the head
    std::size_t history = 0;  // the first of them within the live history
    bool at_capacity = false;
    bool keep_owed = false;                      // who asks can wait for S2
    room_failure taking = room_failure::none;    // of free capacity, in this roll-over
    room_failure recycling = room_failure::none; // of a segment, in this roll-over
};

struct room_choice {
    enum class kind { recycle, take_free, refuse };
    kind what = kind::refuse;
    std::size_t index = 0; // which one to recycle

    bool operator==(const room_choice&) const = default;
};

// `held` and `owed` answer for one segment; they are asked no more than needed.
template <class Held, class Owed>
room_choice choose_room(const room_facts& facts, const Held& held, const Owed& owed) {
    using kind = room_choice::kind;
    const auto oldest = [](std::size_t end, const auto& fits) -> std::optional<std::size_t> {
        for (std::size_t index = 0; index < end; ++index)
            if (fits(index))
                return index;
        return std::nullopt;
    };
    const auto unheld = [&](std::size_t index) { return !held(index); };
    const auto settled = [&](std::size_t index) { return !held(index) && !owed(index); };

    // A shortage of anything but space says nothing about what lies in the ring: it stays.
    if (facts.taking == room_failure::other)
        return {};
    if (facts.recycling != room_failure::none) {
        const bool may_take = !facts.at_capacity && facts.taking == room_failure::none;
        return {may_take ? kind::take_free : kind::refuse};
    }
    if (facts.taking == room_failure::none) {
        if (const auto index = oldest(facts.history, settled))
            return {kind::recycle, *index};
        if (!facts.at_capacity)
            return {kind::take_free};
    }
    // The ring can't grow: one goes. What was delivered goes first where it is the disk that is full, though
    // it be live history; at the capacity that is kept by age alone.
    std::optional<std::size_t> victim;
    if (!facts.at_capacity)
        victim = oldest(facts.segments, settled);
    if (!victim)
        victim = oldest(facts.segments, unheld);
    if (!victim || (facts.keep_owed && owed(*victim)))
        return {};
    return {kind::recycle, *victim};
}

} // namespace agent
