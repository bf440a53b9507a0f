#pragma once
// One HTTP/2 connection as a server. Ends when the connection has, or with the stop: drain sends GOAWAY and
// lets the open requests go on until the token's deadline; abort ends it now.
//
// A handler's task is aborted when its request is reset or the connection ends. A handler that throws
// anything but an abort ends as one that returned early: 500 where nothing was answered yet, else
// RST_STREAM(INTERNAL_ERROR).

#include "net/http/connection_places.hpp"
#include "net/http2/session.hpp"
#include "net/task/stop_token.hpp"

namespace net {

// `first`: bytes already read, from the client's preface on. The handler must outlive the task. `at`: its
// place, where it may have to make room for others.
task<void> serve_http2(environment& env, std::unique_ptr<stream> transport, std::string first,
                       http_limits limits, const http_handler& handler, stop_token stop,
                       connection_places::place at = {});

} // namespace net
