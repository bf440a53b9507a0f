#include "s2/local/uri.hpp"

#include "net/text.hpp"

#include <charconv>

namespace s2::local {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    if (text.starts_with('+'))
        text.remove_prefix(1);
    Number value{};
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || failed != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

} // namespace

std::vector<std::string_view> path_segments(std::string_view path) {
    std::vector<std::string_view> segments;
    if (path.starts_with('/'))
        path.remove_prefix(1);
    while (true) {
        const auto slash = path.find('/');
        segments.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos)
            return segments;
        path.remove_prefix(slash + 1);
    }
}

query_parameters::query_parameters(std::string_view query) {
    while (!query.empty()) {
        const auto ampersand = query.find('&');
        const auto pair = query.substr(0, ampersand);
        query.remove_prefix(ampersand == std::string_view::npos ? query.size() : ampersand + 1);
        if (pair.empty())
            continue;
        const auto equals = pair.find('=');
        values_.emplace(net::query_decoded(pair.substr(0, equals)),
                        equals == std::string_view::npos ? std::string()
                                                         : net::query_decoded(pair.substr(equals + 1)));
    }
}

void query_parameters::refuse(const std::string& name, std::string_view why) {
    if (!failed_)
        failed_ = bad_query("Failed to deserialize query string: " + name + ": " + std::string(why));
}

std::optional<std::string> query_parameters::text(const std::string& name) {
    const auto [begin, end] = values_.equal_range(name);
    if (begin == end)
        return std::nullopt;
    if (std::next(begin) != end)
        refuse(name, "duplicate field");
    return begin->second;
}

std::optional<std::uint64_t> query_parameters::number(const std::string& name) {
    const auto given = text(name);
    if (!given)
        return std::nullopt;
    const auto value = parse_number<std::uint64_t>(*given);
    if (!value)
        refuse(name, "invalid digit found in string");
    return value;
}

std::optional<std::uint32_t> query_parameters::small_number(const std::string& name) {
    const auto given = text(name);
    if (!given)
        return std::nullopt;
    const auto value = parse_number<std::uint32_t>(*given);
    if (!value)
        refuse(name, "invalid digit found in string");
    return value;
}

std::optional<bool> query_parameters::boolean(const std::string& name) {
    const auto given = text(name);
    if (!given)
        return std::nullopt;
    if (*given != "true" && *given != "false")
        refuse(name, "provided string was not `true` or `false`");
    return *given == "true";
}

} // namespace s2::local
