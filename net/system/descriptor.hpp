#pragma once
// A file descriptor that closes itself, and the kernel's errors as values.

#include "net/result.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace net {

inline error_code kernel_error() noexcept {
    return {errno, boost::system::system_category()};
}

class system_descriptor {
public:
    system_descriptor() = default;

    explicit system_descriptor(int number)
        : number_(number) {}

    ~system_descriptor() {
        if (number_ >= 0)
            ::close(number_);
    }

    system_descriptor(system_descriptor&& other) noexcept
        : number_(std::exchange(other.number_, -1)) {}

    system_descriptor& operator=(system_descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }

    int get() const { return number_; }

private:
    int number_ = -1;
};

inline result<system_descriptor> open_descriptor(const std::filesystem::path& file, int flags,
                                                 unsigned mode = 0600) {
    for (;;) {
        const int number = ::open(file.c_str(), flags | O_CLOEXEC, mode);
        if (number >= 0)
            return system_descriptor(number);
        if (errno != EINTR)
            return kernel_error();
    }
}

// All bytes, or an error: write(bytes, size) takes as many as it can, as write(2) does.
template <class Write>
error_code write_whole(const char* bytes, std::size_t size, Write write) {
    while (size > 0) {
        const ssize_t count = write(bytes, size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return kernel_error();
        bytes += count;
        size -= static_cast<std::size_t>(count);
    }
    return {};
}

inline error_code write_all_at(int to, const char* bytes, std::size_t size, std::uint64_t offset) {
    const char* const begin = bytes;
    return write_whole(bytes, size, [&](const char* from, std::size_t left) {
        return ::pwrite(to, from, left, static_cast<off_t>(offset) + (from - begin));
    });
}

// So that a file that was made, renamed or removed in there stays so over a machine crash.
inline error_code sync_directory(const std::filesystem::path& dir) {
    const auto opened = open_descriptor(dir.empty() ? "." : dir, O_RDONLY | O_DIRECTORY);
    if (!opened)
        return opened.error();
    return ::fsync(opened->get()) == 0 ? error_code() : kernel_error();
}

// Where one of standard input, output and error is closed, the next file that is opened would take its place.
// In theirs comes /dev/null, for input and output the wrong way round: to use it is an error. Call once,
// before any other file is opened.
inline void fill_standard_descriptors() noexcept {
    for (const int each : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(each, F_GETFD) < 0) // the lowest that is free, so that it is what open() gives
            (void)::open("/dev/null", each == STDOUT_FILENO ? O_RDONLY : O_WRONLY);
}

} // namespace net
