#pragma once
// Where to connect or listen: a TCP host and port, or the path of a Unix socket.

#include "net/result.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace net {

struct endpoint {
    enum class kind { tcp, unix_socket };

    kind type = kind::tcp;
    std::string host; // a name or an address, IPv6 without brackets; the path for a Unix socket
    std::uint16_t port = 0;

    static endpoint tcp(std::string host, std::uint16_t port);
    static endpoint unix_path(std::string path);

    auto operator<=>(const endpoint&) const = default;
    std::string text() const; // "host:port", "[::1]:80", "unix:/path"
    bool loopback() const;    // a Unix socket, "localhost", 127.0.0.0/8 or ::1
};

// Who may connect to a Unix socket that listens.
struct socket_access {
    unsigned mode = 0600;          // permission bits of its file
    std::optional<unsigned> group; // an id; none: the one that a new file here gets

    auto operator<=>(const socket_access&) const = default;
};

// "HOST:PORT", "[V6]:PORT", or "unix:PATH". errc::invalid_argument otherwise.
result<endpoint> parse_endpoint(std::string_view text);

// scheme "://" host [":" port] [path]; the only URLs that flags and variables take.
struct url {
    std::string scheme; // "http" or "https"
    std::string host;
    std::uint16_t port = 0; // the scheme's default where none was given
    std::string path;       // without a trailing slash; empty is the root

    auto operator<=>(const url&) const = default;

    bool tls() const { return scheme == "https"; }

    std::string authority() const; // host, and the port where it is not the scheme's default
    std::string text() const;
};

// A missing scheme means https. errc::invalid_argument for anything else than the above.
result<url> parse_url(std::string_view text);

} // namespace net
