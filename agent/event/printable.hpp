#pragma once
// Words of others (an event's, a server's, a path's) as a person may see them on a terminal.

#include <string>
#include <string_view>

namespace agent {

// The text with what is no visible text written out: a control character, a line or paragraph separator, what
// turns the direction of text, and what is not seen at all as \u{1b}; a byte that is not UTF-8 as \xff. The
// rest stays as it is, so that nothing is left out, and no line is begun or hidden that is not ours.
std::string printable(std::string_view text);

} // namespace agent
