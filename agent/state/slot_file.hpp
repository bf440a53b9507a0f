#pragma once
// A preallocated file of fixed-size slots, mapped, each holding one small value in three copies: write()
// replaces a copy that is neither the newest nor the last synced one and then makes it the newest. So a
// process killed at any store leaves the previous value, and a machine that dies leaves what was last synced
// or something newer, however often the slot was written since. Nothing is allocated after open: a full disk
// can't hurt it.
//
// Slots are best taken from the lowest on: open reads, and thereby maps, only those below a mark. It lies a
// few slots above the highest in use, and is on the disk before anything is stored at or above it: by open()
// and sync(), else the store itself waits for the disk.

#include "net/environment.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

class slot_file {
public:
    // Creates (space allocated) or opens; an existing file must have the same geometry (net::error::corrupt
    // otherwise). Without a path: anonymous memory.
    static net::result<std::unique_ptr<slot_file>> open(net::environment& env,
                                                        const std::filesystem::path& path, std::size_t slots,
                                                        std::size_t value_bytes_max);

    // A copy in memory of what an existing file held at one moment, also where another process writes it
    // meanwhile: the file is only read, and what is written here stays here. Empty where the file is not
    // finished yet.
    static net::result<std::unique_ptr<slot_file>> open_to_read(net::environment& env,
                                                                const std::filesystem::path& path,
                                                                std::size_t slots,
                                                                std::size_t value_bytes_max);

    // Of a file of this geometry.
    static std::size_t bytes_of(std::size_t slots, std::size_t value_bytes_max);

    std::size_t size() const { return slots_; }

    std::size_t value_bytes_max() const { return value_bytes_max_; }

    // Nothing: never written, erased, or all copies damaged (damaged() tells which).
    std::optional<std::string> read(std::size_t slot) const;
    bool damaged(std::size_t slot) const;
    void write(std::size_t slot, std::string_view value); // value.size() <= value_bytes_max
    void erase(std::size_t slot);
    // Blocking, also beside write() on another thread. Covers what was written before it began, where the
    // same slot is not written twice meanwhile. Behind one that failed, it writes what that left out as well.
    net::error_code sync();

private:
    slot_file() = default;
    static net::result<std::unique_ptr<slot_file>> adopt(std::unique_ptr<net::mapped_file> mapping,
                                                         std::size_t slots, std::size_t value_bytes_max,
                                                         bool blank);
    std::size_t mark_wanted() const;
    void store_mark(std::size_t mark);
    void touch(std::size_t from, std::size_t size);
    void touch_unsynced();
    void store(std::size_t slot, std::string_view value, std::uint32_t length);

    std::unique_ptr<net::mapped_file> mapping_;
    std::size_t slots_ = 0;
    std::size_t value_bytes_max_ = 0;
    std::size_t used_ = 0; // slots from here on were never written
    std::size_t mark_ = 0; // that is surely on the disk
    bool sync_failed_ = false;
    std::mutex turns_;
    std::vector<std::uint64_t> written_; // the newest turn of each slot
    std::vector<std::uint64_t> synced_;  // the newest that the disk surely has
};

} // namespace agent
