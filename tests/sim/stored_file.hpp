#pragma once
// One file's bytes, twice: as processes see them (newest) and as they stand on the medium (durable). A sync
// makes both the same, a crash of the machine draws what is left from the two. The file's names are the
// disk's matter.
//
// What a crash leaves:
//   below the durable size  each page that differs is the durable one, the newest, or torn at a sector
//   appended since          a prefix, sometimes with zeros behind it
//   cut since               the cut took place or it did not

#include "tests/sim/draw.hpp"
#include "tests/sim/sparse_memory.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace sim {

class stored_file;
using file_ptr = std::shared_ptr<stored_file>;

class stored_file {
public:
    // Allocated bytes are zero, and as durable as the file's name.
    stored_file(std::uint64_t number, std::uint64_t allocated_bytes);

    // With the same number; nobody uses it.
    file_ptr clone() const;

    std::uint64_t size() const { return size_; }

    std::string text() const;
    std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) const; // 0 at the end
    void append(std::string_view bytes);
    void truncate(std::uint64_t size);
    void sync();
    void crash(draw& source);
    void crash_unwritten(); // nothing had been written back beyond what was synced

    // What a mapping of it shows. It stays at its place while the file is mapped: then the file neither grows
    // nor shrinks.
    const std::shared_ptr<sparse_memory>& memory() const { return newest_; }

    // From now on the file has memory of its own; who holds the old one changes the file no more.
    void part_from_memory() { newest_ = newest_->copy(newest_->size()); }

    // Another one after each change that a call made (stores into a mapping show at its sync).
    std::string fingerprint() const;

    void touch() { ++changes_; }

    std::uint64_t number() const { return number_; }

    // What living processes hold of it.
    unsigned handles = 0;      // open or mapped
    unsigned mappings = 0;     // among those
    std::uint64_t lock_id = 0; // 0: not locked

private:
    stored_file(const stored_file& other);
    void reserve(std::uint64_t size);
    void revert();

    std::uint64_t number_;
    std::uint64_t changes_ = 0;
    std::shared_ptr<sparse_memory> newest_; // at least size_ bytes; zero behind them
    std::uint64_t size_;
    page_image durable_; // zero behind durable_size_
    std::uint64_t durable_size_;
    std::uint64_t smallest_size_; // since the last sync
};

} // namespace sim
