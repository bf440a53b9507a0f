#pragma once
// Logs: spdlog's default logger, to standard error, as text or as one JSON object per line. Callers use
// spdlog::info("…", …) and its kin. A token can't get into a line: s2::secret has no text. Logging never
// waits: a line that standard error does not take at once is dropped, and the next one says how many were.

#include "agent/config.hpp"

#include <spdlog/spdlog.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace agent {

constexpr std::size_t log_line_bytes_max = 4096; // a pipe takes so much in one piece

// {"ts":"2026-01-02T03:04:05.678Z","level":"info","message":"…"}, or "2026-01-02T03:04:05.678Z info  …".
void init_log(std::string_view level, log_format format);

// Holds back repeats: of one key, one line passes per interval, and says how many were held back before it.
class repeat_filter {
public:
    static constexpr std::size_t keys_max = 256; // the longest quiet one gives way

    // Nothing: hold it back. Else how many were since the last that passed.
    std::optional<std::uint64_t> pass(std::string_view key, net::time_point now, net::duration interval);

private:
    struct seen {
        net::time_point passed;
        std::uint64_t held = 0;
    };

    std::map<std::string, seen, std::less<>> seen_;
};

// At most one line per key and interval; repeats are counted and told with the next.
template <class... Args>
void log_once_per(repeat_filter& filter, net::time_point now, net::duration interval, std::string_view key,
                  spdlog::level::level_enum level, fmt::format_string<Args...> format, Args&&... args) {
    const auto held = filter.pass(key, now, interval);
    if (!held)
        return;
    const std::string line = fmt::format(format, std::forward<Args>(args)...);
    if (*held == 0)
        spdlog::log(level, "{}", line);
    else
        spdlog::log(level, "{} ({} more like it since the last line)", line, *held);
}

} // namespace agent
