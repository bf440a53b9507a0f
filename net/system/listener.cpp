#include "net/system/listener.hpp"

#include "net/system/resolve.hpp"
#include "net/system/stream.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

namespace net {
namespace {

using asio::ip::tcp;
using unix_protocol = asio::local::stream_protocol;

std::unique_ptr<stream> as_stream(tcp::socket socket) {
    return make_tcp_stream(std::move(socket), false);
}

std::unique_ptr<stream> as_stream(unix_protocol::socket socket) {
    return make_unix_stream(std::move(socket));
}

// A Unix socket's file, removed when the listener goes unless somebody has put another one there since.
class socket_file {
public:
    explicit socket_file(std::string path)
        : path_(std::move(path)) {
        struct stat status{};
        if (::lstat(path_.c_str(), &status) != 0)
            return;
        device_ = status.st_dev;
        inode_ = status.st_ino;
    }

    void remove() noexcept {
        struct stat status{};
        if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
            ::unlink(path_.c_str());
    }

private:
    std::string path_;
    dev_t device_ = 0;
    ino_t inode_ = 0;
};

template <class Protocol>
class socket_listener final : public listener {
    using acceptor = asio::basic_socket_acceptor<Protocol>;
    using peer_socket = asio::basic_stream_socket<Protocol>;

    struct state {
        state(environment& env, acceptor from)
            : world(env)
            , listening(std::move(from)) {}

        environment& world;
        acceptor listening;
        bool closed = false;
    };

public:
    socket_listener(environment& env, acceptor from, endpoint at, std::optional<socket_file> made)
        : state_(std::make_shared<state>(env, std::move(from)))
        , local_(std::move(at))
        , made_(std::move(made)) {}

    ~socket_listener() override { socket_listener::close(); }

    task<result<std::unique_ptr<stream>>> accept() override { return next(state_); }

    endpoint local() const override { return local_; }

    void close() noexcept override {
        if (state_->closed)
            return;
        state_->closed = true;
        if (made_)
            made_->remove();
        error_code ignored; // the descriptor is gone either way
        state_->listening.close(ignored);
    }

private:
    static task<result<std::unique_ptr<stream>>> next(std::shared_ptr<state> from) {
        if (from->closed)
            co_return error_code(asio::error::operation_aborted);
        error_code ec;
        peer_socket peer(from->world.executor());
        co_await from->listening.async_accept(peer, asio::redirect_error(asio::use_awaitable, ec));
        if (from->closed)
            co_return error_code(asio::error::operation_aborted);
        if (ec)
            co_return ec;
        ::fcntl(peer.native_handle(), F_SETFD, FD_CLOEXEC);
        co_return as_stream(std::move(peer));
    }

    std::shared_ptr<state> state_;
    endpoint local_;
    std::optional<socket_file> made_;
};

template <class Acceptor>
void close_on_exec(Acceptor& of) {
    ::fcntl(of.native_handle(), F_SETFD, FD_CLOEXEC);
}

result<std::unique_ptr<listener>> listen_tcp(environment& env, const endpoint& at) {
    const bool any = at.host.empty() || at.host == "*";
    auto addresses = resolve_blocking(any ? "0.0.0.0" : at.host, at.port);
    if (!addresses)
        return addresses.error();
    error_code ec;
    for (const auto& address : *addresses) {
        asio::basic_socket_acceptor<tcp> from(env.executor());
        from.open(address.protocol(), ec);
        if (!ec)
            from.set_option(tcp::acceptor::reuse_address(true), ec);
        if (!ec)
            from.bind(address, ec);
        if (!ec)
            from.listen(asio::socket_base::max_listen_connections, ec);
        if (ec)
            continue;
        close_on_exec(from);
        const auto bound = from.local_endpoint(ec);
        if (ec)
            continue;
        endpoint local = endpoint::tcp(bound.address().to_string(), bound.port());
        return std::unique_ptr<listener>(
            std::make_unique<socket_listener<tcp>>(env, std::move(from), std::move(local), std::nullopt));
    }
    return ec;
}

// Whether a process listens on the socket at this path; asked without waiting.
bool somebody_listens(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return true; // unknown: nothing may be replaced
    const int failed = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const bool refused = failed != 0 && errno == ECONNREFUSED;
    ::close(probe);
    return !refused;
}

bool is_stale_socket(const std::string& path) {
    struct stat status{};
    return ::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) && !somebody_listens(path);
}

// The file is bound with its owner's permissions alone; the others' come when the group is right, and all of
// it before listen(), without which nobody can connect.
error_code let_in(const std::string& path, const socket_access& who) {
    if (who.group && ::lchown(path.c_str(), static_cast<uid_t>(-1), *who.group) != 0)
        return errno == EPERM ? make_error_code(error::group_refused)
                              : error_code(errno, boost::system::system_category());
    if (::chmod(path.c_str(), who.mode) != 0)
        return {errno, boost::system::system_category()};
    return {};
}

result<std::unique_ptr<listener>> listen_unix(environment& env, const endpoint& at,
                                              const socket_access& who) {
    const auto& path = at.host;
    if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
        return boost::system::errc::make_error_code(boost::system::errc::filename_too_long);
    asio::basic_socket_acceptor<unix_protocol> from(env.executor());
    error_code ec;
    from.open(unix_protocol(), ec);
    if (ec)
        return ec;
    close_on_exec(from);
    ::fchmod(from.native_handle(), who.mode & S_IRWXU); // what bind() makes the file with, less the umask
    from.bind(unix_protocol::endpoint(path), ec);
    if (ec == boost::system::errc::address_in_use && is_stale_socket(path)) {
        ::unlink(path.c_str());
        from.bind(unix_protocol::endpoint(path), ec);
    }
    if (ec)
        return ec;
    socket_file made(path);
    ec = let_in(path, who);
    if (!ec)
        from.listen(asio::socket_base::max_listen_connections, ec);
    if (ec) {
        made.remove();
        return ec;
    }
    return std::unique_ptr<listener>(
        std::make_unique<socket_listener<unix_protocol>>(env, std::move(from), at, std::move(made)));
}

} // namespace

result<std::vector<endpoint>> system_addresses_of(const endpoint& at) {
    if (at.type != endpoint::kind::tcp || as_address(at.host, at.port))
        return std::vector<endpoint>{at};
    const auto addresses = resolve_blocking(at.host, at.port);
    if (!addresses)
        return addresses.error();
    std::vector<endpoint> all;
    for (const auto& address : *addresses) {
        const auto one = endpoint::tcp(address.address().to_string(), at.port);
        if (std::find(all.begin(), all.end(), one) == all.end())
            all.push_back(one);
    }
    return all;
}

result<std::unique_ptr<listener>> system_listen(environment& env, const endpoint& at,
                                                const socket_access& who) {
    return at.type == endpoint::kind::tcp ? listen_tcp(env, at) : listen_unix(env, at, who);
}

} // namespace net
