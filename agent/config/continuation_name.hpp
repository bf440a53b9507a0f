#pragma once
// How the streams are named that continue another one: `<stream>~<8 hex>` (product: invariant 9).

#include <cstddef>
#include <string_view>

namespace agent {

constexpr std::size_t continuation_suffix_bytes = 9;

constexpr bool is_continuation_name(std::string_view stream) {
    if (stream.size() <= continuation_suffix_bytes)
        return false;
    const auto suffix = stream.substr(stream.size() - continuation_suffix_bytes);
    return suffix.front() == '~' && suffix.find_first_not_of("0123456789abcdef", 1) == std::string_view::npos;
}

} // namespace agent
