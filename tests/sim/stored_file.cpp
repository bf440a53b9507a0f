#include "tests/sim/stored_file.hpp"

#include "net/assert.hpp"

#include <algorithm>
#include <cstring>

namespace sim {
namespace {

constexpr std::uint64_t first_room_bytes = 64 * 1024; // of a file that is appended to; doubled when full
constexpr std::size_t sectors_per_page = page_bytes / sector_bytes;

// The part of a page that begins at `begin` which lies below `end`, in bytes.
std::size_t part_below(std::uint64_t end, std::uint64_t begin) {
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(end, begin, begin + page_bytes) - begin);
}

// The first `size` bytes of a page that was on its way to the medium.
page written_partly(const page& durable, const page& newest, std::size_t size, draw& source) {
    page left{};
    std::memcpy(left.data(), durable.data(), size);
    if (std::memcmp(durable.data(), newest.data(), size) == 0)
        return left;
    std::size_t from = 0;
    std::size_t to = size;
    switch (source.below(3)) {
    case 0:
        return left;
    case 1:
        break;
    default:
        const std::size_t torn_at = sector_bytes * source.between(1, sectors_per_page - 1);
        (source.below(2) == 0 ? from : to) = std::min(torn_at, size);
    }
    std::memcpy(left.data() + from, newest.data() + from, to - from);
    return left;
}

} // namespace

stored_file::stored_file(std::uint64_t number, std::uint64_t allocated_bytes)
    : number_(number)
    , newest_(std::make_shared<sparse_memory>(allocated_bytes))
    , size_(allocated_bytes)
    , durable_size_(allocated_bytes)
    , smallest_size_(allocated_bytes) {}

stored_file::stored_file(const stored_file& other)
    : number_(other.number_)
    , changes_(other.changes_)
    , newest_(other.newest_->copy(other.newest_->size()))
    , size_(other.size_)
    , durable_(other.durable_)
    , durable_size_(other.durable_size_)
    , smallest_size_(other.smallest_size_) {}

file_ptr stored_file::clone() const {
    return file_ptr(new stored_file(*this));
}

std::string stored_file::text() const {
    return {reinterpret_cast<const char*>(newest_->data()), static_cast<std::size_t>(size_)};
}

std::size_t stored_file::read_at(std::uint64_t offset, std::span<std::byte> into) const {
    if (offset >= size_ || into.empty())
        return 0;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - offset));
    std::memcpy(into.data(), newest_->data() + offset, count);
    return count;
}

void stored_file::reserve(std::uint64_t size) {
    if (size <= newest_->size())
        return;
    NET_ASSERT(mappings == 0, "a mapped file does not grow");
    newest_ = newest_->copy(std::max({size, 2 * std::uint64_t{newest_->size()}, first_room_bytes}));
}

void stored_file::append(std::string_view bytes) {
    if (bytes.empty())
        return;
    reserve(size_ + bytes.size());
    std::memcpy(newest_->data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
    touch();
}

void stored_file::truncate(std::uint64_t size) {
    NET_ASSERT(mappings == 0 || size == size_, "a mapped file is not cut");
    reserve(size);
    for (const std::size_t index : newest_->touched()) {
        const std::size_t kept = part_below(size, index * page_bytes);
        std::fill(newest_->at(index).begin() + static_cast<std::ptrdiff_t>(kept), newest_->at(index).end(),
                  std::byte{0});
    }
    size_ = size;
    smallest_size_ = std::min(smallest_size_, size);
    touch();
}

void stored_file::sync() {
    bool changed = false;
    for (const std::size_t index : durable_.united(newest_->touched()))
        changed = durable_.put(index, newest_->at(index)) || changed;
    durable_size_ = smallest_size_ = size_;
    if (changed)
        touch();
}

std::string stored_file::fingerprint() const {
    return std::to_string(number_) + ":" + std::to_string(size_) + ":" + std::to_string(changes_);
}

void stored_file::crash(draw& source) {
    NET_ASSERT(handles == 0, "no process lives through a crash of its machine");
    std::uint64_t settled = durable_size_; // up to here both images count
    if (smallest_size_ < durable_size_) {
        if (source.below(2) == 0) {
            revert();
            return;
        }
        settled = smallest_size_;
    }
    const std::uint64_t kept = source.between(settled, size_);
    std::uint64_t left = kept;
    if (size_ > settled && source.below(2) == 0)
        left = source.between(kept, size_); // the size was written, the bytes were not

    for (const std::size_t index : durable_.united(newest_->touched())) {
        const std::uint64_t begin = index * page_bytes;
        page& newest = newest_->at(index);
        const std::size_t both = part_below(settled, begin);
        const std::size_t appended = part_below(kept, begin);
        page outcome = written_partly(durable_.at(index), newest, both, source);
        std::memcpy(outcome.data() + both, newest.data() + both, appended - both);
        newest = outcome;
        durable_.put(index, outcome);
    }
    size_ = durable_size_ = smallest_size_ = left;
    touch();
}

void stored_file::crash_unwritten() {
    NET_ASSERT(handles == 0, "no process lives through a crash of its machine");
    revert();
}

void stored_file::revert() {
    newest_ = std::make_shared<sparse_memory>(durable_size_);
    for (const std::size_t index : durable_.united({}))
        newest_->at(index) = durable_.at(index);
    size_ = smallest_size_ = durable_size_;
    touch();
}

} // namespace sim
