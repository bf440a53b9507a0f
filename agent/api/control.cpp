#include "agent/api/control.hpp"

#include "agent/api/access.hpp"
#include "agent/api/call.hpp"
#include "agent/api/origin_exchange.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <span>

namespace agent {
namespace {

constexpr api_route api_routes[] = {
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
    {"GET", "/metrics", answer_metrics},
    {"GET", "/status", answer_status},
};

constexpr api_route metrics_routes[] = {
    {"GET", "/metrics", answer_metrics},
    {"GET", "/healthz", answer_health},
    {"GET", "/readyz", answer_readiness},
};

// What one listener serves.
struct face {
    api_context context;
    std::span<const api_route> routes;
    std::string_view calls; // for who asks for another
};

struct no_such_path {};

struct no_such_method {
    std::string allow;
};

using found_route = std::variant<api_function, no_such_method, no_such_path>;

found_route find_route(std::span<const api_route> routes, std::string_view method, std::string_view path) {
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

net::task<void> serve_allowed(const face& of, net::server_exchange& exchange);

net::task<void> serve_call(const face& of, net::server_exchange& exchange) {
    const auto& request = exchange.request();
    auto refused = refuse_access(request, exchange.peer(), of.context.access);
    if (refused) {
        net::http_fields more;
        if (refused->status == 401)
            more.push_back({"www-authenticate", "Bearer"});
        co_await answer_error(exchange, std::move(*refused), std::move(more));
        co_return;
    }
    const auto origin = allowed_origin(request, request.method, of.context.access);
    if (is_preflight(request)) {
        net::response_head granted;
        granted.status = 204;
        granted.fields = preflight_fields(request);
        co_await exchange.respond(std::move(granted), true);
    } else if (!origin.empty()) {
        origin_exchange with_origin(exchange, origin);
        co_await serve_allowed(of, with_origin);
    } else {
        co_await serve_allowed(of, exchange);
    }
}

net::task<void> serve_allowed(const face& of, net::server_exchange& exchange) {
    const auto& request = exchange.request();
    const auto found = find_route(of.routes, request.method, request.path());
    if (const auto* serve = std::get_if<api_function>(&found)) {
        co_await (*serve)(of.context, exchange);
    } else if (const auto* other = std::get_if<no_such_method>(&found)) {
        api_error error{405, "method_not_allowed",
                        request.method + " is not a call of " + std::string(request.path()),
                        "it takes " + other->allow};
        net::http_fields allow{{"allow", other->allow}};
        co_await answer_error(exchange, std::move(error), std::move(allow));
    } else {
        api_error error{404, "not_found", "there is no " + std::string(request.path()),
                        "the calls are " + std::string(of.calls)};
        co_await answer_error(exchange, std::move(error));
    }
}

// One failing call must not end the connection's other ones, nor the server.
net::task<void> guarded(std::shared_ptr<const face> of, net::server_exchange& exchange) {
    bool failed = false;
    try {
        co_await serve_call(*of, exchange);
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
    auto shared = std::make_shared<const face>(
        face{std::move(context), api_routes,
             "/events/capture_session, /events/publish, /events/stream, /events/flush, /healthz, /readyz, "
             "/metrics and /status"});
    return [shared](net::server_exchange& exchange) { return guarded(shared, exchange); };
}

net::http_handler make_metrics_api(api_context context) {
    context.access.api_token = {};
    auto shared = std::make_shared<const face>(
        face{std::move(context), metrics_routes,
             "/metrics, /healthz and /readyz; all others are on the address of --listen"});
    return [shared](net::server_exchange& exchange) { return guarded(shared, exchange); };
}

} // namespace agent
