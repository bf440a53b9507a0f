#pragma once
// A whole answer, and how it is sent: CORS, compression where asked and worth it.

#include "s2/local/http_face.hpp"
#include "s2/local/negotiation.hpp"

#include <boost/json/serialize.hpp>

namespace s2::local {

struct reply {
    unsigned status = 200;
    std::string content_type; // empty: no body
    std::string body;
    net::http_fields fields;

    static reply json(unsigned status, const json::object& body);
    static reply json_text(unsigned status, std::string body);
    static reply protobuf(std::string body);
    static reply empty(unsigned status);
    static reply of(const failure& why);
};

// What a request for one route is given.
struct call {
    http_face& face;
    net::server_exchange& exchange;
    std::vector<std::string_view> path; // behind /v1, still encoded

    store& in() const { return face.served(); }

    const net::request_head& head() const { return exchange.request(); }
};

// The fields that every response has.
void add_cors(const call& on, net::http_fields& fields);
net::http_fields session_fields(const call& on, std::string_view content_type);
net::task<void> send(const call& on, reply answer);

// The body of a unary request, decompressed; or the failure that `too_long` makes.
net::task<std::variant<std::string, reply>> read_unary_body(const call& on,
                                                            failure (*refuse)(std::string_view));
// The same as JSON; `optional`: nothing where there is no body.
net::task<std::variant<std::optional<json::value>, reply>> read_json(const call& on, bool optional = false);

outcome<std::string> basin_in_path(const call& on);
outcome<std::string> stream_in_path(const call& on);

// basin_routes.cpp
net::task<reply> list_basins(const call& on);
net::task<reply> create_basin(const call& on);
net::task<reply> get_basin(const call& on);
net::task<reply> ensure_basin(const call& on);
net::task<reply> reconfigure_basin(const call& on);
net::task<reply> delete_basin(const call& on);

// stream_routes.cpp
net::task<reply> list_streams(const call& on);
net::task<reply> create_stream(const call& on);
net::task<reply> get_stream(const call& on);
net::task<reply> ensure_stream(const call& on);
net::task<reply> reconfigure_stream(const call& on);
net::task<reply> delete_stream(const call& on);

// record_routes.cpp; nothing: it was a session, and has answered itself
net::task<std::optional<reply>> check_tail(const call& on);
net::task<std::optional<reply>> read_records(const call& on);
net::task<std::optional<reply>> append_records(const call& on);

} // namespace s2::local
