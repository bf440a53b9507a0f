#include "agent/event/gap.hpp"

namespace agent {

std::string_view name_of(gap_reason reason) {
    switch (reason) {
    case gap_reason::none:
        return "none";
    case gap_reason::capacity:
        return "capacity";
    case gap_reason::damage:
        return "damage";
    case gap_reason::machine_crash:
        return "machine_crash";
    }
    return "unknown";
}

} // namespace agent
