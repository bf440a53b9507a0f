#pragma once
// Listening sockets of the kernel behind net::listener.

#include "net/environment.hpp"

namespace net {

// Each address of a name once, resolved here and now. An address, and a Unix socket's path, stand for
// themselves.
result<std::vector<endpoint>> system_addresses_of(const endpoint& at);

// TCP: SO_REUSEADDR; "" and "*" mean every address. Unix: at no moment may others than `who` says connect; a
// file that nobody listens on any more is replaced, a live one is errc::address_in_use; the file goes when
// the listener closes. A TCP name is resolved here and now, and its first address that can be had is taken.
result<std::unique_ptr<listener>> system_listen(environment& env, const endpoint& at,
                                                const socket_access& who = {});

} // namespace net
