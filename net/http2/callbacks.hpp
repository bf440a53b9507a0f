#pragma once
// What nghttp2 tells http2_session, and asks of it. Internal to the two.

#include "net/http2/session.hpp"

#include <nghttp2/nghttp2.h>

namespace net {

struct http2_session::callbacks {
    static nghttp2_session* make_session(http2_session& self, http2_role role);

    static ssize_t read_body(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t most,
                             std::uint32_t* flags, nghttp2_data_source*, void* user);
    static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t length,
                         nghttp2_data_source*, void* user);
    static int begin_headers(nghttp2_session*, const nghttp2_frame*, void* user);
    static int header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_size,
                      const std::uint8_t* value, std::size_t value_size, std::uint8_t flags, void* user);
    static int data_chunk(nghttp2_session*, std::uint8_t flags, std::int32_t id, const std::uint8_t* bytes,
                          std::size_t size, void* user);
    static int frame_received(nghttp2_session*, const nghttp2_frame*, void* user);
    static int invalid_frame(nghttp2_session*, const nghttp2_frame*, int why, void* user);
    static int frame_sent(nghttp2_session*, const nghttp2_frame*, void* user);
    static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user);
};

} // namespace net
