#pragma once
// A lock that a killed predecessor may still hold while the kernel takes its memory apart.

#include "net/environment.hpp"
#include "net/task/condition.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

namespace net {

constexpr duration predecessor_patience = std::chrono::seconds(2);

struct patient_lock {
    std::filesystem::path file;
    std::string ours;                                // what others find in it
    std::function<bool()> enough;                    // it is not waited for any longer
    std::function<void(const std::string&)> waiting; // hears once who holds it
};

// As file_system::lock, tried again for that long while somebody else holds it, and not beyond enough().
task<result<std::unique_ptr<file_lock>>> lock_patiently(environment& env, patient_lock wanted,
                                                        std::string& holder);

} // namespace net
