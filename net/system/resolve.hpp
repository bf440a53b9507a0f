#pragma once
// Names to addresses. getaddrinfo blocks for as long as the resolver likes: on the loop's thread only where
// the host is known to be an address.

#include "net/result.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace net {

using tcp_addresses = std::vector<asio::ip::tcp::endpoint>;

// The host as an address, without any look-up; nothing for a name.
std::optional<asio::ip::tcp::endpoint> as_address(const std::string& host, std::uint16_t port);

// At least one address, in the system's order of preference, the families alternating (RFC 8305, section 4),
// else error::unresolved.
result<tcp_addresses> resolve_blocking(const std::string& host, std::uint16_t port);

// The families alternating, beginning with the first one's, each in its order.
tcp_addresses interleaved(const tcp_addresses& preferred);

} // namespace net
