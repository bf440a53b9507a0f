#include "agent/api_access.hpp"

#include <algorithm>
#include <cctype>

namespace agent {
namespace {

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

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
    const std::string name = lower(host);
    return name == "localhost" || name.ends_with(".localhost");
}

bool token_matches(const net::request_head& request, std::string_view api_token) {
    const auto value = net::find_field(request.fields, "authorization");
    constexpr std::size_t scheme_bytes = 7; // "Bearer "
    if (value.size() < scheme_bytes || lower(value.substr(0, scheme_bytes)) != "bearer ")
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

std::optional<api_error> refuse_access(const net::request_head& request, std::string_view peer,
                                       std::string_view api_token) {
    const bool probe = request.path() == "/healthz" || request.path() == "/readyz";
    const auto origin = net::find_field(request.fields, "origin");
    if (!origin.empty()) {
        const auto scheme_end = origin.find("://");
        const auto authority =
            scheme_end == std::string_view::npos ? std::string_view{} : origin.substr(scheme_end + 3);
        if (authority.empty() || lower(authority) != lower(request.authority))
            return api_error{403, "forbidden_origin", "a web page of another origin may not call the agent",
                             "call it from a program, without an Origin header"};
    }
    if (!api_token.empty() && !probe && !token_matches(request, api_token))
        return api_error{401, "unauthorized", "this agent wants its API token",
                         "send it as the header `authorization: Bearer TOKEN`"};
    const auto host = host_of(request.authority);
    const bool any_host = !api_token.empty() || peer.starts_with("unix:") || request.authority.empty();
    if (!any_host && !is_local_name(host) && !is_address(host))
        return api_error{403, "forbidden_host",
                         "the host \"" + std::string(host) + "\" is neither localhost nor an address",
                         "call the agent by its address, or give it an API token (--api-token-file)"};
    return std::nullopt;
}

} // namespace agent
