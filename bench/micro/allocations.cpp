// In place of the C library's, so that what its users in other libraries allocate is counted too.

#include "bench/micro/part.hpp"

#include <cerrno>
#include <cstdlib>

namespace {

thread_local std::uint64_t count = 0;

} // namespace

namespace bench {

std::uint64_t allocations() {
    return count;
}

} // namespace bench

extern "C" {
void* __libc_malloc(std::size_t bytes) noexcept;
void* __libc_calloc(std::size_t members, std::size_t bytes) noexcept;
void* __libc_realloc(void* old, std::size_t bytes) noexcept;
void* __libc_memalign(std::size_t alignment, std::size_t bytes) noexcept;

void* malloc(std::size_t bytes) noexcept {
    ++count;
    return __libc_malloc(bytes);
}

void* calloc(std::size_t members, std::size_t bytes) noexcept {
    ++count;
    return __libc_calloc(members, bytes);
}

void* realloc(void* old, std::size_t bytes) noexcept {
    ++count;
    return __libc_realloc(old, bytes);
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
    ++count;
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void** made, std::size_t alignment, std::size_t bytes) noexcept {
    ++count;
    *made = __libc_memalign(alignment, bytes);
    return *made ? 0 : ENOMEM;
}
}
