#pragma once

// Assertions stay on in release and say the violated rule in words.

namespace net {
[[noreturn]] void assertion_failed(const char* rule, const char* file, int line) noexcept;
} // namespace net

#define NET_ASSERT(condition, rule)                                                                          \
    do {                                                                                                     \
        if (!(condition)) [[unlikely]]                                                                       \
            ::net::assertion_failed(rule, __FILE__, __LINE__);                                               \
    } while (false)
