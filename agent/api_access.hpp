#pragma once
// Who may call. Plain functions over the request's head.
//
// 1. With an API token every call but /healthz and /readyz (which tell nothing) needs `authorization: Bearer
//    TOKEN`, compared in constant time.
// 2. A web page in the VM's browser must not drive the agent. So a request with an Origin other than the host
//    that it was sent to is refused; and without a token the host must be localhost or an address (a page of
//    another name that resolves to us would otherwise count as of the same origin). A Unix socket is out of a
//    page's reach: any host.

#include "agent/api_call.hpp"

#include <optional>
#include <string_view>

namespace agent {

bool equal_in_constant_time(std::string_view a, std::string_view b);

// Nothing: go ahead. `peer` is the exchange's.
std::optional<api_error> refuse_access(const net::request_head& request, std::string_view peer,
                                       std::string_view api_token);

} // namespace agent
