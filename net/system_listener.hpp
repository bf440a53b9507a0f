#pragma once
// Listening sockets of the kernel behind net::listener.

#include "net/environment.hpp"

namespace net {

// TCP: SO_REUSEADDR; "" and "*" mean every address. Unix: mode 0600; a file that nobody listens on any more
// is replaced, a live one is errc::address_in_use; the file goes when the listener closes. A TCP name is
// resolved here and now.
result<std::unique_ptr<listener>> system_listen(environment& env, const endpoint& at);

} // namespace net
