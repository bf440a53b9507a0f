#include "s2/writer_action.hpp"

#include <ostream>

namespace s2 {

std::string_view name_of(writer_action::kind value) {
    constexpr std::string_view names[] = {"check_tail", "store_memory", "fence", "create_stream",
                                          "read",       "open",         "send",  "half_close",
                                          "ready",      "lost"};
    return names[static_cast<std::size_t>(value)];
}

std::string_view name_of(writer_pause value) {
    constexpr std::string_view names[] = {"none", "back_off", "park_sink", "park_stream", "cancelled"};
    return names[static_cast<std::size_t>(value)];
}

std::ostream& operator<<(std::ostream& out, const writer_action& action) {
    out << name_of(action.what);
    if (action.what == writer_action::kind::fence)
        out << " " << action.token << " at " << action.match << " on "
            << action.condition.value_or("anything");
    if (action.what == writer_action::kind::read)
        out << " [" << action.from << ", " << action.to << ")";
    return out;
}

std::ostream& operator<<(std::ostream& out, writer_pause value) {
    return out << name_of(value);
}

} // namespace s2
