#include "tests/sim/sparse_memory.hpp"

#include "net/assert.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <unistd.h>

namespace sim {
namespace {

const page zero_page{};

// So many read pages in a row are worth the call that gives them back: after that they cost nothing to pass.
constexpr std::size_t given_back_min = 32;

} // namespace

bool is_zero(const page& content) {
    return std::memcmp(content.data(), zero_page.data(), page_bytes) == 0;
}

sparse_memory::sparse_memory(std::uint64_t size_bytes)
    : pages_((size_bytes + page_bytes - 1) / page_bytes) {
    NET_ASSERT(::sysconf(_SC_PAGESIZE) == page_bytes,
               "the simulated disk and its host have pages of 4096 bytes");
    void* const begin =
        ::mmap(nullptr, size() + page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    NET_ASSERT(begin != MAP_FAILED, "there is address space for a simulated file");
    begin_ = static_cast<std::byte*>(begin);
    if (size() == 0)
        return;
    NET_ASSERT(::mprotect(begin, size(), PROT_READ | PROT_WRITE) == 0,
               "a simulated file's memory is writable");
    // A huge page would make one touched byte 512 touched pages.
    (void)::madvise(begin, size(), MADV_NOHUGEPAGE);
}

sparse_memory::~sparse_memory() {
    ::munmap(begin_, size() + page_bytes);
}

std::vector<std::size_t> sparse_memory::touched() {
    std::vector<unsigned char> resident(pages_);
    if (pages_ > 0)
        NET_ASSERT(::mincore(begin_, size(), resident.data()) == 0,
                   "the kernel says which pages are resident");
    std::vector<std::size_t> found;
    std::size_t run_begin = 0; // behind the last page that is not zero
    std::size_t run_read = 0;  // how many of the zero pages from there are resident
    const auto end_run = [&](std::size_t run_end) {
        if (run_read >= given_back_min)
            (void)::madvise(begin_ + run_begin * page_bytes, (run_end - run_begin) * page_bytes,
                            MADV_DONTNEED);
        run_begin = run_end + 1;
        run_read = 0;
    };
    for (std::size_t index = 0; index < pages_; ++index) {
        if ((resident[index] & 1) == 0)
            continue;
        if (is_zero(at(index))) {
            ++run_read;
            continue;
        }
        end_run(index);
        found.push_back(index);
    }
    end_run(pages_);
    return found;
}

void sparse_memory::discard() {
    (void)::madvise(begin_, size(), MADV_DONTNEED);
}

std::shared_ptr<sparse_memory> sparse_memory::copy(std::uint64_t size_bytes) {
    auto fresh = std::make_shared<sparse_memory>(size_bytes);
    NET_ASSERT(fresh->pages_ >= pages_, "a copy has room for everything");
    for (const std::size_t index : touched())
        fresh->at(index) = at(index);
    return fresh;
}

page_image::page_image(const page_image& other)
    : pages_(other.pages_.size()) {
    for (std::size_t index = 0; index < pages_.size(); ++index)
        if (other.pages_[index])
            pages_[index] = std::make_unique<page>(*other.pages_[index]);
}

const page& page_image::at(std::size_t index) const {
    return index < pages_.size() && pages_[index] ? *pages_[index] : zero_page;
}

bool page_image::put(std::size_t index, const page& content) {
    if (std::memcmp(at(index).data(), content.data(), page_bytes) == 0)
        return false;
    if (index >= pages_.size())
        pages_.resize(index + 1);
    if (is_zero(content))
        pages_[index].reset();
    else if (pages_[index])
        *pages_[index] = content;
    else
        pages_[index] = std::make_unique<page>(content);
    return true;
}

std::vector<std::size_t> page_image::united(const std::vector<std::size_t>& others) const {
    std::vector<std::size_t> own;
    for (std::size_t index = 0; index < pages_.size(); ++index)
        if (pages_[index])
            own.push_back(index);
    std::vector<std::size_t> both;
    std::set_union(own.begin(), own.end(), others.begin(), others.end(), std::back_inserter(both));
    return both;
}

} // namespace sim
