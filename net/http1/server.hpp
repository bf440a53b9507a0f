#pragma once
// One HTTP/1.1 (or 1.0) connection as a server: keep-alive, pipelined requests one after the other, bodies
// both ways at once. Ends when the connection has, or with the stop: drain finishes the current request, says
// `connection: close`, and closes; abort, or the token's deadline, ends it now.
//
// Malformed requests are answered 400, too large heads 431, slow ones 408, and the connection closes. What a
// handler leaves of a request's body is read and thrown away up to unread_body_bytes_max, else the connection
// closes. A client that only ends its direction is still answered; one that resets the connection aborts the
// handler.

#include "net/http/connection_places.hpp"
#include "net/http/message.hpp"
#include "net/task/stop_token.hpp"

#include <string>

namespace net {

// `first`: bytes that were read already. The handler must outlive the task. `at`: its place, where it may
// have to make room for others.
task<void> serve_http1(environment& env, std::unique_ptr<stream> transport, std::string first,
                       const http_limits& limits, const http_handler& handler, stop_token stop,
                       connection_places::place at = {});

} // namespace net
