#include "s2/local/reply.hpp"

#include "net/text.hpp"
#include "s2/local/uri.hpp"

#include <boost/json/parse.hpp>

#include <chrono>
#include <cstdio>

namespace s2::local {

reply reply::json(unsigned status, const json::object& body) {
    return json_text(status, json::serialize(body));
}

reply reply::json_text(unsigned status, std::string body) {
    return {status, "application/json", std::move(body), {}};
}

reply reply::protobuf(std::string body) {
    return {200, "application/protobuf", std::move(body), {}};
}

reply reply::empty(unsigned status) {
    return {status, {}, {}, {}};
}

reply reply::of(const failure& why) {
    return json_text(why.status, why.body);
}

void add_cors(const call& on, net::http_fields& fields) {
    if (!on.face.options().cors)
        return;
    fields.push_back({"vary", "origin, access-control-request-method, access-control-request-headers"});
    fields.push_back({"access-control-allow-credentials", "true"});
    if (const auto origin = net::find_field(on.head().fields, "origin"); !origin.empty())
        fields.push_back({"access-control-allow-origin", std::string(origin)});
}

net::http_fields session_fields(const call& on, std::string_view content_type) {
    net::http_fields fields{{"content-type", std::string(content_type)},
                            {"cache-control", "no-cache, no-transform"},
                            {"x-accel-buffering", "no"}};
    add_cors(on, fields);
    return fields;
}

net::task<void> send(const call& on, reply answer) {
    net::response_head head;
    head.status = answer.status;
    head.fields = std::move(answer.fields);
    if (!answer.content_type.empty())
        head.fields.push_back({"content-type", answer.content_type});
    if (answer.body.size() > http_face::compress_body_from_bytes) {
        const auto with = accepted_compression(net::find_field(on.head().fields, "accept-encoding"));
        if (with != compression::none) {
            answer.body = compress(answer.body, with);
            head.fields.push_back({"content-encoding", with == compression::zstd ? "zstd" : "gzip"});
        }
        head.fields.push_back({"vary", "accept-encoding"});
    }
    add_cors(on, head.fields);
    // Whoever does not take the answer has gone; there is nobody to tell.
    (void)co_await net::respond_with(on.exchange, std::move(head), answer.body);
}

net::task<std::variant<std::string, reply>> read_unary_body(const call& on,
                                                            failure (*refuse)(std::string_view)) {
    const auto encoding = net::find_field(on.head().fields, "content-encoding");
    const auto packed =
        encoding == "identity" ? compression::none : parse_compression(encoding.empty() ? "none" : encoding);
    if (!packed || encoding == "none")
        co_return reply::empty(415);
    auto body = co_await net::read_body(on.exchange, http_face::body_bytes_max);
    if (!body && body.error() == net::error::limit_exceeded)
        co_return reply::of(refuse("Failed to buffer the request body: length limit exceeded"));
    if (!body)
        co_return reply::of(refuse("Failed to buffer the request body: " + body.error().message()));
    if (*packed == compression::none)
        co_return std::move(*body);
    auto plain = decompress(*body, *packed, http_face::body_bytes_max);
    if (!plain)
        co_return reply::of(
            refuse("Failed to buffer the request body: corrupt or too long once decompressed"));
    co_return std::move(*plain);
}

net::task<std::variant<std::optional<json::value>, reply>> read_json(const call& on, bool optional) {
    const auto type = media_of(net::find_field(on.head().fields, "content-type"));
    const bool typed = has_field(on.head().fields, "content-type");
    if (optional && !typed)
        co_return std::optional<json::value>();
    if (type != media::json)
        co_return reply::of(bad_json("Expected request with `Content-Type: application/json`"));
    auto body = co_await read_unary_body(on, bad_json);
    if (auto* refused = std::get_if<reply>(&body))
        co_return std::move(*refused);
    const std::string& text = std::get<std::string>(body);
    if (optional && text.empty())
        co_return std::optional<json::value>();
    boost::system::error_code failed;
    json::value value = json::parse(text, failed);
    if (failed)
        co_return reply::of(bad_json(failed.message()));
    co_return std::optional<json::value>(std::move(value));
}

outcome<std::string> basin_in_path(const call& on) {
    std::string name = net::percent_decoded(on.path.at(1));
    if (const auto why = invalid_basin_name(name))
        return bad_path("Invalid URL: " + *why);
    return name;
}

outcome<std::string> stream_in_path(const call& on) {
    std::string name = net::percent_decoded(on.path.at(1));
    if (const auto why = invalid_stream_name(name))
        return bad_path("Invalid URL: " + *why);
    return name;
}

} // namespace s2::local
