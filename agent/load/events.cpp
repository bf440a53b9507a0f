#include "agent/load/events.hpp"

#include "net/assert.hpp"

#include <array>
#include <charconv>

namespace agent {
namespace {

constexpr std::uint64_t nanos_per_second = 1'000'000'000;
constexpr std::uint64_t burst_nanos = 1'000'000;

constexpr std::array<std::string_view, 64> words{
    "account", "basket",  "button",   "cache",   "cart",    "checkout", "click",   "client",
    "commit",  "console", "cookie",   "cursor",  "delete",  "deploy",   "detail",  "document",
    "element", "error",   "event",    "expired", "failed",  "fetch",    "field",   "filter",
    "form",    "frame",   "header",   "hidden",  "image",   "index",    "input",   "item",
    "key",     "label",   "layout",   "list",    "loaded",  "login",    "menu",    "missing",
    "network", "object",  "page",     "payment", "pending", "pointer",  "profile", "promise",
    "query",   "ready",   "redirect", "request", "result",  "retry",    "script",  "scroll",
    "search",  "session", "status",   "style",   "submit",  "target",   "timeout", "token"};

// SplitMix64: n to a number that looks like no neighbour's.
std::uint64_t mixed(std::uint64_t n) {
    n += 0x9e3779b97f4a7c15;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return n ^ (n >> 31);
}

void append_number(std::string& to, std::uint64_t value) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    to.append(digits, end);
}

} // namespace

net::duration load_schedule::due(std::uint64_t n) const {
    if (per_second == 0)
        return net::duration::zero();
    const auto nanos = n / per_second * nanos_per_second + n % per_second * nanos_per_second / per_second;
    return net::duration(per_second > 1000 ? nanos - nanos % burst_nanos : nanos);
}

load_events::load_events(std::size_t bytes, net::wall_micros first_ts, load_schedule schedule)
    : bytes_(bytes)
    , first_ts_(first_ts)
    , schedule_(schedule) {
    NET_ASSERT(bytes >= load_event_bytes_min && bytes <= load_event_bytes_max,
               "an event of a load has room for its members, and its envelope is not too large");
}

void load_events::make_event(std::uint64_t n) {
    constexpr std::string_view close = R"("}})";
    const auto begin = text_.size();
    const auto behind_first =
        schedule_.per_second == 0
            ? n
            : static_cast<std::uint64_t>(
                  std::chrono::duration_cast<std::chrono::microseconds>(schedule_.due(n)).count());
    text_ += R"({"ts":)";
    append_number(text_, static_cast<std::uint64_t>(first_ts_) + behind_first);
    text_ += R"(,"type":"bench.event","category":"console","source":{"kind":"local_process"},"data":{"n":)";
    append_number(text_, n);
    text_ += R"(,"text":")";
    const auto end = begin + bytes_ - close.size();
    std::uint64_t state = n;
    while (text_.size() < end) {
        state = mixed(state);
        for (std::uint64_t drawn = state, i = 0; i < 10; ++i, drawn >>= 6) {
            text_ += words[drawn % words.size()];
            text_ += ' ';
        }
    }
    text_.resize(end);
    text_ += close;
}

std::string_view load_events::event(std::uint64_t n) {
    text_.clear();
    make_event(n);
    return text_;
}

std::string_view load_events::envelope(std::uint64_t n, std::string_view capture_session_id, seq_t seq) {
    text_.clear();
    text_ += R"({"capture_session_id":")";
    text_ += capture_session_id;
    text_ += R"(","seq":)";
    append_number(text_, seq);
    text_ += R"(,"event":)";
    make_event(n);
    text_ += '}';
    return text_;
}

} // namespace agent
