#include "agent/control_api.hpp"

#include "agent/api_access.hpp"
#include "agent/api_call.hpp"
#include "agent/origin_exchange.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>

namespace agent {
namespace {

constexpr api_route routes[] = {
    {"POST", "/events/capture_session", create_capture_session},
    {"GET", "/events/capture_session", read_capture_session},
    {"PATCH", "/events/capture_session", change_capture_session},
    {"DELETE", "/events/capture_session", end_capture_session},
    {"POST", "/events/start", create_capture_session},
    {"POST", "/events/stop", end_capture_session},
    {"POST", "/events/publish", publish_events},
    {"GET", "/events/stream", stream_events},
    {"POST", "/events/flush", flush_events},
    {"GET", "/healthz", answer_health},
    {"GET", "/readyz", answer_readiness},
    {"GET", "/status", answer_status},
};

struct no_such_path {};

struct no_such_method {
    std::string allow;
};

using found_route = std::variant<api_function, no_such_method, no_such_path>;

found_route find_route(std::string_view method, std::string_view path) {
    std::string allow;
    for (const auto& route : routes) {
        if (route.path != path)
            continue;
        if (route.method == method || (method == "HEAD" && route.method == "GET"))
            return route.serve;
        allow += (allow.empty() ? "" : ", ") + std::string(route.method);
        allow += route.method == "GET" ? ", HEAD" : "";
    }
    if (allow.empty())
        return no_such_path{};
    return no_such_method{std::move(allow)};
}

net::task<void> serve_allowed(const api_context& context, net::server_exchange& exchange);

net::task<void> serve_call(const api_context& context, net::server_exchange& exchange) {
    const auto& request = exchange.request();
    auto refused = refuse_access(request, exchange.peer(), context.access);
    if (refused) {
        net::http_fields more;
        if (refused->status == 401)
            more.push_back({"www-authenticate", "Bearer"});
        co_await answer_error(exchange, std::move(*refused), std::move(more));
        co_return;
    }
    const auto origin = allowed_origin(request, request.method, context.access);
    if (is_preflight(request)) {
        net::response_head granted;
        granted.status = 204;
        granted.fields = preflight_fields(request);
        co_await exchange.respond(std::move(granted), true);
    } else if (!origin.empty()) {
        origin_exchange with_origin(exchange, origin);
        co_await serve_allowed(context, with_origin);
    } else {
        co_await serve_allowed(context, exchange);
    }
}

net::task<void> serve_allowed(const api_context& context, net::server_exchange& exchange) {
    const auto& request = exchange.request();
    const auto found = find_route(request.method, request.path());
    if (const auto* serve = std::get_if<api_function>(&found)) {
        co_await (*serve)(context, exchange);
    } else if (const auto* other = std::get_if<no_such_method>(&found)) {
        api_error error{405, "method_not_allowed",
                        request.method + " is not a call of " + std::string(request.path()),
                        "it takes " + other->allow};
        net::http_fields allow{{"allow", other->allow}};
        co_await answer_error(exchange, std::move(error), std::move(allow));
    } else {
        api_error error{404, "not_found", "there is no " + std::string(request.path()),
                        "the calls are /events/capture_session, /events/publish, /events/stream, "
                        "/events/flush, /healthz, "
                        "/readyz and /status"};
        co_await answer_error(exchange, std::move(error));
    }
}

// One failing call must not end the connection's other ones, nor the server.
net::task<void> guarded(std::shared_ptr<const api_context> context, net::server_exchange& exchange) {
    bool failed = false;
    try {
        co_await serve_call(*context, exchange);
    } catch (const boost::system::system_error& failure) {
        if (net::is_cancelled(failure.code()))
            throw;
        spdlog::error("{} {}: {}", exchange.request().method, exchange.request().path(), failure.what());
        failed = true;
    } catch (const std::exception& failure) {
        spdlog::error("{} {}: {}", exchange.request().method, exchange.request().path(), failure.what());
        failed = true;
    }
    if (failed && !exchange.responded()) {
        api_error error{500, "internal", "the call failed inside the agent", "its log says why"};
        co_await answer_error(exchange, std::move(error));
    }
}

} // namespace

bool always_answered(const net::request_head& request) {
    const auto path = request.path();
    return path == "/events/publish" || path == "/telemetry/events" || path == "/events/flush" ||
           path == "/healthz" || path == "/readyz" || path == "/metrics";
}

net::http_handler make_control_api(api_context context) {
    auto shared = std::make_shared<const api_context>(std::move(context));
    return [shared](net::server_exchange& exchange) { return guarded(shared, exchange); };
}

} // namespace agent
