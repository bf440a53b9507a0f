#include "net/endpoint.hpp"

#include <boost/asio/ip/address.hpp>

#include <charconv>

namespace net {
namespace {

const error_code malformed = boost::system::errc::make_error_code(boost::system::errc::invalid_argument);

bool is_v6(std::string_view host) {
    return host.find(':') != host.npos;
}

std::string bracketed(const std::string& host) {
    return is_v6(host) ? "[" + host + "]" : host;
}

result<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (failed != std::errc() || end != text.data() + text.size())
        return malformed;
    return port;
}

// A name, an IPv4 address or (from inside brackets) an IPv6 address; nothing that could smuggle in more of a
// URL.
bool valid_host(std::string_view host, bool was_bracketed) {
    if (host.empty() || host.size() > 253)
        return false;
    if (was_bracketed) {
        error_code ec;
        asio::ip::make_address_v6(std::string(host), ec);
        return !ec;
    }
    for (const char c : host) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && c != '.' && c != '-' && c != '_')
            return false;
    }
    return true;
}

struct host_and_port {
    std::string_view host;
    std::string_view port; // empty where there is none
    bool has_port = false;
};

result<host_and_port> split(std::string_view text) {
    host_and_port found;
    std::string_view rest;
    const bool brackets = text.starts_with('[');
    if (brackets) {
        const auto close = text.find(']');
        if (close == text.npos)
            return malformed;
        found.host = text.substr(1, close - 1);
        rest = text.substr(close + 1);
    } else {
        const auto colon = std::min(text.find(':'), text.size());
        found.host = text.substr(0, colon);
        rest = text.substr(colon);
    }
    if (!valid_host(found.host, brackets))
        return malformed;
    if (rest.empty())
        return found;
    if (rest[0] != ':' || rest.size() == 1)
        return malformed;
    found.port = rest.substr(1);
    found.has_port = true;
    return found;
}

std::uint16_t default_port(std::string_view scheme) {
    return scheme == "https" ? 443 : 80;
}

} // namespace

endpoint endpoint::tcp(std::string host, std::uint16_t port) {
    return {kind::tcp, std::move(host), port};
}

endpoint endpoint::unix_path(std::string path) {
    return {kind::unix_socket, std::move(path), 0};
}

std::string endpoint::text() const {
    if (type == kind::unix_socket)
        return "unix:" + host;
    return bracketed(host) + ":" + std::to_string(port);
}

bool endpoint::loopback() const {
    if (type == kind::unix_socket || host == "localhost")
        return true;
    error_code ec;
    const auto address = asio::ip::make_address(host, ec);
    if (ec)
        return false;
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).is_loopback();
    return address.is_loopback();
}

result<endpoint> parse_endpoint(std::string_view text) {
    if (text.starts_with("unix:")) {
        text.remove_prefix(5);
        if (text.empty())
            return malformed;
        return endpoint::unix_path(std::string(text));
    }
    const auto parts = split(text);
    if (!parts)
        return parts.error();
    if (!parts->has_port)
        return malformed;
    const auto port = parse_port(parts->port);
    if (!port)
        return port.error();
    return endpoint::tcp(std::string(parts->host), *port);
}

std::string url::authority() const {
    if (port == default_port(scheme))
        return bracketed(host);
    return bracketed(host) + ":" + std::to_string(port);
}

std::string url::text() const {
    return scheme + "://" + authority() + path;
}

result<url> parse_url(std::string_view text) {
    url found;
    const auto mark = text.find("://");
    found.scheme = mark == text.npos ? "https" : std::string(text.substr(0, mark));
    if (found.scheme != "http" && found.scheme != "https")
        return malformed;
    if (mark != text.npos)
        text.remove_prefix(mark + 3);
    const auto slash = std::min(text.find('/'), text.size());
    const auto parts = split(text.substr(0, slash));
    if (!parts)
        return parts.error();
    found.host = parts->host;
    found.port = default_port(found.scheme);
    if (parts->has_port) {
        const auto port = parse_port(parts->port);
        if (!port)
            return port.error();
        if (*port == 0)
            return malformed;
        found.port = *port;
    }
    auto path = text.substr(slash);
    while (path.ends_with('/'))
        path.remove_suffix(1);
    for (const unsigned char c : path)
        if (c <= ' ' || c == '?' || c == '#' || c >= 0x7f)
            return malformed;
    found.path = path;
    return found;
}

} // namespace net
