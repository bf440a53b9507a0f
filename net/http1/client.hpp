#pragma once
// HTTP/1.1 as a client over a connected stream: one exchange at a time, keep-alive. A request's body has the
// length that its head says in content-length, else it is chunked. The response may begin before that body
// ends.
//
// An exchange left before both bodies have ended costs the connection: usable() is false from then on. A
// connection that ends before the response is complete is connection_reset, never eof.

#include "net/http/message.hpp"

namespace net {

struct http1_options {
    std::size_t header_bytes_max = 16 * 1024; // of a response
};

std::unique_ptr<http_client> make_http1_client(environment& env, std::unique_ptr<stream> transport,
                                               http1_options options = {});

} // namespace net
