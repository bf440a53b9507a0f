// arc4random for what the compiler's library links in: its random_device, which nothing here calls, is
// thrown away by the linker, but not always the need for glibc's arc4random, and with that the program would
// not start where glibc is older than 2.36 (Ubuntu 22.04). Hidden, so that nobody else's library meets it.
#include <sys/random.h>

#include <cstdint>
#include <cstdlib>

extern "C" __attribute__((visibility("hidden"))) std::uint32_t arc4random() noexcept {
    std::uint32_t value = 0;
    if (::getrandom(&value, sizeof value, 0) != sizeof value) // so few bytes come whole or not at all
        std::abort();
    return value;
}
