#pragma once
// An event as a producer emits it and the envelope that the pipeline makes of it (product: Vocabulary, Publishing).
// Parsing gives views into the producer's bytes: nothing is copied until the envelope is written into the ring.

#include "agent/category.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace agent {

constexpr std::size_t event_line_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t event_nesting_max = 64;

// Members are raw JSON text as it came (strings with their quotes and escapes), except where said; empty means absent.
struct event {
    std::optional<std::int64_t> ts; // µs since 1970
    std::string_view type;
    category in = category::system;
    std::string_view source_kind;  // empty: local_process
    std::string_view source_event;
    std::string_view source_metadata;
    std::string_view detail_level;
    std::string_view url;
    std::string_view data; // any JSON value, fully validated; may hold insignificant line breaks
    std::optional<bool> truncated;
};

struct event_error {
    std::string code;    // "invalid_json", "invalid_event", "too_long", "too_deep", "invalid_utf8", …
    std::string message; // what and where: the member by name, the byte offset for a syntax error
};

// Who hands the event in: the API and NDJSON intake may not claim to be the browser or the agent.
enum class event_origin { intake, cdp };

// `line` must be followed by event_padding_bytes readable bytes (a SIMD parser reads ahead). The event's views refer to
// `line`, and to `scratch` where whitespace with line breaks had to be removed from data.
constexpr std::size_t event_padding_bytes = 64;

class event_parser {
public:
    event_parser();
    ~event_parser();
    std::variant<event, event_error> parse(std::string_view line, event_origin origin);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

// An upper bound of the envelope's length, without newline.
std::size_t envelope_bytes_bound(const event& of);
// Writes the envelope, in the contract's key order, and returns its length. `ts` must be set.
std::size_t write_envelope(const event& of, std::string_view capture_session_id, std::uint64_t seq, char* out);

// What a reader needs of an envelope that may come from anywhere (S2, another agent). Nothing: it is not an envelope.
struct envelope_head {
    std::string capture_session_id;
    std::optional<std::uint64_t> seq; // session_continued and system_durable_error have none
    std::optional<std::int64_t> ts;
    std::string type;
    std::string category;
};
std::optional<envelope_head> parse_envelope_head(std::string_view line);

} // namespace agent
