#pragma once
// An event as a producer emits it and the envelope that the pipeline makes of it (product: Vocabulary,
// Publishing).
//
// 1. What is accepted is one whole JSON document by RFC 8259, all the way down into data. A line that is not
//    JSON is told so, whatever else is wrong with it; every other refusal is of valid JSON.
// 2. Parsing gives views into the producer's bytes: nothing is copied until the envelope is written into the
//    ring.
// 3. An envelope is one line: it holds no CR and no LF, whatever the event held (SSE ends a line at either).
//
// Member rules that the product leaves open:
// - null for an optional member (ts, category, source and its members, detail_level, url, truncated) means
//   absent. data may be any value: null stays. type must be there.
// - A source without kind is a local_process, as a missing source is.
// - ts is written as digits only: 1.0, 1e3 and -0 are refused, as are strings.
// - Nesting counts objects and arrays; the event itself is level 1, so that data may hold 63 levels.
// - A key that is repeated in source.metadata is refused: it maps each name to one string.
// - A member name is what it spells: "\u0074ype" is type. So are category and kind; they are written in plain
//    letters.

#include "agent/event/category.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace agent {

constexpr std::size_t event_line_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t event_nesting_max = 64;
constexpr std::size_t envelope_bytes_max = 1'000'000; // without newline

enum class source_kind : std::uint8_t { cdp, kernel_api, extension, local_process };
std::string_view name_of(source_kind value);
std::optional<source_kind> parse_source_kind(std::string_view name);

// The views are raw JSON text as it came (strings with their quotes and escapes), without line breaks; empty:
// absent.
struct event {
    event() {} // not defaulted: zeros would be written first, and the members over them

    std::optional<std::int64_t> ts; // µs since 1970
    std::string_view type;
    category in = category::system;
    source_kind kind = source_kind::local_process;
    std::string_view source_event;
    std::string_view source_metadata; // an object of strings
    std::string_view detail_level;
    std::string_view url;
    std::string_view data; // any JSON value
    std::optional<bool> truncated;
    std::string_view head; // what write_head() gives, where the parser has it already
};

// Of an envelope, type, category and source: `"type":…,"category":…,"source":{…}`.
void write_head(const event& of, std::string& to);

// Codes: too_long, invalid_json, invalid_utf8, too_deep, invalid_event, forbidden_source, too_large.
struct event_error {
    std::string code;
    std::string
        message; // what, with the member's name, and where: the column (or line and column) in bytes, from 1
};

// Who hands the event in: the API and NDJSON intake may not claim to be the browser or the agent.
enum class event_origin { intake, cdp };

class known_heads;

class event_parser {
public:
    event_parser();
    ~event_parser();

    // The event's views refer to `text`, and to the parser where it knows a head, or where white space with
    // line breaks was taken out: they are valid until the next parse. `text` needs neither an end mark nor
    // readable bytes behind it.
    std::variant<event, event_error> parse(std::string_view text, event_origin origin);

private:
    std::string compact_data_;
    std::string compact_metadata_;
    std::unique_ptr<known_heads> heads_;
};

// What an envelope has more than the text of its event at most: session id, seq, and ts, category and source
// where they were missing.
constexpr std::size_t envelope_overhead_bytes_max = 256;

// The envelope's exact length, without newline. `ts` must be set; the id is written as it is (a UUID needs no
// escapes).
std::size_t envelope_bytes(const event& of, std::string_view capture_session_id, std::uint64_t seq);
// The rule of the largest envelope: one that would be longer than envelope_bytes_max has its data replaced by
// null and truncated set. Gives the length of what is then to be written, or too_large where it is still
// over.
std::variant<std::size_t, event_error> fit_envelope(event& of, std::string_view capture_session_id,
                                                    std::uint64_t seq);
// Writes the envelope in the contract's key order and returns its length, which is that of envelope_bytes.
std::size_t write_envelope(const event& of, std::string_view capture_session_id, std::uint64_t seq,
                           char* out);

// What a reader needs of an envelope that may come from anywhere (S2, another agent): members that it does
// not know and their order are nothing to it, an unknown category is a name. Strings are decoded; a lone
// surrogate becomes U+FFFD.
struct envelope_head {
    std::string capture_session_id;
    std::optional<std::uint64_t> seq; // session_continued and system_durable_error have none
    std::optional<std::int64_t> ts;
    std::string type;
    std::string category;
};

// Nothing: it is not an envelope, that is, not a JSON object with a session id and an event that has a type;
// or one of the members above has another type, or stands there twice.
std::optional<envelope_head> parse_envelope_head(std::string_view line);

} // namespace agent
