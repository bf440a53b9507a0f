#pragma once
// What a writer must know again after its process is gone.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace s2 {

constexpr std::size_t own_tokens_max = 64; // claims that were never acknowledged, one per incarnation

// The owner stores it (synced) when the writer asks.
struct writer_memory {
    std::vector<std::string> tokens;         // own tokens: those whose fence may stand
    bool claimed = false;                    // a claim has been acknowledged and what lay below it resolved
    std::optional<std::uint64_t> first_tail; // the tail that the first attempt of the first claim saw
    std::uint64_t durable = 0;               // everything below is final and accounted for
    bool empty_claim = false;                // a continuation: claimed with match 0 and an empty token

    bool operator==(const writer_memory&) const = default;
};

} // namespace s2
