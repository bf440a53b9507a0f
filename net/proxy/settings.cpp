#include "net/proxy/proxy.hpp"
#include "net/text.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <charconv>

namespace net {
namespace {

template <class Number>
bool read_number(std::string_view text, Number& into) {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), into);
    return failed == std::errc() && end == text.data() + text.size() && !text.empty();
}

template <class Bytes>
bool same_prefix(const Bytes& a, const Bytes& b, unsigned bits) {
    const std::size_t whole = bits / 8;
    if (!std::equal(a.begin(), a.begin() + whole, b.begin()))
        return false;
    const unsigned rest = bits % 8;
    return rest == 0 || (a[whole] >> (8 - rest)) == (b[whole] >> (8 - rest));
}

// "10.0.0.0/8", "::1"
bool address_means(std::string_view entry, const asio::ip::address& host) {
    const auto slash = entry.find('/');
    const bool v4 = host.is_v4();
    const unsigned bits_most = v4 ? 32 : 128;
    unsigned bits = bits_most;
    if (slash != entry.npos && (!read_number(entry.substr(slash + 1), bits) || bits > bits_most))
        return false;
    error_code ec;
    const auto address = asio::ip::make_address(std::string(entry.substr(0, slash)), ec);
    if (ec || address.is_v4() != v4)
        return false;
    return v4 ? same_prefix(address.to_v4().to_bytes(), host.to_v4().to_bytes(), bits)
              : same_prefix(address.to_v6().to_bytes(), host.to_v6().to_bytes(), bits);
}

bool name_means(std::string_view entry, std::string_view host) {
    if (entry.ends_with('.'))
        entry.remove_suffix(1);
    if (entry.starts_with('.'))
        entry.remove_prefix(1);
    if (host.ends_with('.'))
        host.remove_suffix(1);
    if (entry.empty() || entry.size() > host.size())
        return false;
    const auto rest = host.size() - entry.size();
    return lower_case(host.substr(rest)) == lower_case(entry) && (rest == 0 || host[rest - 1] == '.');
}

// Takes the port off an entry, if it has one; false: it is another one than that.
bool port_fits(std::string_view& entry, std::uint16_t port) {
    const bool bracketed = entry.starts_with('[');
    const auto close = bracketed ? entry.find(']') : entry.npos;
    const auto colon = entry.rfind(':');
    const bool has_port = colon != entry.npos && (bracketed ? colon == close + 1 : entry.find(':') == colon);
    std::uint16_t wanted = port;
    if (has_port && !read_number(entry.substr(colon + 1), wanted))
        return false;
    if (has_port)
        entry = entry.substr(0, colon);
    if (bracketed && close != entry.npos)
        entry = entry.substr(1, close - 1);
    return wanted == port;
}

bool entry_means(std::string_view entry, std::string_view host, std::uint16_t port) {
    if (entry == "*")
        return true;
    if (!port_fits(entry, port))
        return false;
    error_code ec;
    const auto address = asio::ip::make_address(std::string(host), ec);
    return ec ? name_means(entry, host) : address_means(entry, address);
}

} // namespace

bool listed_in_no_proxy(std::string_view no_proxy, std::string_view host, std::uint16_t port) {
    constexpr std::string_view between = ", \t";
    while (!no_proxy.empty()) {
        const auto end = std::min(no_proxy.find_first_of(between), no_proxy.size());
        const auto entry = no_proxy.substr(0, end);
        if (!entry.empty() && entry_means(entry, host, port))
            return true;
        no_proxy.remove_prefix(std::min(end + 1, no_proxy.size()));
    }
    return false;
}

const proxy* proxy_settings::for_url(const url& to) const {
    return https && to.tls() && !listed_in_no_proxy(no_proxy, to.host, to.port) ? &*https : nullptr;
}

std::variant<std::optional<proxy>, std::string> parse_proxy(std::string_view text) {
    constexpr std::uint16_t http_port = 80;
    if (text.empty())
        return std::optional<proxy>();
    if (const auto mark = text.find("://"); mark != text.npos) {
        const auto scheme = lower_case(text.substr(0, mark));
        if (scheme == "https")
            return std::string(
                "is an https:// proxy, which is not supported; name one with http:// (what goes to "
                "S2 through it is encrypted all the same)");
        if (scheme != "http")
            return std::string("is of a kind that is not supported; name an HTTP proxy, http://HOST:PORT");
        text.remove_prefix(mark + 3);
    }
    text = text.substr(0, text.find_first_of("/?#", text.rfind('@') == text.npos ? 0 : text.rfind('@')));
    proxy made;
    if (const auto at = text.rfind('@'); at != text.npos) {
        const auto who = text.substr(0, at);
        auto decoded = percent_decoded(who); // a password may hold what a URL may not
        if (who.find(':') == who.npos)
            decoded += ':'; // a name alone has an empty password
        made.credentials = secret(std::move(decoded));
        text.remove_prefix(at + 1);
    }
    auto at = parse_endpoint(text);
    if (!at)
        at = parse_endpoint(std::string(text) + ":" + std::to_string(http_port));
    if (!at || at->type != endpoint::kind::tcp || at->port == 0)
        return std::string("is not a proxy's address; write http://[USER:PASSWORD@]HOST:PORT");
    made.at = *at;
    return std::optional(std::move(made));
}

} // namespace net
