#pragma once
// The process itself: its environment as it was at start, and what keeps secrets inside it (invariant 7).

#include "agent/setting.hpp"
#include "net/clock.hpp"

namespace agent {

// A copy of the environment. The bytes of S2_ACCESS_TOKEN's value are then overwritten where the kernel shows
// them
// (/proc/PID/environ) and the variable is gone for child processes. Call once, first.
variables take_environment();

// No core dumps, and no reading of this process's memory by others of the same user, unless
// RINGTAIL_CORE_DUMPS=1.
void protect_memory(const variables& environment);

// One heap for all threads, before the second begins: the helper thread would get one of its own, which
// grows by a page and a system call at a time. The two threads seldom allocate at once.
void share_heap();

bool running_as_root();

// What this process has used until now, all its threads together.
struct process_usage {
    net::duration user{};
    net::duration system{};
    std::uint64_t peak_rss_bytes = 0;
};

process_usage used_by_process();

} // namespace agent
