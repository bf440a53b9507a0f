#pragma once
// HTTP/2 as a client, with prior knowledge or after ALPN. Idle, the connection is silent: no timers, no PING.

#include "net/http2/session.hpp"

namespace net {

// Speaks HTTP/2 over a connected stream. Does not wait for the server's SETTINGS: requests may go out at
// once.
//
// What exchanges end with, beyond net/result.hpp: going_away (not processed: above the last id of a GOAWAY,
// or opened after it), refused_stream (not processed), stream_reset, the transport's error when the
// connection is lost, limit_exceeded (the response's head is too large), protocol. A server may end its
// response while our body is open: then write ends with eof, or goes on where the server left the request
// open.
task<result<std::unique_ptr<http_client>>> connect_http2(environment& env, std::unique_ptr<stream> transport,
                                                         http2_options options = {});

} // namespace net
