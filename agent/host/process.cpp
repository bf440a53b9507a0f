#include "agent/host/process.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <grp.h>
#include <malloc.h>
#include <unistd.h>
#include <vector>

namespace agent {

taken_environment take_environment() {
    taken_environment taken;
    for (char** entry = environ; entry && *entry; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals == std::string_view::npos)
            continue;
        const auto name = text.substr(0, equals);
        const auto value = text.substr(equals + 1);
        if (std::find(secret_names.begin(), secret_names.end(), name) == secret_names.end()) {
            taken.plain.emplace(name, value);
            continue;
        }
        taken.secrets.emplace(name, net::secret(std::string(value)));
        explicit_bzero(*entry + equals + 1, value.size());
    }
    for (const auto name : secret_names)
        ::unsetenv(name.data());
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

std::optional<unsigned> group_named(const std::string& name) {
    constexpr std::size_t entry_bytes_max = 1024 * 1024; // of a group with very many members
    group entry{};
    group* found = nullptr;
    std::vector<char> room(16 * 1024);
    while (::getgrnam_r(name.c_str(), &entry, room.data(), room.size(), &found) == ERANGE &&
           room.size() < entry_bytes_max)
        room.resize(2 * room.size());
    if (found)
        return found->gr_gid;
    unsigned number = 0;
    const char* const last = name.data() + name.size();
    const auto [end, bad] = std::from_chars(name.data(), last, number);
    const bool whole = bad == std::errc() && end == last && number != static_cast<unsigned>(-1);
    return whole ? std::optional(number) : std::nullopt;
}

} // namespace agent
