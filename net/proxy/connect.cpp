// CONNECT: the one request that a proxy is asked before the connection is the server's.
#include "net/proxy/proxy.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <optional>

namespace net {
namespace {

constexpr std::size_t head_bytes_max = 16 * 1024;
constexpr std::size_t reason_bytes_max = 80; // of the proxy's words, shown to a person

std::string basic_authorization(const secret& credentials) {
    const auto text = credentials.reveal();
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::string encoded(4 * ((text.size() + 2) / 3),
                        '\0'); // and a NUL behind it, where a string has one anyway
    ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()), bytes, static_cast<int>(text.size()));
    std::string line;
    line.reserve(64 + encoded.size()); // in one piece: no copy of it is left anywhere
    line += "Proxy-Authorization: Basic ";
    line += encoded;
    line += "\r\n";
    wipe(encoded);
    return line;
}

std::string authority(const endpoint& to) {
    return endpoint::tcp(to.host, to.port).text();
}

struct status_line {
    unsigned status = 0;
    std::string reason;
};

// "HTTP/1.1 200 Connection established"
std::optional<status_line> read_status(std::string_view head) {
    const auto line = head.substr(0, head.find_first_of("\r\n"));
    if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ')
        return std::nullopt;
    status_line seen;
    for (const char c : line.substr(9, 3)) {
        if (c < '0' || c > '9')
            return std::nullopt;
        seen.status = seen.status * 10 + static_cast<unsigned>(c - '0');
    }
    if (line.size() > 12 && line[12] != ' ')
        return std::nullopt;
    for (const char c : line.substr(std::min<std::size_t>(13, line.size()), reason_bytes_max))
        seen.reason += c >= ' ' && c < 0x7F ? c : '?';
    return seen;
}

// Up to the empty line and not a byte further: what follows is the server's, and could not be given back.
task<error_code> read_head(stream& from, std::string& head) {
    while (!head.ends_with("\r\n\r\n") && !head.ends_with("\n\n")) {
        if (head.size() == head_bytes_max)
            co_return make_error_code(error::limit_exceeded);
        char next = 0;
        const auto got = co_await from.read_some(asio::buffer(&next, 1));
        if (!got)
            co_return got.error();
        head += next;
        // Whoever does not speak HTTP is not read to the end.
        constexpr std::string_view begins = "HTTP/1.";
        if (head.size() <= begins.size() && !begins.starts_with(head))
            co_return make_error_code(error::protocol);
    }
    co_return error_code();
}

std::string refusal(const status_line& seen, bool had_credentials) {
    const std::string answered = std::to_string(seen.status) + (seen.reason.empty() ? "" : " " + seen.reason);
    if (seen.status == 407)
        return answered + ": " +
               (had_credentials
                    ? "it does not take the user and password in HTTPS_PROXY"
                    : "it asks for a user and password, HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT");
    if (seen.status == 403)
        return answered +
               ": it does not let this machine go there; list the host in NO_PROXY where it can be "
               "reached directly";
    return answered;
}

} // namespace

task<error_code> connect_through(stream& through, const endpoint& to, const proxy& by, std::string& why) {
    why = "the proxy " + by.at.text();
    const std::string name = authority(to);
    std::string request = "CONNECT " + name + " HTTP/1.1\r\nHost: " + name + "\r\n";
    std::string credentials = by.credentials.empty() ? std::string() : basic_authorization(by.credentials);
    const std::array<asio::const_buffer, 3> pieces{asio::buffer(request), asio::buffer(credentials),
                                                   asio::buffer("\r\n", 2)};
    const error_code unsent = co_await through.write(pieces);
    wipe(credentials);
    if (unsent)
        co_return unsent;
    std::string head;
    const error_code unread = co_await read_head(through, head);
    if (unread == make_error_code(error::protocol))
        why += " answered something that is not HTTP";
    if (unread == make_error_code(error::limit_exceeded))
        why += " answered a head of more than " + std::to_string(head_bytes_max) + " bytes";
    if (is_eof(unread))
        why += " ended the connection without an answer";
    if (unread)
        co_return unread;
    const auto seen = read_status(head);
    if (!seen) {
        why += " answered something that is not HTTP";
        co_return make_error_code(error::protocol);
    }
    if (seen->status / 100 != 2) {
        why += " answered " + refusal(*seen, !by.credentials.empty());
        co_return make_error_code(error::proxy_refused);
    }
    why.clear();
    co_return error_code();
}

} // namespace net
