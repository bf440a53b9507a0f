#pragma once
// What the targets share. A target aborts where a rule does not hold (NET_ASSERT says which).
//
// Where an input is bytes on the wire, all of it is: the cuts between pieces follow from the bytes, so that a
// seed is what a peer would send. Where it is a list of steps, `steps` takes it apart.

#include "net/assert.hpp"
#include "tests/sim/draw.hpp"
#include "tests/unit/agent/support/tight_text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

using agent::test::tight;

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

// Draws that follow from the bytes.
inline sim::draw draw_of(std::string_view bytes) {
    return sim::draw(bytes.size()).fork(bytes);
}

enum class cut { nowhere, somewhere, everywhere };

// Calls take(piece) for the whole, for pieces that are drawn, or for single bytes, each in memory of its own,
// until it says false.
template <class F>
void in_pieces(std::string_view whole, cut where, F&& take) {
    auto random = draw_of(whole);
    const auto piece_max = where == cut::everywhere ? 1 : std::uint64_t{1} << random.below(12);
    while (!whole.empty()) {
        const auto drawn = where == cut::nowhere ? whole.size() : random.between(1, piece_max);
        const auto bytes = std::min<std::uint64_t>(whole.size(), drawn);
        const tight piece(whole.substr(0, bytes));
        if (!take(piece.view()))
            return;
        whole.remove_prefix(bytes);
    }
}

// An input as a list of choices. Behind its end everything is 0.
class steps {
public:
    explicit steps(std::string_view input)
        : left_(input) {}

    bool over() const { return left_.empty(); }

    std::uint8_t byte() {
        if (left_.empty())
            return 0;
        const auto first = static_cast<std::uint8_t>(left_.front());
        left_.remove_prefix(1);
        return first;
    }

    std::uint64_t number(unsigned bytes) {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < bytes; ++i)
            value = value << 8 | byte();
        return value;
    }

    // As many as are there.
    std::string_view bytes(std::size_t count) {
        const auto taken = left_.substr(0, count);
        left_.remove_prefix(taken.size());
        return taken;
    }

    std::string_view rest() { return bytes(left_.size()); }

private:
    std::string_view left_;
};

} // namespace fuzz
