#pragma once
// What a process of the simulated machine holds: open files, mappings, locks. All of them look at the process
// before they do anything, and may outlive it.

#include "tests/sim/disk.hpp"

#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>

namespace sim {

// A process, as far as the disk knows it.
struct file_holder {
    struct use {
        file_ptr of;
        unsigned handles = 0;
        unsigned mappings = 0;
    };

    std::shared_ptr<disk> on;
    bool alive = true;
    bool meets_shortages = false;            // of its machine
    std::map<std::uint64_t, use> uses;       // by the file's number
    std::map<std::uint64_t, file_ptr> locks; // by lock_id

    enum class frames { may_run, never_run_again };
    void kill(frames left);
};

// What every call of a dead process returns.
inline net::error_code dead() {
    return kernel_error(EIO);
}

using holder_ptr = std::shared_ptr<file_holder>;

// The name is the one at the opening; disk::fails is asked with it.
std::unique_ptr<net::file> make_file(holder_ptr by, file_ptr of, disk::path name);
std::unique_ptr<net::mapped_file> make_mapping(holder_ptr by, file_ptr of, disk::path name);
std::unique_ptr<net::mapped_file> make_anonymous_memory(std::uint64_t size);
std::unique_ptr<net::file_lock> make_lock(holder_ptr by, file_ptr of); // it is free

} // namespace sim
