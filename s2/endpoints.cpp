#include "s2/endpoints.hpp"

#include "net/assert.hpp"

namespace s2 {
namespace {

constexpr std::string_view basin_template = "{basin}";
constexpr std::string_view default_path = "/v1";

std::string with_basin(std::string text, std::string_view name) {
    for (auto at = text.find(basin_template); at != std::string::npos;
         at = text.find(basin_template, at + name.size()))
        text.replace(at, basin_template.size(), name);
    return text;
}

net::result<net::url> parse_base(std::string_view text) {
    auto url = net::parse_url(text);
    if (url && url->path.empty())
        url->path = default_path;
    return url;
}

error invalid_endpoint(std::string_view which, std::string_view text) {
    return error::from_invalid("the S2 " + std::string(which) + " endpoint \"" + std::string(text) +
                               "\" is not a URL such as https://host:port");
}

} // namespace

endpoints::endpoints()
    : endpoints(parse({}, {}).value()) {}

endpoints::endpoints(net::url account, std::string basin, bool names_basin_in_header)
    : account_(std::move(account))
    , basin_(std::move(basin))
    , names_basin_in_header_(names_basin_in_header) {}

result<endpoints> endpoints::parse(std::string_view account, std::string_view basin) {
    if (account.empty())
        account = cloud_account_endpoint;
    if (basin.empty())
        basin = cloud_basin_endpoint;
    auto account_url = parse_base(account);
    if (!account_url)
        return invalid_endpoint("account", account);
    // The longest name shows whether the text around any is a URL.
    if (!parse_base(with_basin(std::string(basin), std::string(basin_name_bytes_max, 'a'))))
        return invalid_endpoint("basin", basin);
    return endpoints(std::move(*account_url), std::string(basin), basin != cloud_basin_endpoint);
}

net::url endpoints::basin(std::string_view name) const {
    auto url = parse_base(with_basin(basin_, name));
    NET_ASSERT(url, "a basin endpoint stays a URL with any valid basin name in it");
    return std::move(*url);
}

std::string encode_segment(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    constexpr std::string_view unreserved =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    std::string encoded;
    encoded.reserve(text.size());
    for (const char each : text) {
        if (unreserved.find(each) != std::string_view::npos) {
            encoded.push_back(each);
            continue;
        }
        const auto byte = static_cast<unsigned char>(each);
        encoded.push_back('%');
        encoded.push_back(digits[byte >> 4]);
        encoded.push_back(digits[byte & 0xF]);
    }
    return encoded;
}

} // namespace s2
