#include "net/system/resolve.hpp"

#include <boost/asio/ip/address.hpp>

#include <sys/socket.h>

#include <cstring>
#include <netdb.h>

namespace net {

using asio::ip::tcp;

std::optional<tcp::endpoint> as_address(const std::string& host, std::uint16_t port) {
    error_code ec;
    const auto address = asio::ip::make_address(host, ec);
    if (ec)
        return std::nullopt;
    return tcp::endpoint(address, port);
}

tcp_addresses interleaved(const tcp_addresses& preferred) {
    tcp_addresses first;
    tcp_addresses second;
    for (const auto& one : preferred)
        (one.protocol() == preferred.front().protocol() ? first : second).push_back(one);
    tcp_addresses mixed;
    for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
        if (i < first.size())
            mixed.push_back(first[i]);
        if (i < second.size())
            mixed.push_back(second[i]);
    }
    return mixed;
}

result<tcp_addresses> resolve_blocking(const std::string& host, std::uint16_t port) {
    if (const auto address = as_address(host, port))
        return tcp_addresses{*address};
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    // Every failure, a resolver that can't be reached included, is the same to the caller: retried or
    // reported by name.
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0)
        return error::unresolved;
    tcp_addresses addresses;
    for (const addrinfo* one = found; one; one = one->ai_next) {
        if (one->ai_family != AF_INET && one->ai_family != AF_INET6)
            continue;
        tcp::endpoint address;
        if (one->ai_addrlen > address.capacity())
            continue;
        std::memcpy(address.data(), one->ai_addr, one->ai_addrlen);
        address.resize(one->ai_addrlen);
        address.port(port);
        addresses.push_back(address);
    }
    ::freeaddrinfo(found);
    if (addresses.empty())
        return error::unresolved;
    return interleaved(addresses);
}

} // namespace net
