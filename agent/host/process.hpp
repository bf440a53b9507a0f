#pragma once
// The process itself: its environment as it was at start, and what keeps secrets inside it (invariant 7).

#include "agent/config/setting.hpp"
#include "net/clock.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace agent {

struct taken_environment {
    variables plain;
    secret_variables secrets; // of the names below
};

// A token, a key, and addresses of proxies, in which a password may stand.
constexpr std::array<std::string_view, 4> secret_names{"S2_ACCESS_TOKEN", "S2_ENCRYPTION_KEY", "HTTPS_PROXY",
                                                       "https_proxy"};

// A copy of the environment. The bytes of secrets are then overwritten where the kernel shows them
// (/proc/PID/environ) and their variables are gone for child processes. Call once, first.
taken_environment take_environment();

// No core dumps, and no reading of this process's memory by others of the same user, unless
// RINGTAIL_CORE_DUMPS=1.
void protect_memory(const variables& environment);

// One heap for all threads, before the second begins: the helper thread would get one of its own, which
// grows by a page and a system call at a time. The two threads seldom allocate at once.
void share_heap();

bool running_as_root();

// A group's id, by its name or its number; may ask the network (NSS), so only at start.
std::optional<unsigned> group_named(const std::string& name);

// What this process has used until now, all its threads together.
struct process_usage {
    net::duration user{};
    net::duration system{};
    std::uint64_t peak_rss_bytes = 0;
};

process_usage used_by_process();

} // namespace agent
