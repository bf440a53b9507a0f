#pragma once
// What a request's headers ask for (§1.4): the form of the bodies, and compression.

#include "net/http/message.hpp"
#include "s2/frame.hpp"
#include "s2/local/config.hpp"
#include "s2/local/failure.hpp"

namespace s2::local {

enum class media { none, json, protobuf, event_stream, session, other };

// Of the first media type in the value.
media media_of(std::string_view value);

enum class record_format { raw, base64 };

// Session: zstd where listed, else gzip; entries with q=0 are skipped, other q-values ignored, `*` selects
// nothing. The same rule serves unary bodies.
compression accepted_compression(std::string_view accept_encoding);

// The headers that come with appends and reads, in the order in which they are judged.
struct record_headers {
    optional_stream_config create_with;
    static outcome<record_headers> of(const net::request_head& head);
};

outcome<record_format> format_of(const net::request_head& head);
outcome<std::string> basin_of(const net::request_head& head);
outcome<std::optional<std::string>> request_token_of(const net::request_head& head);

bool has_field(const net::http_fields& fields, std::string_view name);

} // namespace s2::local
