#include "net/environment.hpp"

#include "net/assert.hpp"

#include <array>
#include <limits>

namespace net {

std::uint64_t random_below(environment& env, std::uint64_t bound) {
    NET_ASSERT(bound > 0, "a random number needs a range");
    // The remainder of 2^64 would make small numbers likelier: draws from the incomplete last stretch are
    // thrown away.
    const std::uint64_t uneven = (std::numeric_limits<std::uint64_t>::max() % bound + 1) % bound;
    for (;;) {
        std::uint64_t drawn = 0;
        env.random_bytes(std::as_writable_bytes(std::span(&drawn, 1)));
        if (drawn <= std::numeric_limits<std::uint64_t>::max() - uneven)
            return drawn % bound;
    }
}

std::string random_uuid(environment& env) {
    std::array<unsigned char, 16> raw{};
    env.random_bytes(std::as_writable_bytes(std::span(raw)));
    raw[6] = static_cast<unsigned char>((raw[6] & 0x0f) | 0x40); // version 4
    raw[8] = static_cast<unsigned char>((raw[8] & 0x3f) | 0x80); // RFC 4122 variant
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(36);
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text += '-';
        text += digits[raw[i] >> 4];
        text += digits[raw[i] & 0x0f];
    }
    return text;
}

} // namespace net
