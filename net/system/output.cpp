#include "net/system/output.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <poll.h>
#include <unistd.h>

namespace net {
namespace {

bool writable_within(int to, std::chrono::milliseconds patience) {
    pollfd one{to, POLLOUT, 0};
    int ready = 0;
    do {
        ready = ::poll(&one, 1, static_cast<int>(patience.count()));
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

// Between the poll and the write somebody else may fill a shared pipe or socket. Where the kernel can, the
// call itself is told not to wait.
ssize_t write_piece(int to, const char* bytes, std::size_t size) {
    const ssize_t sent = ::send(to, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0 || errno != ENOTSOCK)
        return sent;
    if (::lseek(to, 0, SEEK_CUR) <
        0) { // a file takes all, but may say that it would have to wait for its disk
        iovec one{const_cast<char*>(bytes), size};
        const ssize_t put = ::pwritev2(to, &one, 1, -1, RWF_NOWAIT);
        if (put >= 0 || errno == EAGAIN || errno == EPIPE)
            return put;
    }
    return ::write(to, bytes, size);
}

} // namespace

std::size_t write_without_waiting(int to, std::string_view text) noexcept {
    if (text.empty() || !writable_within(to, std::chrono::milliseconds(0)))
        return 0;
    ssize_t count = 0;
    do {
        count = write_piece(to, text.data(), std::min(text.size(), output_piece_bytes_max));
    } while (count < 0 && errno == EINTR);
    return count < 0 ? 0 : static_cast<std::size_t>(count);
}

error_code write_patiently(int to, std::string_view text, duration patience) noexcept {
    const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
    while (!text.empty()) {
        if (!writable_within(to, wait))
            return make_error_code(error::timed_out);
        const ssize_t count = write_piece(to, text.data(), std::min(text.size(), output_piece_bytes_max));
        if (count < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (count < 0)
            return {errno, boost::system::system_category()};
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

void tell_standard_error(std::string_view text) noexcept {
    const error_code lost = write_patiently(STDERR_FILENO, text, output_patience);
    static_cast<void>(lost); // there is nobody else to tell
}

} // namespace net
