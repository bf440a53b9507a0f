#include "agent/decimal.hpp"
#include "agent/event.hpp"
#include "agent/event_scan.hpp"
#include "agent/event_wording.hpp"

#include <boost/container/small_vector.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <list>

namespace agent {
namespace {

constexpr std::size_t compact_kept_bytes_max = 64 * 1024;

constexpr std::array<std::string_view, 4> kind_names{"cdp", "kernel_api", "extension", "local_process"};

// Names of known length are compared as words, without a call.
template <std::size_t N>
bool is(std::string_view name, const char (&known)[N]) {
    return name.size() == N - 1 && std::memcmp(name.data(), known, N - 1) == 0;
}

enum member : unsigned {
    m_ts,
    m_type,
    m_category,
    m_source,
    m_detail_level,
    m_url,
    m_data,
    m_truncated,
    m_unknown
};

member event_member(std::string_view name) {
    switch (name.size()) {
    case 2:
        return is(name, "ts") ? m_ts : m_unknown;
    case 3:
        return is(name, "url") ? m_url : m_unknown;
    case 4:
        return is(name, "type") ? m_type : is(name, "data") ? m_data : m_unknown;
    case 6:
        return is(name, "source") ? m_source : m_unknown;
    case 8:
        return is(name, "category") ? m_category : m_unknown;
    case 9:
        return is(name, "truncated") ? m_truncated : m_unknown;
    case 12:
        return is(name, "detail_level") ? m_detail_level : m_unknown;
    default:
        return m_unknown;
    }
}

std::string_view without_quotes(std::string_view quoted) {
    return quoted.substr(1, quoted.size() - 2);
}

// Each read_ function stands at a value and gives the place behind it, or null: refused, or not JSON.
class event_reader {
public:
    event_reader(std::string_view text, event_origin origin, event& out, std::string& compact_data,
                 std::string& compact_metadata)
        : origin_(origin)
        , scan_(text)
        , out_(out)
        , compact_data_(compact_data)
        , compact_metadata_(compact_metadata) {}

    bool read();
    event_error error() const;

private:
    const char* read_member(std::string_view raw_name, const char* at);
    const char* read_ts(const char* at);
    const char* read_type(const char* at);
    const char* read_category(const char* at);
    const char* read_source(const char* at);
    const char* read_source_member(std::string_view raw_name, const char* at, unsigned& seen);
    const char* read_kind(const char* at);
    const char* read_metadata(const char* at);
    const char* read_truncated(const char* at);
    const char* read_data(const char* at);
    // Inlined, since five members of an event are read by it: 4 % of event/parse's time.
    [[gnu::always_inline]] inline const char* read_string(const char* at, std::string_view name,
                                                          std::string_view& out);

    // What the name spells. Valid until the next name.
    std::string_view spelled(std::string_view raw_name) {
        return scan_.escaped() ? decoded(raw_name) : raw_name;
    }

    std::string_view decoded(std::string_view raw_name);

    static bool first_time(unsigned bit, unsigned& seen) {
        const bool first = !(seen & (1u << bit));
        seen |= 1u << bit;
        return first;
    }

    bool is_null(const char* at) const { return scan_.peek(at) == 'n'; }

    const char* skip_null(const char* at) { return scan_.literal(at, "null"); }

    const char* refuse(const char* at, std::string message, std::string_view code = "invalid_event");
    const char* refuse_type(const char* at, std::string_view name, std::string_view wanted);
    const char* refuse_lone_surrogate(std::string_view name);

    std::string_view text() const { return {scan_.begin(), scan_.end()}; }

