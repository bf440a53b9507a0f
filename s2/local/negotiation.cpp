#include "s2/local/negotiation.hpp"

#include "net/text.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>

namespace s2::local {
namespace {

constexpr std::size_t request_token_bytes_max = 36;
constexpr std::size_t encryption_key_bytes_max = 44;

bool zero_quality(std::string_view parameters) {
    while (!parameters.empty()) {
        const auto end = parameters.find(';');
        const std::string one = net::lower_case(net::trimmed(parameters.substr(0, end)));
        parameters.remove_prefix(end == std::string_view::npos ? parameters.size() : end + 1);
        if (one.starts_with("q=") && one.find_first_not_of("0.", 2) == std::string::npos && one.size() > 2)
            return true;
    }
    return false;
}

failure invalid_header(std::string_view name, std::string_view why) {
    return bad_header("Invalid header `" + std::string(name) + "`: " + std::string(why));
}

} // namespace

bool has_field(const net::http_fields& fields, std::string_view name) {
    return std::any_of(fields.begin(), fields.end(),
                       [&](const net::http_field& field) { return field.name == name; });
}

media media_of(std::string_view value) {
    value = value.substr(0, value.find(','));
    const std::string type = net::lower_case(net::trimmed(value.substr(0, value.find(';'))));
    if (type.empty())
        return media::none;
    if (type == "s2s/proto")
        return media::session;
    if (type == "application/json" || (type.starts_with("application/") && type.ends_with("+json")))
        return media::json;
    if (type == "application/protobuf" || type == "application/x-protobuf")
        return media::protobuf;
    if (type == "text/event-stream")
        return media::event_stream;
    return media::other;
}

compression accepted_compression(std::string_view accept_encoding) {
    bool gzip = false;
    while (!accept_encoding.empty()) {
        const auto comma = accept_encoding.find(',');
        const auto entry = accept_encoding.substr(0, comma);
        accept_encoding.remove_prefix(comma == std::string_view::npos ? accept_encoding.size() : comma + 1);
        const auto semicolon = entry.find(';');
        if (semicolon != std::string_view::npos && zero_quality(entry.substr(semicolon + 1)))
            continue;
        const std::string name = net::lower_case(net::trimmed(entry.substr(0, semicolon)));
        if (name == "zstd")
            return compression::zstd;
        gzip = gzip || name == "gzip";
    }
    return gzip ? compression::gzip : compression::none;
}

outcome<record_headers> record_headers::of(const net::request_head& head) {
    // Streams here have no cipher: a key is looked at no further than lite does for a plaintext stream.
    if (has_field(head.fields, "s2-encryption-key")) {
        const auto length = net::trimmed(net::find_field(head.fields, "s2-encryption-key")).size();
        if (length == 0 || length > encryption_key_bytes_max)
            return invalid_header("s2-encryption-key", "invalid encryption key: key material length " +
                                                           std::to_string(length) + " is out of range");
    }
    record_headers headers;
    if (has_field(head.fields, "s2-stream-config")) {
        boost::system::error_code failed;
        const json::value value = json::parse(net::find_field(head.fields, "s2-stream-config"), failed);
        if (failed)
            return invalid_header("s2-stream-config", "invalid JSON: " + failed.message());
        auto config = parse_stream_config(value);
        if (const auto* error = std::get_if<config_error>(&config))
            return invalid_header("s2-stream-config", error->what == config_error::kind::malformed
                                                          ? "invalid JSON: " + error->message
                                                          : error->message);
        headers.create_with = std::move(std::get<optional_stream_config>(config));
    }
    return headers;
}

outcome<record_format> format_of(const net::request_head& head) {
    if (!has_field(head.fields, "s2-format"))
        return record_format::raw;
    const auto value = net::trimmed(net::find_field(head.fields, "s2-format"));
    if (value == "raw" || value == "json")
        return record_format::raw;
    if (value == "base64" || value == "json-binsafe")
        return record_format::base64;
    return invalid_header("s2-format", value);
}

outcome<std::string> basin_of(const net::request_head& head) {
    if (!has_field(head.fields, "s2-basin"))
        return bad_header("Missing header `s2-basin`");
    std::string name(net::find_field(head.fields, "s2-basin"));
    if (const auto why = invalid_basin_name(name))
        return invalid_header("s2-basin", *why);
    return name;
}

outcome<std::optional<std::string>> request_token_of(const net::request_head& head) {
    if (!has_field(head.fields, "s2-request-token"))
        return std::optional<std::string>();
    std::string token(net::find_field(head.fields, "s2-request-token"));
    if (token.size() > request_token_bytes_max)
        return invalid_header("s2-request-token", "request token was longer than 36 bytes in length: " +
                                                      std::to_string(token.size()));
    return std::optional<std::string>(std::move(token));
}

} // namespace s2::local
