#pragma once
// Where an account's and a basin's API live (§1.1). An endpoint is a URL; a basin endpoint may hold
// `{basin}`, which the basin's name replaces. Where a basin endpoint was configured, every request to it also
// names the basin in the `s2-basin` header: a shared endpoint needs it, and it does no harm otherwise.

#include "net/endpoint.hpp"
#include "s2/error.hpp"

#include <string>
#include <string_view>

namespace s2 {

constexpr std::string_view cloud_account_endpoint = "https://a.s2.dev";
constexpr std::string_view cloud_basin_endpoint = "https://{basin}.b.s2.dev";

class endpoints {
public:
    // The cloud's.
    endpoints();
    // error::kind::invalid, with the endpoint's text and what is wrong with it. An empty text means the
    // cloud's.
    static result<endpoints> parse(std::string_view account, std::string_view basin);

    // Scheme, host, port and path prefix ("/v1" where the endpoint has no path).
    net::url account() const { return account_; }

    net::url basin(std::string_view name) const; // the name is a valid one

    bool names_basin_in_header() const { return names_basin_in_header_; }

    bool operator==(const endpoints&) const = default;

private:
    endpoints(net::url account, std::string basin, bool names_basin_in_header);

    net::url account_;
    std::string basin_;
    bool names_basin_in_header_ = false;
};

// One path segment: everything but RFC 3986's unreserved characters is percent-encoded, the slash too.
std::string encode_segment(std::string_view text);

// A query's value: the same characters.
inline std::string encode_query_value(std::string_view text) {
    return encode_segment(text);
}

} // namespace s2
