#pragma once
// Who may call. Plain functions over the request's head.
//
// 1. With an API token every call but /healthz and /readyz (which tell nothing) needs `authorization:
//    Bearer TOKEN`, compared in constant time.
// 2. A web page in the VM's browser must not drive the agent. So a request with an Origin other than the
//    host that it was sent to is refused, and one that the browser says comes from another site (Sec-Fetch-
//    Site); and without a token the host must be localhost, an address or a name of --allow-host (a page of
//    another name that resolves to us would otherwise count as of the same origin). A Unix socket is out of
//    a page's reach: any host.
// 3. The exception are origins that may call: those of --allow-origin, else extensions, for telemetry
//    events alone. What they are answered says so, and so does the answer to their preflight, which is
//    asked without a token.

#include "agent/api/call.hpp"

#include <optional>
#include <string_view>

namespace agent {

bool equal_in_constant_time(std::string_view a, std::string_view b);

// A pattern in which * stands for anything, a slash too.
bool matches(std::string_view pattern, std::string_view text);

// Nothing: go ahead. `peer` is the exchange's.
std::optional<api_error> refuse_access(const net::request_head& request, std::string_view peer,
                                       const access_rules& rules);

// The request's Origin, where it may call what it calls (`method`: what a preflight asks for).
std::string_view allowed_origin(const net::request_head& request, std::string_view method,
                                const access_rules& rules);

// A browser's question whether a page may call.
bool is_preflight(const net::request_head& request);
net::http_fields preflight_fields(const net::request_head& request);

// What every answer to an allowed origin has.
net::http_fields origin_fields(std::string_view origin);

} // namespace agent
