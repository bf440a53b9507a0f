#include "net/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace net {

void assertion_failed(const char* rule, const char* file, int line) noexcept {
    std::fprintf(stderr, "ringtail: internal rule violated: %s (%s:%d)\n", rule, file, line);
    std::abort();
}

} // namespace net
