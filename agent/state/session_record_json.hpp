#pragma once
// A session's record as the JSON text that its slot holds. Every place is written once, and parts refer to
// it, so that the largest number of parts fits a slot.

#include "agent/state/session_table.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace agent {

std::string to_json_text(const session_record& record);
// Nothing: not such a text.
std::optional<session_record> session_record_of_json(std::string_view text);

} // namespace agent
