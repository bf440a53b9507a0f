#include "agent/event/category_list.hpp"

#include "net/text.hpp"

#include <boost/json.hpp>

namespace agent {
boost::json::array to_json(category_set set) {
    boost::json::array names;
    for (std::size_t i = 0; i < category_count; ++i)
        if (set.test(i))
            names.emplace_back(name_of(static_cast<category>(i)));
    return names;
}

category_list parse_category_list(std::string_view comma_separated) {
    category_set set;
    if (net::trimmed(comma_separated).empty())
        return set;
    for (;;) {
        const auto comma = comma_separated.find(',');
        const auto name = net::trimmed(comma_separated.substr(0, comma));
        const auto value = parse_category(name);
        if (!value)
            return unknown_category{std::string(name)};
        set.set(static_cast<std::size_t>(*value));
        if (comma == std::string_view::npos)
            return set;
        comma_separated.remove_prefix(comma + 1);
    }
}

category_list parse_category_list(const boost::json::array& names) {
    category_set set;
    for (const auto& name : names) {
        const auto value = name.is_string() ? parse_category(name.get_string()) : std::nullopt;
        if (!value)
            return unknown_category{name.is_string() ? std::string(std::string_view(name.get_string()))
                                                     : boost::json::serialize(name)};
        set.set(static_cast<std::size_t>(*value));
    }
    return set;
}

} // namespace agent
