#pragma once
// Well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong, at most U+10FFFF).

#include <string_view>

namespace s2 {

bool valid_utf8(std::string_view bytes);

} // namespace s2
