#include "net/system/mapped_file.hpp"

#include "net/system/descriptor.hpp"
#include "net/system/signals.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

namespace net {
namespace {

constexpr std::size_t large_page_bytes = 2 * 1024 * 1024;

// Large pages need an address that is a multiple of their size.
void* map_aligned(int file, std::uint64_t size) {
    const std::size_t reserved = size + large_page_bytes;
    void* const room =
        ::mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        return room;
    auto* const begin = static_cast<std::byte*>(room);
    const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) % large_page_bytes;
    void* const mapped =
        ::mmap(begin + before, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
    if (mapped == MAP_FAILED) {
        const int why = errno;
        ::munmap(room, reserved);
        errno = why;
        return mapped;
    }
    if (before > 0)
        ::munmap(begin, before);
    if (before < large_page_bytes)
        ::munmap(begin + before + size, large_page_bytes - before);
    return mapped;
}

class mapping final : public mapped_file {
public:
    mapping(void* begin, std::size_t size, const std::string& file)
        : begin_(begin)
        , size_(size) {
        if (!file.empty())
            watch_ = bus_error_watch(begin, size, file);
    }

    ~mapping() override {
        watch_ = bus_error_watch();
        ::munmap(begin_, size_);
    }

    mapping(const mapping&) = delete;
    mapping& operator=(const mapping&) = delete;

    std::span<std::byte> bytes() noexcept override { return {static_cast<std::byte*>(begin_), size_}; }

    error_code sync() override {
        return ::msync(begin_, size_, MS_SYNC) == 0 ? error_code() : kernel_error();
    }

    void expect_sparse_access() noexcept override { ::madvise(begin_, size_, MADV_RANDOM); }

    void expect_dense_access() noexcept override {
        if (size_ % large_page_bytes == 0)
            ::madvise(begin_, size_, MADV_HUGEPAGE);
    }

private:
    void* begin_;
    std::size_t size_;
    bus_error_watch watch_;
};

result<std::unique_ptr<mapped_file>> map(int file, std::uint64_t size, const std::string& name) {
    if (size == 0)
        return boost::system::errc::make_error_code(boost::system::errc::invalid_argument);
    void* begin = nullptr;
    if (file >= 0 && size % large_page_bytes == 0)
        begin = map_aligned(file, size);
    else
        begin = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, file, 0);
    if (begin == MAP_FAILED)
        return kernel_error();
    return std::unique_ptr<mapped_file>(std::make_unique<mapping>(begin, size, name));
}

// A file system without fallocate (EOPNOTSUPP) allocates what is written. glibc's posix_fallocate would write
// one byte per block, which compressing and copy-on-write ones take as leave to allocate nothing.
error_code allocate(int file, std::uint64_t size) {
    for (;;) {
        if (::fallocate(file, 0, 0, static_cast<off_t>(size)) == 0)
            return {};
        if (errno != EINTR)
            break;
    }
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return kernel_error();
    static constexpr std::array<char, 64 * 1024> zeros{};
    for (std::uint64_t done = 0; done < size; done += zeros.size()) {
        const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), size - done));
        if (const error_code ec = write_all_at(file, zeros.data(), count, done))
            return ec;
    }
    return {};
}

} // namespace

result<std::unique_ptr<mapped_file>> create_mapped_file(const std::filesystem::path& file,
                                                        std::uint64_t size) {
    const auto opened = open_descriptor(file, O_RDWR | O_CREAT | O_EXCL);
    if (!opened)
        return opened.error();
    error_code ec = allocate(opened->get(), size);
    if (!ec) {
        auto mapped = map(opened->get(), size, file.string());
        if (mapped)
            return mapped;
        ec = mapped.error();
    }
    ::unlink(file.c_str()); // a file of half its size is of no use to anybody
    return ec;
}

result<std::unique_ptr<mapped_file>> open_mapped_file(const std::filesystem::path& file) {
    const auto opened = open_descriptor(file, O_RDWR);
    if (!opened)
        return opened.error();
    struct stat status{};
    if (::fstat(opened->get(), &status) != 0)
        return kernel_error();
    if (!S_ISREG(status.st_mode))
        return boost::system::errc::make_error_code(boost::system::errc::invalid_argument);
    return map(opened->get(), static_cast<std::uint64_t>(status.st_size), file.string());
}

result<std::unique_ptr<mapped_file>> map_anonymous(std::uint64_t size) {
    return map(-1, size, {});
}

} // namespace net
