#include "net/text.hpp"

#include <array>
#include <cstdio>

namespace net {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

} // namespace

std::string lower_case(std::string_view text) {
    std::string lowered(text);
    for (char& c : lowered)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return lowered;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view white = " \t\r\n";
    const auto first = text.find_first_not_of(white);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(white) - first + 1);
}

std::string percent_decoded(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        const int high = text[at] == '%' && at + 2 < text.size() ? hex_digit(text[at + 1]) : -1;
        const int low = high >= 0 ? hex_digit(text[at + 2]) : -1;
        if (low < 0) {
            decoded += text[at];
            continue;
        }
        decoded += static_cast<char>(high << 4 | low);
        at += 2;
    }
    return decoded;
}

std::string query_decoded(std::string_view text) {
    std::string spaced(text);
    for (char& c : spaced)
        c = c == '+' ? ' ' : c;
    return percent_decoded(spaced);
}

std::optional<std::string> normal_uuid(std::string_view text) {
    constexpr std::string_view shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (text.size() != shape.size())
        return std::nullopt;
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (shape[i] == '-' ? text[i] != '-' : hex_digit(text[i]) < 0)
            return std::nullopt;
    return lower_case(text);
}

std::string rfc3339(wall_micros at, fraction digits) {
    // The calendar repeats after 400 years; std::chrono's years end at 32767, an event's time does not.
    constexpr std::int64_t days_of_cycle = 146'097;
    const std::chrono::sys_time<std::chrono::microseconds> time{std::chrono::microseconds(at)};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::int64_t cycles = day.time_since_epoch().count() / days_of_cycle;
    const std::chrono::year_month_day date(day - std::chrono::days(cycles * days_of_cycle));
    const std::chrono::hh_mm_ss of_day(time - day);
    std::array<char, 64> text{};
    const int length = std::snprintf(
        text.data(), text.size(), "%04lld-%02u-%02uT%02d:%02d:%02d.%06lld",
        static_cast<long long>(static_cast<int>(date.year()) + 400 * cycles),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
        static_cast<int>(of_day.hours().count()), static_cast<int>(of_day.minutes().count()),
        static_cast<int>(of_day.seconds().count()), static_cast<long long>(of_day.subseconds().count()));
    std::string whole(text.data(), static_cast<std::size_t>(length));
    if (digits == fraction::shortest) {
        whole.erase(whole.find_last_not_of('0') + 1);
        if (whole.ends_with('.'))
            whole.pop_back();
    }
    return whole + "Z";
}

} // namespace net
