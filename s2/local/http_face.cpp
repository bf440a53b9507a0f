#include "s2/local/http_face.hpp"

#include "s2/local/reply.hpp"
#include "s2/local/uri.hpp"

namespace s2::local {
namespace {

// What a path may be asked for. A method that is missing is 405.
struct route {
    using unary = net::task<reply> (*)(const call&);
    using streamed = net::task<std::optional<reply>> (*)(const call&);

    struct method {
        std::string_view name;
        unary whole = nullptr;
        streamed session = nullptr;
        std::optional<reply> fixed; // answered without looking further
    };

    std::vector<method> methods;
};

reply left_out() {
    return reply::of(not_implemented("Not implemented"));
}

route::method unary(std::string_view name, route::unary with) {
    return {name, with, nullptr, {}};
}

route::method streamed(std::string_view name, route::streamed with) {
    return {name, nullptr, with, {}};
}

route::method fixed(std::string_view name, reply with) {
    return {name, nullptr, nullptr, std::move(with)};
}

std::optional<route> account_route(const std::vector<std::string_view>& path) {
    const bool named = path.size() > 1 && !path.at(1).empty();
    if (path.at(0) == "basins" && path.size() == 1)
        return route{{unary("GET", list_basins), unary("POST", create_basin)}};
    if (path.at(0) == "basins" && path.size() == 2 && named)
        return route{{unary("GET", get_basin), unary("PUT", ensure_basin), unary("DELETE", delete_basin),
                      unary("PATCH", reconfigure_basin)}};
    if (path.at(0) == "access-tokens" && path.size() == 1)
        return route{{fixed("GET", left_out()), fixed("POST", left_out())}};
    if (path.at(0) == "access-tokens" && path.size() == 2 && named)
        return route{{fixed("DELETE", left_out())}};
    if (path.at(0) == "metrics" && path.size() <= 3 && !path.back().empty())
        return route{{fixed("GET", left_out())}};
    if (path.at(0) == "locations" && path.size() == 1)
        return route{{fixed("GET", left_out())}};
    if (path.at(0) == "locations" && path.size() == 2 && path.at(1) == "default")
        return route{{fixed("GET", left_out()), fixed("PUT", left_out())}};
    return std::nullopt;
}

std::optional<route> stream_route(const std::vector<std::string_view>& path) {
    if (path.size() == 1)
        return route{{unary("GET", list_streams), unary("POST", create_stream)}};
    if (path.at(1).empty())
        return std::nullopt;
    if (path.size() == 2)
        return route{{unary("GET", get_stream), unary("PUT", ensure_stream), unary("DELETE", delete_stream),
                      unary("PATCH", reconfigure_stream)}};
    if (path.at(2) != "records")
        return std::nullopt;
    if (path.size() == 3)
        return route{{streamed("GET", read_records), streamed("POST", append_records)}};
    if (path.size() == 4 && path.at(3) == "tail")
        return route{{streamed("GET", check_tail)}};
    return std::nullopt;
}

// Leaves in `path` what is behind /v1.
std::optional<route> find_route(std::vector<std::string_view>& path) {
    if (path.size() == 1 && (path.front() == "health" || path.front() == "ping"))
        return route{{fixed("GET", reply{200, "text/plain; charset=utf-8", "OK", {}})}};
    if (path.size() < 2 || path.front() != "v1")
        return std::nullopt;
    path.erase(path.begin());
    return path.front() == "streams" ? stream_route(path) : account_route(path);
}

reply with_methods(unsigned status, const route& known) {
    reply answer = reply::empty(status);
    std::string allow;
    for (const auto& method : known.methods) {
        allow += (allow.empty() ? "" : ",") + std::string(method.name);
        if (method.name == "GET")
            allow += ",HEAD";
    }
    answer.fields.push_back({"allow", std::move(allow)});
    return answer;
}

// A browser says so of each request that a page makes, but for navigations.
bool from_web_page(const net::request_head& head) {
    const auto site = net::find_field(head.fields, "sec-fetch-site");
    return !net::find_field(head.fields, "origin").empty() || (!site.empty() && site != "none");
}

// Permissive, as lite's: what a browser asks for it may do.
reply preflight(const call& on, const std::optional<route>& known) {
    reply answer = known ? with_methods(200, *known) : reply::empty(200);
    const auto mirror = [&](const char* asked, const char* granted) {
        if (const auto value = net::find_field(on.head().fields, asked); !value.empty())
            answer.fields.push_back({granted, std::string(value)});
    };
    mirror("access-control-request-method", "access-control-allow-methods");
    mirror("access-control-request-headers", "access-control-allow-headers");
    return answer;
}

} // namespace

net::http_handler http_face::handler() {
    return [this](net::server_exchange& exchange) { return handle(exchange); };
}

net::task<void> http_face::handle(net::server_exchange& exchange) {
    call on{*this, exchange, path_segments(exchange.request().path())};
    const std::string& method = on.head().method;
    if (!options_.cors && from_web_page(on.head())) {
        reply refused = reply::json(
            403, {{"code", "permission_denied"}, {"message", "web pages may call only with --cors"}});
        co_await send(on, std::move(refused));
        co_return;
    }
    const auto known = find_route(on.path);
    if (options_.cors && method == "OPTIONS") {
        reply granted = preflight(on, known);
        co_await send(on, std::move(granted));
        co_return;
    }
    if (!known) {
        reply nothing = reply::empty(404);
        co_await send(on, std::move(nothing));
        co_return;
    }
    for (const auto& each : known->methods) {
        if (each.name != method && !(method == "HEAD" && each.name == "GET"))
            continue;
        std::optional<reply> answer = each.fixed;
        if (each.whole) {
            reply whole = co_await each.whole(on);
            answer = std::move(whole);
        } else if (each.session) {
            answer = co_await each.session(on);
        }
        if (answer)
            co_await send(on, std::move(*answer));
        co_return;
    }
    reply other_methods = with_methods(405, *known);
    co_await send(on, std::move(other_methods));
}

} // namespace s2::local
