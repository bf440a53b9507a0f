#include "agent/ring/header.hpp"

#include "agent/ring/crc32c.hpp"
#include "agent/ring/words.hpp"
#include "net/assert.hpp"

#include <algorithm>
#include <array>

namespace agent {
namespace {

constexpr std::uint64_t magic_and_version = 0x0001'676e'6972'74ff; // FF "tring", version 1
constexpr std::array<std::size_t, 2> identity_at{0, 3072};
constexpr std::size_t seal_at = 512;
constexpr std::array<std::size_t, 2> gaps_at{1024, 1536};

// The part as it is stored; `last` is the word that makes it count.
struct stored_identity {
    std::uint64_t last; // magic_and_version
    std::uint64_t generation;
    std::uint64_t first_seq;
    std::uint64_t crc;
};

struct stored_seal {
    std::uint64_t last_seq;
    std::uint64_t producer_events;
    std::uint64_t end;
    std::uint64_t last; // CRC, with a bit that keeps it from being zero
};

struct stored_gaps {
    std::uint64_t turn; // the higher one counts
    std::uint64_t count;
    std::array<std::uint64_t, ring_gaps_max> from_seq;
    std::array<std::uint64_t, ring_gaps_max> reason;
    std::uint64_t last; // as above
};

template <class T>
std::uint64_t check_word(std::uint64_t generation, const T& value, std::size_t bytes) {
    const auto seed = crc32c(std::as_bytes(std::span(&generation, 1)));
    return crc32c(std::as_bytes(std::span(&value, 1)).first(bytes), seed) | (std::uint64_t{1} << 32);
}

std::uint64_t check_word(const stored_identity& value) {
    return check_word(value.generation, value, offsetof(stored_identity, crc));
}

std::uint64_t check_word(std::uint64_t generation, const stored_seal& value) {
    return check_word(generation, value, offsetof(stored_seal, last));
}

std::uint64_t check_word(std::uint64_t generation, const stored_gaps& value) {
    return check_word(generation, value, offsetof(stored_gaps, last));
}

std::optional<stored_gaps> load_gaps(std::span<const std::byte> segment, std::size_t at,
                                     std::uint64_t generation) {
    const auto stored = load_at<stored_gaps>(segment, at);
    if (stored.last != check_word(generation, stored) || stored.count > ring_gaps_max)
        return std::nullopt;
    return stored;
}

} // namespace

header_state read_identity(std::span<const std::byte> segment, ring_identity& out) {
    if (segment.size() < ring_header_bytes)
        return header_state::broken;
    bool blank = true;
    for (const auto at : identity_at) {
        const auto stored = load_at<stored_identity>(segment, at);
        if (stored.last == magic_and_version && stored.crc == check_word(stored)) {
            out = {stored.generation, stored.first_seq};
            return header_state::whole;
        }
        blank = blank && stored.last == 0;
    }
    return blank ? header_state::blank : header_state::broken;
}

std::optional<ring_seal> read_seal(std::span<const std::byte> segment, const ring_identity& of) {
    const auto stored = load_at<stored_seal>(segment, seal_at);
    if (stored.last != check_word(of.generation, stored) || stored.last_seq + 1 < of.first_seq)
        return std::nullopt;
    return ring_seal{stored.last_seq, stored.producer_events, stored.end};
}

ring_gaps read_gaps(std::span<const std::byte> segment, const ring_identity& of) {
    std::optional<stored_gaps> newest;
    for (const auto at : gaps_at) {
        const auto stored = load_gaps(segment, at, of.generation);
        if (stored && (!newest || stored->turn > newest->turn))
            newest = stored;
    }
    ring_gaps gaps;
    for (std::size_t index = 0; newest && index < newest->count; ++index)
        gaps.append(newest->from_seq[index], static_cast<gap_reason>(newest->reason[index]));
    return gaps;
}

void write_gaps(std::span<std::byte> segment, const ring_identity& of, const ring_gaps& gaps) {
    std::array<std::uint64_t, 2> turns{};
    for (std::size_t copy = 0; copy < gaps_at.size(); ++copy)
        if (const auto stored = load_gaps(segment, gaps_at[copy], of.generation))
            turns[copy] = stored->turn;
    const std::size_t older = turns[0] <= turns[1] ? 0 : 1;

    stored_gaps stored{};
    stored.turn = std::max(turns[0], turns[1]) + 1;
    for (const auto& range : gaps.ranges()) {
        stored.from_seq[stored.count] = range.from_seq;
        stored.reason[stored.count] = static_cast<std::uint64_t>(range.reason);
        ++stored.count;
    }
    stored.last = 0;
    const auto word = check_word(of.generation, stored);
    store_at(segment, gaps_at[older], stored);
    store_last(segment, gaps_at[older] + offsetof(stored_gaps, last), word);
}

void write_seal(std::span<std::byte> segment, const ring_identity& of, const ring_seal& seal) {
    stored_seal stored{seal.last_seq, seal.producer_events, seal.end, 0};
    const auto word = check_word(of.generation, stored);
    store_at(segment, seal_at, stored);
    store_last(segment, seal_at + offsetof(stored_seal, last), word);
}

void blank_header(std::span<std::byte> segment) {
    for (const auto at : identity_at)
        store_last(segment, at, 0);
}

void write_header(std::span<std::byte> segment, const ring_identity& identity, const ring_gaps& gaps) {
    NET_ASSERT(identity.first_seq > 0, "a segment begins with a seq");
    store_at(segment, seal_at, stored_seal{});
    for (const auto at : gaps_at)
        store_at(segment, at, stored_gaps{});
    if (!gaps.empty())
        write_gaps(segment, identity, gaps);
    store_at(segment, ring_header_bytes, std::uint64_t{0});

    stored_identity stored{magic_and_version, identity.generation, identity.first_seq, 0};
    stored.crc = check_word(stored);
    stored.last = 0;
    for (const auto at : identity_at) {
        store_at(segment, at, stored);
        store_last(segment, at, magic_and_version);
    }
}

} // namespace agent
