#include "agent/config/units.hpp"

#include "net/text.hpp"

#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <utility>

namespace agent {
namespace {

struct unit {
    std::string_view name;
    std::uint64_t factor;
};

constexpr std::array<unit, 8> duration_units{{{"ns", 1},
                                              {"us", 1'000},
                                              {"µs", 1'000},
                                              {"ms", 1'000'000},
                                              {"s", 1'000'000'000},
                                              {"m", 60'000'000'000},
                                              {"h", 3'600'000'000'000},
                                              {"d", 86'400'000'000'000}}};

constexpr std::uint64_t kib = 1024;
constexpr std::array<unit, 14> size_units{{{"", 1},
                                           {"b", 1},
                                           {"k", kib},
                                           {"kib", kib},
                                           {"kb", 1000},
                                           {"m", kib* kib},
                                           {"mib", kib* kib},
                                           {"mb", 1'000'000},
                                           {"g", kib* kib* kib},
                                           {"gib", kib* kib* kib},
                                           {"gb", 1'000'000'000},
                                           {"t", kib* kib* kib* kib},
                                           {"tib", kib* kib* kib* kib},
                                           {"tb", 1'000'000'000'000}}};

bool digit(char c) {
    return c >= '0' && c <= '9';
}

// Takes "12", "1.5" off the front as a numerator over a power of ten.
bool take_number(std::string_view& text, std::uint64_t& numerator, std::uint64_t& denominator) {
    constexpr std::uint64_t digits_max = 100'000'000'000'000'000; // 17 digits fit with room to spare
    std::size_t at = 0;
    bool fraction = false;
    bool any = false;
    numerator = 0;
    denominator = 1;
    for (; at < text.size(); ++at) {
        if (text[at] == '.' && !fraction && any) {
            fraction = true;
            continue;
        }
        if (!digit(text[at]))
            break;
        if (numerator >= digits_max || (fraction && denominator >= digits_max))
            return false;
        any = true;
        numerator = numerator * 10 + static_cast<std::uint64_t>(text[at] - '0');
        if (fraction)
            denominator *= 10;
    }
    if (!any || (at > 0 && text[at - 1] == '.'))
        return false;
    text.remove_prefix(at);
    return true;
}

template <std::size_t N>
std::optional<std::uint64_t> factor_of(const std::array<unit, N>& units, std::string_view name) {
    for (const unit& known : units) {
        if (known.name == name)
            return known.factor;
    }
    return std::nullopt;
}

// numerator / denominator × factor where that is whole and fits.
std::optional<std::uint64_t> scaled(std::uint64_t numerator, std::uint64_t denominator,
                                    std::uint64_t factor) {
    __extension__ using wide = unsigned __int128;
    const wide product = static_cast<wide>(numerator) * factor;
    if (product % denominator != 0)
        return std::nullopt;
    const wide value = product / denominator;
    if (value > static_cast<wide>(std::numeric_limits<std::int64_t>::max()))
        return std::nullopt;
    return static_cast<std::uint64_t>(value);
}

} // namespace

std::optional<net::duration> parse_duration(std::string_view text) {
    if (text == "0")
        return net::duration::zero();
    if (text.empty())
        return std::nullopt;
    std::uint64_t total = 0;
    while (!text.empty()) {
        std::uint64_t numerator = 0;
        std::uint64_t denominator = 1;
        if (!take_number(text, numerator, denominator))
            return std::nullopt;
        std::size_t length = 0;
        while (length < text.size() && !digit(text[length]))
            ++length;
        const auto factor = factor_of(duration_units, text.substr(0, length));
        text.remove_prefix(length);
        if (!factor)
            return std::nullopt;
        const auto part = scaled(numerator, denominator, *factor);
        if (!part || *part > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - total)
            return std::nullopt;
        total += *part;
    }
    return net::duration(static_cast<std::int64_t>(total));
}

std::string duration_text(net::duration value) {
    auto left = value.count();
    if (left <= 0)
        return "0s";
    std::string text;
    constexpr std::array<unit, 7> parts{{{"d", 86'400'000'000'000},
                                         {"h", 3'600'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"s", 1'000'000'000},
                                         {"ms", 1'000'000},
                                         {"us", 1'000},
                                         {"ns", 1}}};
    for (const unit& part : parts) {
        const auto factor = static_cast<std::int64_t>(part.factor);
        if (left >= factor) {
            text += std::to_string(left / factor) + std::string(part.name);
            left %= factor;
        }
    }
    return text;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
    std::uint64_t numerator = 0;
    std::uint64_t denominator = 1;
    if (!take_number(text, numerator, denominator))
        return std::nullopt;
    const std::string name = net::lower_case(text);
    const auto factor = factor_of(size_units, name);
    if (!factor)
        return std::nullopt;
    return scaled(numerator, denominator, *factor);
}

std::string size_text(std::uint64_t bytes) {
    constexpr std::array<unit, 4> parts{
        {{"TiB", kib * kib * kib * kib}, {"GiB", kib * kib * kib}, {"MiB", kib * kib}, {"KiB", kib}}};
    for (const unit& part : parts) {
        if (bytes >= part.factor && bytes % part.factor == 0)
            return std::to_string(bytes / part.factor) + std::string(part.name);
    }
    return std::to_string(bytes) + "B";
}

} // namespace agent
