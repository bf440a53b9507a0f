#pragma once
// Zero-filled memory that costs nothing where it was never touched, in pages of 4096 bytes, and beside it the
// picture of such a memory that a disk holds. A state directory preallocates 16 MiB tables and 2 MiB segments
// of which a run touches a few pages, and thousands of runs follow each other: everything here takes the time
// of the touched pages, not of the size.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace sim {

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t sector_bytes = 512;

using page = std::array<std::byte, page_bytes>;

// At one address for life, a page that faults behind its end.
class sparse_memory {
public:
    explicit sparse_memory(std::uint64_t size_bytes); // rounded up to whole pages
    ~sparse_memory();
    sparse_memory(const sparse_memory&) = delete;
    sparse_memory& operator=(const sparse_memory&) = delete;

    std::byte* data() const { return begin_; }

    std::size_t size() const { return pages_ * page_bytes; }

    page& at(std::size_t index) const { return *reinterpret_cast<page*>(begin_ + index * page_bytes); }

    // Every page that is not zero, ascending. Pages that were only read go back to the kernel on the way.
    std::vector<std::size_t> touched();

    // With the same content, of this size or larger.
    std::shared_ptr<sparse_memory> copy(std::uint64_t size_bytes);
    void discard(); // all zero again

private:
    std::byte* begin_ = nullptr;
    std::size_t pages_ = 0;
};

// Pages by index; one that was never put, or put as zeros, is zero and takes no memory.
class page_image {
public:
    page_image() = default;
    page_image(const page_image& other);
    page_image& operator=(const page_image&) = delete;

    const page& at(std::size_t index) const;
    bool put(std::size_t index, const page& content); // whether that changed it

    // The indexes of pages that are not zero here or among `others` (ascending), ascending.
    std::vector<std::size_t> united(const std::vector<std::size_t>& others) const;

private:
    std::vector<std::unique_ptr<page>> pages_;
};

bool is_zero(const page& content);

} // namespace sim
