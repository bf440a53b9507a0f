#pragma once
// Small rules of text that protocols share. ASCII only where letters are concerned, as they say.

#include "net/clock.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace net {

std::string lower_case(std::string_view text);
std::string_view trimmed(std::string_view text); // without blanks, tabs and line ends around it

// What is not a whole escape stays as it is.
std::string percent_decoded(std::string_view text);
// A name or value of a query: + is a blank.
std::string query_decoded(std::string_view text);

// In lower case, which is how a UUID is written; nothing where it is not 8-4-4-4-12 hexadecimal digits.
std::optional<std::string> normal_uuid(std::string_view text);

enum class fraction { micros, shortest }; // "….678901Z" always; "….6789Z", "…Z"
// RFC 3339 in UTC: "2026-01-02T03:04:05.678901Z". Years beyond 9999 have more digits, as events may hold
// them.
std::string rfc3339(wall_micros at, fraction digits = fraction::micros);

} // namespace net
