#include "agent/commands/command.hpp"

#include <cstdio>

namespace agent::commands {

exit_code version(invocation&) {
    std::printf("ringtail %s\n", RINGTAIL_VERSION);
    return std::fflush(stdout) == 0 ? exit_code::durable : exit_code::failure;
}

} // namespace agent::commands
