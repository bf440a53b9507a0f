#include "net/system/stream.hpp"

#include "net/assert.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace net {
namespace {

error_code last_error() {
    return {errno, boost::system::system_category()};
}

constexpr std::size_t gathered_buffers_max = 64; // per writev, as Asio's own limit

// The buffers that a write has yet to send.
class remaining_buffers {
public:
    explicit remaining_buffers(std::span<const asio::const_buffer> all)
        : rest_(all) {
        skip_empty();
    }

    bool empty() const { return rest_.empty(); }

    std::span<const asio::const_buffer> next() {
        const std::size_t count = std::min(rest_.size(), gathered_buffers_max);
        std::copy_n(rest_.begin(), count, gathered_.begin());
        gathered_[0] += sent_;
        return {gathered_.data(), count};
    }

    void consume(std::size_t bytes) {
        sent_ += bytes;
        skip_empty();
    }

private:
    void skip_empty() {
        while (!rest_.empty() && sent_ >= rest_.front().size()) {
            sent_ -= rest_.front().size();
            rest_ = rest_.subspan(1);
        }
    }

    std::span<const asio::const_buffer> rest_;
    std::size_t sent_ = 0; // of the first one
    std::array<asio::const_buffer, gathered_buffers_max> gathered_;
};

// The descriptor, alive as long as an operation on it.
template <class Descriptor>
struct open_descriptor {
    open_descriptor(Descriptor from, std::string peer_text, bool ack_quickly)
        : descriptor(std::move(from))
        , peer(std::move(peer_text))
        , quick_acks(ack_quickly) {}

    Descriptor descriptor;
    std::string peer;
    bool quick_acks;
    bool closed = false;
    bool has_writer = false;    // or will have one
    bool awaits_writer = false; // a named pipe that was opened here, of which nobody has said anything yet

    // The kernel's word for an operation on a closed descriptor depends on when it was closed; ours does
    // not.
    error_code outcome(const error_code& ec) const {
        if (closed && ec)
            return asio::error::operation_aborted;
        return from_kernel(ec);
    }

