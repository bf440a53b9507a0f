#pragma once
// What the calls of the control API share: one call in hand, its query, and how it is answered. A call is a
// function of the context and the exchange; the router (control.cpp) finds it, and has checked before who
// may call.
//
// Every refusal is {"error":{"code","message","hint"}}: code for programs, message says what, hint what to do
// next.

#include "agent/api/control.hpp"
#include "net/http/message.hpp"

#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace agent {

constexpr std::size_t api_body_bytes_max = 64 * 1024; // of calls other than publish
constexpr net::duration flush_timeout_default = std::chrono::seconds(5);
constexpr net::duration flush_timeout_max = std::chrono::hours(1);

struct api_error {
    unsigned status;
    std::string code;
    std::string message;
    std::string hint;
};

// The ring has no room: when it is worth asking again, and what helps.
inline const net::http_field retry_soon{"retry-after", "1"};
constexpr std::string_view no_room_hint =
    "mend what the message names, or let S2 catch up (GET /status), and send it again";

boost::json::object to_json(const api_error& error);

using api_function = net::task<void> (*)(const api_context&, net::server_exchange&);

struct api_route {
    std::string_view method;
    std::string_view path;
    api_function serve;
};

// The groups of calls.
net::task<void> create_capture_session(const api_context& context, net::server_exchange& exchange);
net::task<void> read_capture_session(const api_context& context, net::server_exchange& exchange);
net::task<void> change_capture_session(const api_context& context, net::server_exchange& exchange);
net::task<void> end_capture_session(const api_context& context, net::server_exchange& exchange);
net::task<void> publish_events(const api_context& context, net::server_exchange& exchange);
net::task<void> stream_events(const api_context& context, net::server_exchange& exchange);
net::task<void> flush_events(const api_context& context, net::server_exchange& exchange);
net::task<void> answer_health(const api_context& context, net::server_exchange& exchange);
net::task<void> answer_readiness(const api_context& context, net::server_exchange& exchange);
net::task<void> answer_metrics(const api_context& context, net::server_exchange& exchange);
net::task<void> answer_status(const api_context& context, net::server_exchange& exchange);

// --- answering; a client that is gone costs nothing and is not an error of ours. Want of room in the ring
// (503 no_room) comes with a retry-after.
net::task<void> answer_json(net::server_exchange& exchange, unsigned status, boost::json::object body,
                            net::http_fields more = {});
net::task<void> answer_text(net::server_exchange& exchange, unsigned status, std::string_view json_text,
                            net::http_fields more = {});
net::task<void> answer_error(net::server_exchange& exchange, api_error error, net::http_fields more = {});

// --- reading what was asked
// The parameter's value, percent-decoded; nothing where it is absent.
std::optional<std::string> query_parameter(const net::request_head& request, std::string_view name);
// ?timeout=5s, flush_timeout_default where absent.
std::variant<net::duration, api_error> timeout_of(const net::request_head& request);
// Lower case, without parameters.
std::string media_type_of(const net::request_head& request);

struct body_gone {}; // the client left in the middle of its body

using body_text = std::variant<std::string, api_error, body_gone>;
// At most `limit` bytes, else 413.
net::task<body_text> read_text(const api_context& context, net::server_exchange& exchange, std::size_t limit);

// What a flush that did not make it has to say: why, and how much is left.
api_error undelivered_error(flush_outcome outcome, const delivery_status& status);
boost::json::object left_of(const delivery_status& status);

} // namespace agent
