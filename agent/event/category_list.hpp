#pragma once
// Sets of categories as the outside writes them: a JSON array of names, or names with commas between them.

#include "agent/event/category.hpp"

#include <boost/json/array.hpp>

#include <string>
#include <string_view>
#include <variant>

namespace agent {

// In the table's order.
boost::json::array to_json(category_set set);

struct unknown_category {
    std::string name;
};

using category_list = std::variant<category_set, unknown_category>;

// White space around a name is ignored; an empty list is the empty set (only system events pass it).
category_list parse_category_list(std::string_view comma_separated);
// An entry that is not a string counts as unknown, by its JSON text.
category_list parse_category_list(const boost::json::array& names);

} // namespace agent
