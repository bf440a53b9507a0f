#include "agent/archive/envelope_filter.hpp"

#include "agent/config/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace agent {
namespace {

constexpr std::int64_t micros_per_second = 1'000'000;

// Takes exactly `digits` digits off the front.
std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
    if (text.size() < digits)
        return std::nullopt;
    int value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + digits, value);
    if (parsed.ptr != text.data() + digits || text.front() == '-')
        return std::nullopt;
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, char expected) {
    if (text.empty() || text.front() != expected)
        return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::int64_t> take_date(std::string_view& text) {
    const auto year = take_digits(text, 4);
    const bool first = take(text, '-');
    const auto month = take_digits(text, 2);
    const bool second = take(text, '-');
    const auto day = take_digits(text, 2);
    if (!year || !month || !day || !first || !second)
        return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(*year),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok())
        return std::nullopt;
    return std::chrono::sys_days(date).time_since_epoch().count() * 86'400 * micros_per_second;
}

// "03:04:05.678", as µs.
std::optional<std::int64_t> take_time(std::string_view& text) {
    const auto hour = take_digits(text, 2);
    const bool first = take(text, ':');
    const auto minute = take_digits(text, 2);
    const bool second_colon = take(text, ':');
    const auto second = take_digits(text, 2);
    if (!hour || !minute || !second || !first || !second_colon || *hour > 23 || *minute > 59 || *second > 60)
        return std::nullopt;
    std::int64_t micros = ((*hour * 60 + *minute) * 60ll + *second) * micros_per_second;
    if (take(text, '.')) {
        std::int64_t scale = micros_per_second / 10;
        if (text.empty() || text.front() < '0' || text.front() > '9')
            return std::nullopt;
        for (; !text.empty() && text.front() >= '0' && text.front() <= '9';
             text.remove_prefix(1), scale /= 10)
            micros += (text.front() - '0') * scale;
    }
    return micros;
}

// "Z" or "+02:00", as µs to take off.
std::optional<std::int64_t> take_offset(std::string_view& text) {
    if (take(text, 'Z') || take(text, 'z'))
        return 0;
    const bool east = !text.empty() && text.front() == '+';
    if (!east && (text.empty() || text.front() != '-'))
        return std::nullopt;
    text.remove_prefix(1);
    const auto hours = take_digits(text, 2);
    const bool colon = take(text, ':');
    const auto minutes = take_digits(text, 2);
    if (!hours || !minutes || !colon || *hours > 23 || *minutes > 59)
        return std::nullopt;
    return (east ? 1 : -1) * (*hours * 60 + *minutes) * 60 * micros_per_second;
}

} // namespace

bool envelope_filter::passes(const envelope_head& head) const {
    if ((since || until) && !head.ts)
        return false;
    if ((since && *head.ts < *since) || (until && *head.ts >= *until))
        return false;
    if (!type_glob.empty() && !glob_matches(type_glob, head.type))
        return false;
    return categories.empty() ||
           std::find(categories.begin(), categories.end(), head.category) != categories.end();
}

// Greedy with one step back to the last star: linear space, no recursion.
bool glob_matches(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*')
        ++p;
    return p == pattern.size();
}

std::optional<net::wall_micros> parse_moment(std::string_view text, net::wall_micros now) {
    if (text == "now")
        return now;
    net::wall_micros number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (!text.empty() && parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size())
        return number >= 0 ? std::optional(number) : std::nullopt;
    if (const auto ago = parse_duration(text))
        return now - std::chrono::duration_cast<std::chrono::microseconds>(*ago).count();
    const auto date = take_date(text);
    if (!date || text.empty())
        return date;
    if (!take(text, 'T') && !take(text, 't') && !take(text, ' '))
        return std::nullopt;
    const auto time = take_time(text);
    if (!time)
        return std::nullopt;
    const auto offset = take_offset(text);
    if (!offset || !text.empty())
        return std::nullopt;
    return *date + *time - *offset;
}

} // namespace agent
