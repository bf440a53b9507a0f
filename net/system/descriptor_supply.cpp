#include "net/system/descriptor_supply.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <limits>

namespace net {
namespace {

// Where /proc is hidden, the lowest numbers are asked one by one: descriptors are given from below.
constexpr int asked_max = 1024;

std::size_t count_open() {
    std::error_code unknown;
    std::size_t count = 0;
    std::filesystem::directory_iterator entries("/proc/self/fd", unknown);
    for (; !unknown && entries != std::filesystem::directory_iterator(); entries.increment(unknown))
        ++count;
    if (count > 0)
        return count - 1; // without the one that reads the directory
    for (int number = 0; number < asked_max; ++number)
        count += ::fcntl(number, F_GETFD) >= 0 ? 1 : 0;
    return count;
}

} // namespace

descriptor_supply raise_descriptor_limit() {
    descriptor_supply supply;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        const rlimit raised{limit.rlim_max, limit.rlim_max};
        // The kernel's own bound may be below an unlimited one; then the soft limit stays.
        if (limit.rlim_cur < limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
        supply.limit = std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<int>::max());
    }
    supply.open = count_open();
    return supply;
}

} // namespace net
