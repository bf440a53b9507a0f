#pragma once
// A preallocated file of fixed-size slots, mapped, each holding one small value in two copies: write()
// replaces the older copy and then makes it the newer, so that a process killed at any store leaves the
// previous value, and a machine that dies leaves one of the two (CRC32C and turn decide) if each write is
// synced before the next to that slot. Nothing is allocated after open: a full disk can't hurt it.

#include "net/environment.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace agent {

class slot_file {
public:
    // Creates (space allocated) or opens; an existing file must have the same geometry (net::error::corrupt
    // otherwise). Without a path: anonymous memory.
    static net::result<std::unique_ptr<slot_file>> open(net::environment& env,
                                                        const std::filesystem::path& path, std::size_t slots,
                                                        std::size_t value_bytes_max);

    std::size_t size() const { return slots_; }

    std::size_t value_bytes_max() const { return value_bytes_max_; }

    // Nothing: never written, erased, or both copies damaged (damaged() tells which).
    std::optional<std::string> read(std::size_t slot) const;
    bool damaged(std::size_t slot) const;
    void write(std::size_t slot, std::string_view value); // value.size() <= value_bytes_max
    void erase(std::size_t slot);
    net::error_code sync(); // blocking

private:
    slot_file() = default;
    void store(std::size_t slot, std::string_view value, std::uint32_t length);

    std::unique_ptr<net::mapped_file> mapping_;
    std::size_t slots_ = 0;
    std::size_t value_bytes_max_ = 0;
};

} // namespace agent
