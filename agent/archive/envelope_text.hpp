#pragma once
// An envelope as people read it, in one line: time, seq, category, type, url, data.

#include <string>
#include <string_view>

namespace agent {

// Numbers, escapes and depth as they stand in the envelope: nothing is left out or altered but what
// printable() writes out. A line that is no envelope is shown as it is.
std::string envelope_text(std::string_view line);

} // namespace agent
