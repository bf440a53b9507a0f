#pragma once
// How a refusal of an event is worded: what, and where.

#include "agent/event/event.hpp"
#include "agent/event/scan.hpp"

#include <string>
#include <string_view>

namespace agent {

// "a string", "an object", …: what the value that begins so would be.
std::string_view kind_of_value(char first);
// "column 17", or "line 3, column 5" in a text of several lines. Bytes, from 1.
std::string place_in(std::string_view text, const char* at);
// A producer's text for a message that may go into a log: short, whole characters, none of them a control
// character.
std::string shown(std::string_view text);
// Of a scan that has met a fault.
event_error error_of(const event_scan& scan, std::string_view text);

} // namespace agent
