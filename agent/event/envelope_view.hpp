#pragma once
// What sinks need to see in an envelope that this agent wrote, without parsing it: its key order is fixed,
// and a quote inside a string is always escaped. Not for envelopes from elsewhere (parse_envelope_head is).

#include "agent/event/category.hpp"

#include <string_view>

namespace agent {

constexpr std::string_view envelope_opening = R"({"capture_session_id":")";

// Empty where it is not such an envelope.
inline std::string_view session_id_of_envelope(std::string_view line) {
    if (!line.starts_with(envelope_opening))
        return {};
    line.remove_prefix(envelope_opening.size());
    return line.substr(0, line.find('"'));
}

inline category category_of_envelope(std::string_view line) {
    // Only the session id, seq, ts and the type's string stand before it; in that string each quote has a
    // backslash before it, so that `","` ends it.
    constexpr std::string_view member = R"(","category":")";
    const auto at = line.find(member);
    if (at == std::string_view::npos)
        return category::system;
    line.remove_prefix(at + member.size());
    return parse_category(line.substr(0, line.find('"'))).value_or(category::system);
}

} // namespace agent
