#include "agent/api/call.hpp"

#include "agent/api/body_reader.hpp"
#include "agent/config/units.hpp"
#include "net/text.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>

namespace agent {

namespace json = boost::json;

json::object to_json(const api_error& error) {
    return json::object{
        {"error", json::object{{"code", error.code}, {"message", error.message}, {"hint", error.hint}}}};
}

net::task<void> answer_text(net::server_exchange& exchange, unsigned status, std::string_view json_text,
                            net::http_fields more) {
    net::response_head head;
    head.status = status;
    head.fields = std::move(more);
    head.fields.push_back({"content-type", "application/json"});
    head.fields.push_back({"cache-control", "no-store"});
    co_await net::respond_with(exchange, std::move(head), json_text);
}

net::task<void> answer_json(net::server_exchange& exchange, unsigned status, json::object body,
                            net::http_fields more) {
    const std::string text = json::serialize(body) + "\n";
    co_await answer_text(exchange, status, text, std::move(more));
}

net::task<void> answer_error(net::server_exchange& exchange, api_error error, net::http_fields more) {
    if (error.code == "no_room")
        more.push_back(retry_soon);
    co_await answer_json(exchange, error.status, to_json(error), std::move(more));
}

std::optional<std::string> query_parameter(const net::request_head& request, std::string_view name) {
    std::string_view rest = request.query();
    while (!rest.empty()) {
        const auto end = rest.find('&');
        const auto pair = rest.substr(0, end);
        const auto equals = pair.find('=');
        if (net::query_decoded(pair.substr(0, equals)) == name)
            return equals == std::string_view::npos ? std::string()
                                                    : net::query_decoded(pair.substr(equals + 1));
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    }
    return std::nullopt;
}

std::variant<net::duration, api_error> timeout_of(const net::request_head& request) {
    const auto text = query_parameter(request, "timeout");
    if (!text)
        return flush_timeout_default;
    const auto value = parse_duration(*text);
    if (!value || *value < net::duration::zero() || *value > flush_timeout_max)
        return api_error{400, "invalid_timeout", "timeout \"" + *text + "\" is not a duration up to 1h",
                         "write a number with its unit, as in ?timeout=5s or ?timeout=500ms"};
    return *value;
}

std::string media_type_of(const net::request_head& request) {
    std::string_view text = net::find_field(request.fields, "content-type");
    return net::lower_case(net::trimmed(text.substr(0, text.find(';'))));
}

net::task<body_text> read_text(const api_context& context, net::server_exchange& exchange,
                               std::size_t limit) {
    constexpr std::size_t piece_bytes = 16 * 1024;
    body_reader body(context, exchange, limit);
    if (body.refused())
        co_return *body.refused();
    const auto too_long = make_error_code(net::error::limit_exceeded);
    if (body.length().value_or(0) > limit)
        co_return *body_error(body, too_long, limit);
    std::string text;
    for (std::size_t reserved = 0;;) {
        if (text.size() < body_free_bytes) {
            co_await body.reserve(text.size());
        } else if (reserved == 0) {
            reserved = static_cast<std::size_t>(body.length().value_or(limit)) + 1; // one more shows the end
            co_await body.reserve(reserved - 1);
            text.reserve(reserved);
        }
        const auto end = reserved > 0 ? reserved : body_free_bytes;
        const auto room = std::clamp<std::size_t>(end - text.size(), 1, piece_bytes);
        const auto before = text.size();
        text.resize(before + room);
        const auto got = co_await body.read_some(net::asio::buffer(text.data() + before, room));
        text.resize(before + (got ? *got : 0));
        if (got)
            continue;
        if (net::is_eof(got.error()))
            co_return std::move(text);
        auto wrong = body_error(body, got.error(), limit);
        if (wrong)
            co_return std::move(*wrong);
        co_return body_gone{};
    }
}

api_error undelivered_error(flush_outcome outcome, const delivery_status& status) {
    switch (outcome) {
    case flush_outcome::parked:
        return {504, "parked", "delivery to S2 is parked: " + status.reason,
                "mend what the reason names; delivery goes on by itself then"};
    case flush_outcome::streams_parked:
        return {504, "streams_parked", "all else is durable; S2 refuses " + refused_streams_text(status),
                "mend what the reasons under left.streams name; delivery goes on by itself then"};
    case flush_outcome::held:
        return {504, "held", "what is left can only go to another place than the configured one",
                "the places are named under left.streams; configure one of them to deliver it"};
    case flush_outcome::timed_out:
    case flush_outcome::durable:
        break;
    }
    return {504, "timed_out",
            status.reason.empty() ? "not everything was durable by the deadline"
                                  : "not everything was durable by the deadline: " + status.reason,
            "call /events/flush again, or with a longer ?timeout="};
}

json::object left_of(const delivery_status& status) {
    json::object left{{"events", status.undelivered_events}, {"bytes", status.undelivered_bytes}};
    add_streams(left, status);
    return left;
}

} // namespace agent