    void close() noexcept {
        closed = true;
        error_code ignored; // nothing can be done about a failing close, and the descriptor is gone
        descriptor.close(ignored);
    }
};

template <class Descriptor>
using shared_descriptor = std::shared_ptr<open_descriptor<Descriptor>>;

// Before its first writer a named pipe reads as ended, but polls as silent; behind the last one it polls as
// hung up (Linux). So who waits for the first read here waits for the writer.
template <class Descriptor>
task<error_code> wait_for_writer(shared_descriptor<Descriptor> from) {
    while (!from->closed) {
        pollfd silent{from->descriptor.native_handle(), POLLIN, 0};
        if (::poll(&silent, 1, 0) != 0)
            co_return error_code();
        error_code ec;
        co_await from->descriptor.async_wait(Descriptor::wait_read,
                                             asio::redirect_error(asio::use_awaitable, ec));
        if (ec)
            co_return from->outcome(ec);
    }
    co_return error_code(asio::error::operation_aborted);
}

template <class Descriptor>
task<result<std::size_t>> read_from(shared_descriptor<Descriptor> from, asio::mutable_buffer into) {
    if (from->closed)
        co_return error_code(asio::error::operation_aborted);
    error_code ec;
    if (from->awaits_writer) {
        ec = co_await wait_for_writer(from);
        if (ec)
            co_return ec;
        from->awaits_writer = false;
    }
    const std::size_t count =
        co_await from->descriptor.async_read_some(into, asio::redirect_error(asio::use_awaitable, ec));
    if (ec)
        co_return from->outcome(ec);
    if constexpr (std::is_same_v<Descriptor, asio::ip::tcp::socket>)
        if (from->quick_acks && !from->closed) {
            const int on =
                1; // not sticky: the kernel falls back to delayed ACKs by itself; a refusal costs only speed
            ::setsockopt(from->descriptor.native_handle(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
        }
    co_return count;
}

template <class Descriptor>
task<error_code> write_to(shared_descriptor<Descriptor> to, std::span<const asio::const_buffer> from) {
    remaining_buffers rest(from);
    while (!rest.empty()) {
        if (to->closed)
            co_return asio::error::operation_aborted;
        error_code ec;
        const std::size_t count = co_await to->descriptor.async_write_some(
            rest.next(), asio::redirect_error(asio::use_awaitable, ec));
        if (ec)
            co_return to->outcome(ec);
        rest.consume(count);
    }
    co_return error_code();
}

template <class Descriptor>
class descriptor_stream final : public stream {
public:
    descriptor_stream(Descriptor descriptor, std::string peer, bool quick_acks)
        : open_(std::make_shared<open_descriptor<Descriptor>>(std::move(descriptor), std::move(peer),
                                                              quick_acks)) {}

    descriptor_stream(Descriptor descriptor, std::string peer, bool has_writer, bool awaits_writer)
        : descriptor_stream(std::move(descriptor), std::move(peer), false) {
        open_->has_writer = has_writer;
        open_->awaits_writer = awaits_writer;
    }

    ~descriptor_stream() override { open_->close(); }

    task<result<std::size_t>> read_some(asio::mutable_buffer into) override { return read_from(open_, into); }

    task<error_code> write(std::span<const asio::const_buffer> from) override {
        return write_to(open_, from);
    }

    task<error_code> shutdown_write() override {
        if (open_->closed)
            co_return asio::error::operation_aborted;
        error_code ec;
        if constexpr (!std::is_same_v<Descriptor, asio::posix::stream_descriptor>)
            open_->descriptor.shutdown(Descriptor::shutdown_send, ec);
        co_return ec;
    }

    void shutdown_read() noexcept override {
        if constexpr (std::is_same_v<Descriptor, asio::posix::stream_descriptor>) {
            close();
        } else if (!open_->closed) {
            error_code gone; // then the read has ended too
            open_->descriptor.shutdown(Descriptor::shutdown_receive, gone);
        }
    }

    void close() noexcept override { open_->close(); }

    bool has_writer() const override { return open_->has_writer && !open_->awaits_writer; }

    std::string peer() const override { return open_->peer; }

private:
    shared_descriptor<Descriptor> open_;
};

int open_or_duplicate_stdin() {
    struct stat status{};
    const int flags = ::fcntl(STDIN_FILENO, F_GETFL);
    if (flags < 0 || ::fstat(STDIN_FILENO, &status) != 0)
        return -1;
    if ((flags & O_ACCMODE) == O_WRONLY) { // else it could be opened anew for reading
        errno = EBADF;
        return -1;
    }
    // A regular file has a position that another open() would not share, and O_NONBLOCK means nothing to
    // it.
    if (!S_ISREG(status.st_mode) && !S_ISSOCK(status.st_mode)) {
        const int reopened = ::open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (reopened >= 0)
            return reopened;
    }
    return ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3); // somebody else's pipe: it is shared after all
}

enum class first_writer { there, may_come_later };

result<std::unique_ptr<stream>> take_descriptor(const asio::any_io_executor& executor, int descriptor,
                                                std::string name, first_writer writer) {
    struct stat status{};
    const bool known = ::fstat(descriptor, &status) == 0;
    const bool pipe = known && S_ISFIFO(status.st_mode);
    asio::posix::stream_descriptor taken(executor);
    error_code ec;
    taken.assign(descriptor, ec);
    if (ec) {
        ::close(descriptor);
        return ec;
    }
    return std::unique_ptr<stream>(std::make_unique<descriptor_stream<asio::posix::stream_descriptor>>(
        std::move(taken), std::move(name), pipe || (known && S_ISSOCK(status.st_mode)),
        pipe && writer == first_writer::may_come_later));
}

} // namespace

error_code from_kernel(const error_code& ec) noexcept {
    if (ec == asio::error::eof)
        return error::eof;
    return ec;
}

std::unique_ptr<stream> make_tcp_stream(asio::ip::tcp::socket socket, bool quick_acks) {
    error_code ec;
    socket.set_option(asio::ip::tcp::no_delay(true),
                      ec); // fails where the peer is gone already; the next read tells
    std::string peer;
    const auto remote = socket.remote_endpoint(ec);
    if (!ec)
        peer = (remote.address().is_v6() ? "[" + remote.address().to_string() + "]"
                                         : remote.address().to_string()) +
               ":" + std::to_string(remote.port());
    return std::make_unique<descriptor_stream<asio::ip::tcp::socket>>(std::move(socket), std::move(peer),
                                                                      quick_acks);
}

std::unique_ptr<stream> make_unix_stream(asio::local::stream_protocol::socket socket) {
    error_code ec;
    const auto remote = socket.remote_endpoint(ec);
    std::string peer = "unix:" + (ec ? std::string() : remote.path());
    return std::make_unique<descriptor_stream<asio::local::stream_protocol::socket>>(std::move(socket),
                                                                                     std::move(peer), false);
}

result<std::unique_ptr<stream>> make_descriptor_stream(const asio::any_io_executor& executor, int descriptor,
                                                       std::string name) {
    return take_descriptor(executor, descriptor, std::move(name), first_writer::there);
}

result<std::unique_ptr<stream>> open_standard_input(const asio::any_io_executor& executor) {
    const int descriptor = open_or_duplicate_stdin();
    if (descriptor < 0)
        return last_error();
    return make_descriptor_stream(executor, descriptor, "standard input");
}

result<std::unique_ptr<stream>> open_input_file(const asio::any_io_executor& executor,
                                                const std::filesystem::path& file) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return last_error();
    return take_descriptor(executor, descriptor, file.string(), first_writer::may_come_later);
}

} // namespace net
