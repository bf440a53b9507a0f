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

// As file_system::lock, tried again for that long while somebody else holds it, and not beyond enough().
// `waiting` hears once who that is.
task<result<std::unique_ptr<file_lock>>> lock_patiently(environment& env, std::filesystem::path file,
                                                        std::string ours, std::string& holder,
                                                        std::function<bool()> enough,
                                                        std::function<void(const std::string&)> waiting);

} // namespace net
