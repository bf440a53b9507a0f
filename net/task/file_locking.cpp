#include "net/task/file_locking.hpp"

namespace net {
namespace {

constexpr duration between_tries =
    std::chrono::milliseconds(20); // the kernel tells nobody that a lock is free

} // namespace

task<result<std::unique_ptr<file_lock>>> lock_patiently(environment& env, patient_lock wanted,
                                                        std::string& holder) {
    const auto until = saturating_add(env.now(), predecessor_patience);
    for (bool told = false;; told = true) {
        auto lock = env.files().lock(wanted.file, wanted.ours, holder);
        const bool held = !lock && lock.error() == error::locked;
        if (!held || wanted.enough() || env.now() >= until)
            co_return std::move(lock);
        if (!told)
            wanted.waiting(holder);
        co_await sleep_until(env, saturating_add(env.now(), between_tries));
    }
}

} // namespace net