    event_origin origin_;
    event_scan scan_;
    event& out_;
    std::string& compact_data_;
    std::string& compact_metadata_;
    std::optional<event_error> refusal_;
    std::string spelled_;
    unsigned seen_ = 0;
    bool has_category_ = false;
    bool type_escaped_ = false;
};

const char* event_reader::refuse(const char* at, std::string message, std::string_view code) {
    refusal_.emplace(std::string(code), std::move(message) + ", at " + place_in(text(), at));
    return nullptr;
}

const char* event_reader::refuse_type(const char* at, std::string_view name, std::string_view wanted) {
    return refuse(at, "`" + std::string(name) + "` must be " + std::string(wanted) + ", not " +
                          std::string(kind_of_value(scan_.peek(at))));
}

const char* event_reader::refuse_lone_surrogate(std::string_view name) {
    return refuse(scan_.lone_surrogate(),
                  "a lone surrogate in `" + std::string(name) + "` (only data may hold one)");
}

event_error event_reader::error() const {
    event_scan whole(text());
    return whole.document(event_nesting_max) ? refusal_.value() : error_of(whole, text());
}

std::string_view event_reader::decoded(std::string_view raw_name) {
    spelled_ = decode_string({raw_name.data() - 1, raw_name.size() + 2});
    return spelled_;
}

bool event_reader::read() {
    const char* at = scan_.space(scan_.begin());
    if (scan_.peek(at) != '{')
        return refuse(at, "an event is a JSON object, not " + std::string(kind_of_value(scan_.peek(at))));
    at = scan_.object(at,
                      [this](std::string_view name, const char* value) { return read_member(name, value); });
    if (!at || scan_.space(at) != scan_.end())
        return false; // error() says what stands there
    if (out_.type.empty())
        return refuse(at - 1, "`type` is missing");
    if (!has_category_) {
        out_.in = type_escaped_ ? category_of_type(decode_string(out_.type))
                                : category_of_type(without_quotes(out_.type));
    }
    return true;
}

const char* event_reader::read_member(std::string_view raw_name, const char* at) {
    const auto name = spelled(raw_name);
    const member which = event_member(name);
    if (which == m_unknown)
        return refuse(raw_name.data(), "unknown member " + shown(raw_name));
    if (!first_time(which, seen_))
        return refuse(raw_name.data(), "`" + std::string(name) + "` stands there twice");
    scan_.forget();
    switch (which) {
    case m_ts:
        return read_ts(at);
    case m_type:
        return read_type(at);
    case m_category:
        return read_category(at);
    case m_source:
        return read_source(at);
    case m_detail_level:
        return read_string(at, "detail_level", out_.detail_level);
    case m_url:
        return read_string(at, "url", out_.url);
    case m_data:
        return read_data(at);
    default:
        return read_truncated(at);
    }
}

inline const char* event_reader::read_string(const char* at, std::string_view name, std::string_view& out) {
    if (scan_.peek(at) != '"')
        return is_null(at) ? skip_null(at) : refuse_type(at, name, "a string");
    const char* behind = scan_.string_value(at);
    if (!behind)
        return nullptr;
    if (scan_.lone_surrogate())
        return refuse_lone_surrogate(name);
    out = {at, behind};
    return behind;
}

const char* event_reader::read_ts(const char* at) {
    const char first = scan_.peek(at);
    if (first != '-' && (first < '0' || first > '9'))
        return first == 'n' ? skip_null(at) : refuse_type(at, "ts", "an integer");
    const char* behind = scan_.number(at);
    if (!behind)
        return nullptr;
    out_.ts = parse_decimal({at, behind});
    if (!out_.ts)
        return refuse(at, "`ts` must be microseconds since 1970 in digits only, 0 to 9223372036854775807");
    return behind;
}

const char* event_reader::read_type(const char* at) {
    if (is_null(at))
        return refuse_type(at, "type", "a string");
    const char* behind = read_string(at, "type", out_.type);
    type_escaped_ = scan_.escaped();
    return behind && out_.type.size() == 2 ? refuse(at, "`type` is empty") : behind;
}

const char* event_reader::read_category(const char* at) {
    std::string_view quoted;
    const char* behind = read_string(at, "category", quoted);
    if (!behind || quoted.empty())
        return behind;
    const auto known =
        scan_.escaped() ? parse_category(decode_string(quoted)) : parse_category(without_quotes(quoted));
    if (!known)
        return refuse(at, "unknown category " + shown(quoted));
    out_.in = *known;
    has_category_ = true;
    return behind;
}

const char* event_reader::read_source(const char* at) {
    if (is_null(at))
        return skip_null(at);
    if (scan_.peek(at) != '{')
        return refuse_type(at, "source", "an object");
    unsigned seen = 0;
    return scan_.object(at, [&](std::string_view raw_name, const char* value) {
        return read_source_member(raw_name, value, seen);
    });
}

const char* event_reader::read_source_member(std::string_view raw_name, const char* at, unsigned& seen) {
    enum : unsigned { kind, event_name, metadata, unknown };

    const auto name = spelled(raw_name);
    const unsigned which = is(name, "kind")       ? kind
                           : is(name, "event")    ? event_name
                           : is(name, "metadata") ? metadata
                                                  : unknown;
    if (which == unknown)
        return refuse(raw_name.data(), "unknown member " + shown(raw_name) + " of `source`");
    if (!first_time(which, seen))
        return refuse(raw_name.data(), "`source." + std::string(name) + "` stands there twice");
    scan_.forget();
    switch (which) {
    case kind:
        return read_kind(at);
    case event_name:
        return read_string(at, "source.event", out_.source_event);
    default:
        return read_metadata(at);
    }
}

const char* event_reader::read_kind(const char* at) {
    std::string_view quoted;
    const char* behind = read_string(at, "source.kind", quoted);
    if (!behind || quoted.empty())
        return behind;
    const auto known = scan_.escaped() ? parse_source_kind(decode_string(quoted))
                                       : parse_source_kind(without_quotes(quoted));
    if (!known)
        return refuse(at, "unknown source.kind " + shown(quoted));
    if (origin_ == event_origin::intake && (*known == source_kind::cdp || *known == source_kind::kernel_api))
        return refuse(at,
                      "`source.kind` " + std::string(name_of(*known)) +
                          " is not for producers; say extension or local_process",
                      "forbidden_source");
    out_.kind = *known;
    return behind;
}

const char* event_reader::read_metadata(const char* at) {
    if (is_null(at))
        return skip_null(at);
    if (scan_.peek(at) != '{')
        return refuse_type(at, "source.metadata", "an object of strings");
    boost::container::small_vector<std::string_view, 8> names;
    std::list<std::string> decoded; // what some of the names refer to
    const char* behind = scan_.object(at, [&](std::string_view raw_name, const char* value) -> const char* {
        names.push_back(scan_.escaped() ? decoded.emplace_back(spelled(raw_name)) : raw_name);
        if (scan_.peek(value) != '"')
            return refuse_type(value, "source.metadata." + shown(raw_name), "a string");
        return scan_.string_value(value);
    });
    if (!behind)
        return nullptr;
    if (scan_.lone_surrogate())
        return refuse_lone_surrogate("source.metadata");
    if (names.size() > 1)
        std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
        return refuse(at, shown(*twice) + " stands twice in `source.metadata`");
    out_.source_metadata = {at, behind};
    if (scan_.line_break()) {
        compact_json(out_.source_metadata, compact_metadata_);
        out_.source_metadata = compact_metadata_;
    }
    return behind;
}

const char* event_reader::read_truncated(const char* at) {
    switch (scan_.peek(at)) {
    case 'n':
        return skip_null(at);
    case 't':
        out_.truncated = true;
        return scan_.literal(at, "true");
    case 'f':
        out_.truncated = false;
        return scan_.literal(at, "false");
    default:
        return refuse_type(at, "truncated", "true or false");
    }
}

const char* event_reader::read_data(const char* at) {
    const char* behind = scan_.value(at, event_nesting_max - 1);
    if (!behind)
        return nullptr;
    out_.data = {at, behind};
    if (scan_.line_break()) {
        compact_json(out_.data, compact_data_);
        out_.data = compact_data_;
    }
    return behind;
}

} // namespace

std::string_view name_of(source_kind value) {
    return kind_names[static_cast<std::size_t>(value)];
}

std::optional<source_kind> parse_source_kind(std::string_view name) {
    for (std::size_t i = 0; i < kind_names.size(); ++i) {
        if (kind_names[i].size() == name.size() && kind_names[i] == name)
            return static_cast<source_kind>(i);
    }
    return std::nullopt;
}

std::variant<event, event_error> event_parser::parse(std::string_view text, event_origin origin) {
    std::variant<event, event_error> outcome; // the only one returned, so that it is built in place
    if (text.size() > event_line_bytes_max) {
        outcome = event_error{"too_long", "an event may have " + std::to_string(event_line_bytes_max) +
                                              " bytes, this has " + std::to_string(text.size())};
        return outcome;
    }
    for (auto* kept : {&compact_data_, &compact_metadata_}) {
        if (kept->capacity() > compact_kept_bytes_max)
            std::string().swap(*kept);
    }
    event_reader reader(text, origin, std::get<event>(outcome), compact_data_, compact_metadata_);
    if (!reader.read())
        outcome = reader.error();
    return outcome;
}

} // namespace agent
