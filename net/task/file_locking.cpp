#include "net/task/file_locking.hpp"

namespace net {
namespace {

constexpr duration between_tries =
    std::chrono::milliseconds(20); // the kernel tells nobody that a lock is free

} // namespace

task<result<std::unique_ptr<file_lock>>> lock_patiently(environment& env, std::filesystem::path file,
                                                        std::string ours, std::string& holder,
                                                        std::function<bool()> enough,
                                                        std::function<void(const std::string&)> waiting) {
    const auto until = saturating_add(env.now(), predecessor_patience);
    for (bool told = false;; told = true) {
        auto lock = env.files().lock(file, ours, holder);
        const bool held = !lock && lock.error() == error::locked;
        if (!held || enough() || env.now() >= until)
            co_return std::move(lock);
        if (!told)
            waiting(holder);
        co_await sleep_until(env, saturating_add(env.now(), between_tries));
    }
}

} // namespace net
