#pragma once
// Publishing into a ring and reading it back, with lines that tell their seq, so that a wrong one shows.

#include "agent/ring/ring.hpp"
#include "agent/ring/segment.hpp"
#include "memory_world.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace agent {

inline bool operator==(const ring_gap& a, const ring_gap& b) {
    return a.from_seq == b.from_seq && a.to_seq == b.to_seq && a.reason == b.reason;
}

inline std::ostream& operator<<(std::ostream& out, const ring_gap& gap) {
    return out << gap.from_seq << ".." << gap.to_seq << " " << name_of(gap.reason);
}

} // namespace agent

namespace agent::test {

constexpr std::uint64_t mib = 1024 * 1024;

inline ring_options options_of(std::uint64_t capacity = 16 * mib, std::uint64_t history = 2 * mib) {
    return {"/ring", capacity, history};
}

// `bytes` long; begins with the seq, and what follows depends on it too.
inline std::string line_of(seq_t seq, std::size_t bytes) {
    static const std::string letters = [] {
        std::string all(2 * mib, ' ');
        for (std::size_t index = 0; index < all.size(); ++index)
            all[index] = static_cast<char>('a' + index % 23);
        return all;
    }();
    std::string line = "{\"seq\":" + std::to_string(seq) + ",\"fill\":\"";
    if (line.size() < bytes)
        line.append(letters, seq % 23, bytes - line.size());
    line.resize(bytes);
    return line;
}

inline bool publish(ring& to, std::string_view line, std::uint32_t session = 1, bool own = false) {
    const auto room = to.reserve(line.size());
    if (room.size() < line.size())
        return false;
    std::copy(line.begin(), line.end(), room.begin());
    to.commit(line.size(), session, own);
    return true;
}

inline bool publish_next(ring& to, std::size_t bytes) {
    return publish(to, line_of(to.next_seq(), bytes));
}

inline void publish_until(ring& to, seq_t last, std::size_t bytes) {
    while (to.last_seq() < last)
        ASSERT_TRUE(publish_next(to, bytes));
}

struct read_back {
    std::vector<seq_t> seqs;
    std::vector<ring_gap> gaps;
    bool identical = true; // every line was line_of its seq and its own length
};

inline read_back read_on(ring_cursor& cursor) {
    read_back found;
    while (true) {
        const seq_t expected = cursor.position();
        const auto item = cursor.next();
        if (const auto* entry = std::get_if<ring_entry>(&item)) {
            found.identical = found.identical && entry->seq == expected &&
                              entry->line == line_of(entry->seq, entry->line.size());
            found.seqs.push_back(entry->seq);
        } else if (const auto* gap = std::get_if<ring_gap>(&item)) {
            found.identical = found.identical && gap->from_seq == expected && gap->to_seq >= gap->from_seq;
            found.gaps.push_back(*gap);
        } else {
            return found;
        }
    }
}

inline read_back read_all(ring& from, seq_t first = 1) {
    ring_cursor cursor(from, first);
    return read_on(cursor);
}

inline std::vector<seq_t> seqs(seq_t first, seq_t last) {
    std::vector<seq_t> all;
    for (; first <= last; ++first)
        all.push_back(first);
    return all;
}

struct opened {
    std::unique_ptr<ring> it;
    ring_recovery recovery;

    ring* operator->() { return it.get(); }

    ring& operator*() { return *it; }
};

inline opened open_ring(memory_world& world, const ring_options& options = options_of(), seq_t ceiling = 0) {
    opened result;
    auto ring = ring::open(world, options, ceiling, result.recovery);
    if (!ring)
        throw std::runtime_error("the ring does not open: " + ring.error().message());
    result.it = std::move(*ring);
    return result;
}

inline std::string segment_path(seq_t first) {
    return "/ring/" + segment_name(first);
}

inline std::string newest_segment(const memory_world& world) {
    std::string newest;
    for (const auto& name : world.disk.names())
        if (parse_segment_name(name))
            newest = "/ring/" + name;
    return newest;
}

// The world that a process killed now would leave, for another process on the same boot.
inline std::unique_ptr<memory_world> killed(const memory_world& world, std::uint64_t seed = 99) {
    auto left = std::make_unique<memory_world>(seed);
    left->disk.all = world.disk.copy();
    left->boot = world.boot;
    return left;
}

// Owed from one seq on; remembers what went.
class owing_from final : public ring_retention {
public:
    explicit owing_from(seq_t first)
        : first_owed(first) {}

    bool owed(seq_t, seq_t last) const override {
        ++asked;
        return last >= first_owed;
    }

    void letting_go(std::uint64_t generation, seq_t first, seq_t last) override {
        if (counted_in)
            counts_gone += counted_in->count(0, first, last);
        generations_gone.push_back(generation);
        for (seq_t seq = first; last >= first_owed && seq <= last; ++seq)
            dropped.push_back(seq);
    }

    seq_t first_owed;
    std::vector<seq_t> dropped; // all of each segment that went and was owed
    std::vector<std::uint64_t> generations_gone;
    ring* counted_in = nullptr;
    ring_count counts_gone;
    mutable std::size_t asked = 0;
};

} // namespace agent::test
