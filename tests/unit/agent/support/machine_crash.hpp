#pragma once
// What a dead machine leaves of files in memory: of each sector what was synced (or written back meanwhile)
// or what was there at the end, and of the names one of the states since the directory was synced.

#include "memory_files.hpp"

#include <algorithm>
#include <cstring>
#include <random>

namespace agent::test {

constexpr std::size_t sector_bytes = 512;
constexpr std::size_t page_bytes = 4096;

// What reached the disk, of eighths: 0 nothing, 8 all; `seed` says which.
struct tear {
    unsigned reached = 0;
    std::uint64_t seed = 0;
};

inline void copy_unit(memory_files::content& of, std::size_t at, std::size_t bytes, bool to_disk) {
    bytes = std::min(bytes, of.size - at);
    auto* const now = reinterpret_cast<char*>(of.bytes().data()) + at;
    if (to_disk)
        std::memcpy(of.synced.data() + at, now, bytes);
    else
        std::memcpy(now, of.synced.data() + at, bytes);
}

// The kernel writes some pages back, as it does at any time.
inline void write_back(memory_files& disk, tear how) {
    std::mt19937_64 random(how.seed);
    for (auto& [name, one] : disk.all) {
        one->synced.resize(one->size);
        for (std::size_t at = 0; at < one->size; at += page_bytes)
            if (random() % 8 < how.reached)
                copy_unit(*one, at, page_bytes, true);
    }
}

// Nothing may be mapped.
inline void machine_dies(memory_files& disk, tear how) {
    std::mt19937_64 random(how.seed);
    auto& states = disk.names_since_sync;
    const auto synced_names = states.front();
    disk.all = how.reached == 0   ? states.front()
               : how.reached >= 8 ? states.back()
                                  : states[random() % states.size()];
    const std::size_t unit = random() % 2 == 0 ? sector_bytes : page_bytes;
    const auto was_there = [&](const memory_files::content_ptr& which) {
        return std::any_of(synced_names.begin(), synced_names.end(),
                           [&](const auto& named) { return named.second == which; });
    };
    for (auto& [name, one] : disk.all) {
        // Its creation reached the journal, its size did not.
        if (one->synced.empty() && !was_there(one) && random() % 8 >= how.reached && random() % 2 == 0)
            one->resize(0);
        one->synced.resize(one->size);
        for (std::size_t at = 0; at < one->size; at += unit)
            if (random() % 8 >= how.reached)
                copy_unit(*one, at, unit, false);
        one->synced.assign(reinterpret_cast<const char*>(one->bytes().data()), one->size);
    }
    disk.forget_names();
}

} // namespace agent::test
