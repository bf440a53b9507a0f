#pragma once
// Logs: spdlog's default logger, to standard error, as text or as one JSON object per line. Callers use
// spdlog::info("…", …) and its kin. A token can't get into a line: s2::secret has no text.
// Lines of one kind are limited, so that no caller and no failure that comes back floods it: what is held
// back is counted, and told with the next one.
// Logging never waits: a line that standard error does not take at once is dropped, and the next one says how
// many were.

#include "agent/config/config.hpp"
#include "net/clock.hpp"

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

constexpr net::duration log_repeat_interval = std::chrono::seconds(10);
constexpr std::uint64_t log_repeats_max = 10; // of one key per interval

// Holds back repeats: of one key, so many pass per interval, and the next one tells how many were held back.
class repeat_filter {
public:
    static constexpr std::size_t keys_max = 256; // the longest quiet one gives way

    // Nothing: hold it back. Else how many were since the last that passed.
    std::optional<std::uint64_t> pass(std::string_view key, net::time_point now, net::duration interval,
                                      std::uint64_t at_most = 1);

private:
    struct seen {
        net::time_point begun; // the interval
        std::uint64_t passed = 0;
        std::uint64_t held = 0;
    };

    std::map<std::string, seen, std::less<>> seen_;
};

// What lines of one kind have in common, whatever they count or name behind: the beginning, without digits.
std::string repeat_key(std::string_view line);

} // namespace agent
