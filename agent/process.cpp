#include "agent/process.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <unistd.h>

namespace agent {

variables take_environment() {
    constexpr std::string_view secret_name = "S2_ACCESS_TOKEN";
    variables taken;
    for (char** entry = environ; entry && *entry; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals == std::string_view::npos)
            continue;
        taken.emplace(text.substr(0, equals), text.substr(equals + 1));
        if (text.substr(0, equals) == secret_name)
            explicit_bzero(*entry + equals + 1, text.size() - equals - 1);
    }
    ::unsetenv(secret_name.data());
    return taken;
}

void protect_memory(const variables& environment) {
    if (variable(environment, "RINGTAIL_CORE_DUMPS") == "1")
        return;
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    // The limit does not hold for a core pattern that is a pipe; not being dumpable does.
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

void share_heap() {
    ::mallopt(M_ARENA_MAX, 1);
}

process_usage used_by_process() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto time = [](const timeval& value) {
        return std::chrono::seconds(value.tv_sec) + std::chrono::microseconds(value.tv_usec);
    };
    return {time(used.ru_utime), time(used.ru_stime), static_cast<std::uint64_t>(used.ru_maxrss) * 1024};
}

bool running_as_root() {
    return ::geteuid() == 0;
}

} // namespace agent
