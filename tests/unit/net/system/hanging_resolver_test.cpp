// A resolver that does not answer holds up nobody but who asked it. This program's getaddrinfo stands before
// the C library's: it hangs for one name.

#include "tests/unit/net/system/loop.hpp"

#include <dlfcn.h>
#include <netdb.h>
#include <semaphore>

namespace {

constexpr std::string_view hanging_name = "hangs.invalid";
std::binary_semaphore asked{0};
std::binary_semaphore answered{0};

} // namespace

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
    if (name && name == hanging_name) {
        asked.release();
        answered.acquire();
        return EAI_AGAIN;
    }
    using function = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
    static const auto real = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    return real(name, service, hints, found);
}

namespace net::test {
namespace {

using hanging_resolver_test = system_loop;

TEST_F(hanging_resolver_test, other_blocking_work_goes_on) {
    run([&]() -> task<void> {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            bool given_up = false;
            group.spawn([&]() -> task<void> {
                const auto dialled = co_await env.dial(endpoint::tcp(std::string(hanging_name), 80), in(60s));
                EXPECT_EQ(dialled.error(), error::unresolved);
                given_up = true;
            });
            co_await on_helper(env, [] {}); // the look-up was asked for before
            asked.acquire();
            co_await on_helper(env, [] {});
            EXPECT_FALSE(given_up);
            answered.release();
            co_await group.join();
        });
    });
}

} // namespace
} // namespace net::test
