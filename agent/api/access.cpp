#include "agent/api/access.hpp"

#include "net/text.hpp"

#include <algorithm>
#include <cctype>

namespace agent {
namespace {

// Without port and brackets.
std::string_view host_of(std::string_view authority) {
    if (authority.starts_with('['))
        return authority.substr(1, authority.find(']') - 1);
    return authority.substr(0, authority.find(':'));
}

bool is_address(std::string_view host) {
    const bool v6 = host.find(':') != std::string_view::npos;
    const auto allowed = [v6](char c) {
        return (c >= '0' && c <= '9') || c == '.' ||
               (v6 && (c == ':' || std::isxdigit(static_cast<unsigned char>(c))));
    };
    return !host.empty() && std::all_of(host.begin(), host.end(), allowed);
}

bool is_local_name(std::string_view host) {
    const std::string name = net::lower_case(host);
    return name == "localhost" || name.ends_with(".localhost");
}

bool token_matches(const net::request_head& request, std::string_view api_token) {
    const auto value = net::find_field(request.fields, "authorization");
    constexpr std::size_t scheme_bytes = 7; // "Bearer "
    if (value.size() < scheme_bytes || net::lower_case(value.substr(0, scheme_bytes)) != "bearer ")
        return false;
    return equal_in_constant_time(value.substr(scheme_bytes), api_token);
}

} // namespace

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    // Its time depends on the lengths alone.
    unsigned difference = a.size() == b.size() ? 0 : 1;
    for (std::size_t i = 0; i < a.size(); ++i)
        difference |=
            static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b.empty() ? 0 : b[i % b.size()]);
    return difference == 0;
}

bool matches(std::string_view pattern, std::string_view text) {
    const auto star = pattern.find('*');
    if (star == std::string_view::npos)
        return pattern == text;
    if (!text.starts_with(pattern.substr(0, star)))
        return false;
    pattern.remove_prefix(star + 1);
    for (text.remove_prefix(star);; text.remove_prefix(1)) {
        if (matches(pattern, text))
            return true;
        if (text.empty())
            return false;
    }
}

std::string_view allowed_origin(const net::request_head& request, std::string_view method,
                                const access_rules& rules) {
    const auto origin = net::find_field(request.fields, "origin");
    if (origin.empty())
        return {};
    if (!rules.origins) {
        const bool telemetry = method == "POST" && request.path() == "/telemetry/events";
        return telemetry && origin.starts_with("chrome-extension://") ? origin : std::string_view{};
    }
    const auto may = [origin](const std::string& pattern) { return matches(pattern, origin); };
    return std::any_of(rules.origins->begin(), rules.origins->end(), may) ? origin : std::string_view{};
}

bool is_preflight(const net::request_head& request) {
    return request.method == "OPTIONS" && !net::find_field(request.fields, "origin").empty() &&
           !net::find_field(request.fields, "access-control-request-method").empty();
}

net::http_fields origin_fields(std::string_view origin) {
    return {{"access-control-allow-origin", std::string(origin)}, {"vary", "origin"}};
}

net::http_fields preflight_fields(const net::request_head& request) {
    auto fields = origin_fields(net::find_field(request.fields, "origin"));
    fields.push_back({"access-control-allow-methods",
                      std::string(net::find_field(request.fields, "access-control-request-method"))});
    fields.push_back(
        {"access-control-allow-headers", "authorization, content-type, content-encoding, last-event-id"});
    fields.push_back({"access-control-max-age", "600"});
    if (net::find_field(request.fields, "access-control-request-private-network") == "true")
        fields.push_back({"access-control-allow-private-network", "true"});
    return fields;
}

namespace {

std::optional<api_error> refuse_page(const net::request_head& request, const access_rules& rules) {
    const bool preflight = is_preflight(request);
    const auto method = preflight ? net::find_field(request.fields, "access-control-request-method")
                                  : std::string_view(request.method);
    if (!allowed_origin(request, method, rules).empty())
        return std::nullopt;
    const auto origin = net::find_field(request.fields, "origin");
    const auto scheme_end = origin.find("://");
    const auto authority =
        scheme_end == std::string_view::npos ? std::string_view{} : origin.substr(scheme_end + 3);
    const bool own = !authority.empty() && net::lower_case(authority) == net::lower_case(request.authority);
    const auto site = net::find_field(request.fields, "sec-fetch-site");
    const bool elsewhere = !site.empty() && site != "none" && site != "same-origin";
    if ((origin.empty() || own) && !elsewhere)
        return std::nullopt;
    return api_error{
        403, "forbidden_origin",
        "a web page" + (origin.empty() ? std::string() : " of " + std::string(origin)) + " may not call " +
            std::string(request.path()),
        "call it from a program, without an Origin header; or allow the page with --allow-origin"};
}

bool is_ours(std::string_view host, const access_rules& rules) {
    const auto named = [host](const std::string& name) {
        return net::lower_case(name) == net::lower_case(host);
    };
    return is_local_name(host) || is_address(host) ||
           std::any_of(rules.hosts.begin(), rules.hosts.end(), named);
}

} // namespace

std::optional<api_error> refuse_access(const net::request_head& request, std::string_view peer,
                                       const access_rules& rules) {
    if (auto refused = refuse_page(request, rules))
        return refused;
    const bool probe = request.path() == "/healthz" || request.path() == "/readyz";
    if (!rules.api_token.empty() && !probe && !is_preflight(request) &&
        !token_matches(request, rules.api_token.reveal()))
        return api_error{401, "unauthorized", "this agent wants its API token",
                         "send it as the header `authorization: Bearer TOKEN`"};
    const auto host = host_of(request.authority);
    const bool any_host = !rules.api_token.empty() || peer.starts_with("unix:") || request.authority.empty();
    if (!any_host && !is_ours(host, rules))
        return api_error{
            403, "forbidden_host",
            "the host \"" + std::string(host) + "\" is neither localhost nor an address",
            "call the agent by its address, name the host with --allow-host, or give the agent an "
            "API token (--api-token-file)"};
    return std::nullopt;
}

} // namespace agent
