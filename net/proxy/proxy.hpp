#pragma once
// An HTTP proxy on the way to https servers (RFC 9110, 9.3.6: CONNECT), as the variables HTTPS_PROXY and
// NO_PROXY ask for it.
//
// NO_PROXY is read as curl reads it: names and addresses between commas or blanks; a name means what is below
// it, too, with or without a dot before it; an address may have a prefix length (10.0.0.0/8); * means all. A
// port behind an entry (host:8443) restricts it to that. Loopback is no exception unless it is listed.

#include "net/environment.hpp"
#include "net/secret.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace net {

struct proxy {
    endpoint at;
    secret credentials; // "user:password"; empty: none
};

struct proxy_settings {
    std::optional<proxy> https;
    std::string no_proxy;

    // Whom to ask for a connection to it; none: it is dialled directly.
    const proxy* for_url(const url& to) const;
};

bool listed_in_no_proxy(std::string_view no_proxy, std::string_view host, std::uint16_t port);

// "http://[USER[:PASSWORD]@]HOST[:PORT]", the scheme may be left out; empty: none. Else what is wrong with
// it: "is not …", never with its content, which may hold a password.
std::variant<std::optional<proxy>, std::string> parse_proxy(std::string_view text);

// Asks the proxy at the other end of `through` for a connection to `to`; from then on `through` is that
// connection. Guard it with a deadline. On failure `why` says what the proxy answered.
//   error::proxy_refused  it answered no (407: other credentials are needed; 403: it may not; …)
//   error::protocol       it is no HTTP proxy
task<error_code> connect_through(stream& through, const endpoint& to, const proxy& by, std::string& why);

} // namespace net
