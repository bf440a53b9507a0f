#include "agent/event/decimal.hpp"
#include "agent/event/reader.hpp"
#include "agent/event/wording.hpp"

#include <array>

namespace agent {
namespace {

constexpr std::size_t compact_kept_bytes_max = 64 * 1024;

constexpr std::array<std::string_view, 4> kind_names{"cdp", "kernel_api", "extension", "local_process"};

member event_member(std::string_view name) {
    switch (name.size()) {
    case 2:
        return is_name(name, "ts") ? m_ts : m_unknown;
    case 3:
        return is_name(name, "url") ? m_url : m_unknown;
    case 4:
        return is_name(name, "type") ? m_type : is_name(name, "data") ? m_data : m_unknown;
    case 6:
        return is_name(name, "source") ? m_source : m_unknown;
    case 8:
        return is_name(name, "category") ? m_category : m_unknown;
    case 9:
        return is_name(name, "truncated") ? m_truncated : m_unknown;
    case 12:
        return is_name(name, "detail_level") ? m_detail_level : m_unknown;
    default:
        return m_unknown;
    }
}

} // namespace

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
    finish_head();
    return true;
}

// The category, where none is named; and what is known of heads, from now on.
void event_reader::finish_head() {
    if (!has_category_) {
        out_.in = known_          ? known_->in
                  : type_escaped_ ? category_of_type(decode_string(out_.type))
                                  : category_of_type(without_quotes(out_.type));
    }
    if (known_) {
        if (out_.in == known_->in)
            out_.head = known_->written;
    } else if (head_end_ && has_category_ == head_has_category_ && !type_escaped_) {
        heads_.keep({out_.type.data(), head_end_}, out_, has_category_, origin_);
    }
}

const char* event_reader::read_member(std::string_view raw_name, const char* at) {
    const auto name = spelled(raw_name);
    const member which = event_member(name);
    if (which == m_unknown)
        return refuse(raw_name.data(), "unknown member " + shown(raw_name));
    if (!first_time(which, seen_))
        return refuse(raw_name.data(), "`" + std::string(name) + "` stands there twice");
    scan_.forget();
    behind_type_ |= 1u << which;
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
    behind_type_ = 0;
    if (!behind || out_.type.size() > 2)
        return behind ? skip_known_head(behind) : nullptr;
    return refuse(at, "`type` is empty");
}

// `at` is behind the type.
const char* event_reader::skip_known_head(const char* at) {
    if (type_escaped_ || (seen_ & (1u << m_source | 1u << m_category)) != 0)
        return at;
    known_ = heads_.find(out_.type, scan_.end(), origin_);
    if (!known_)
        return at;
    const auto here = [this](std::string_view part) {
        return std::string_view(out_.type.data() + (part.data() - known_->text.data()), part.size());
    };
    seen_ |= 1u << m_source;
    out_.kind = known_->kind;
    if (!known_->source_event.empty())
        out_.source_event = here(known_->source_event);
    if (!known_->source_metadata.empty())
        out_.source_metadata = here(known_->source_metadata);
    if (known_->names_category) {
        seen_ |= 1u << m_category;
        has_category_ = true;
        out_.in = known_->in;
    }
    return out_.type.data() + known_->text.size();
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

event_parser::event_parser()
    : heads_(std::make_unique<known_heads>()) {}

event_parser::~event_parser() = default;

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
    event_reader reader(text, origin, std::get<event>(outcome), *heads_, compact_data_, compact_metadata_);
    if (!reader.read())
        outcome = reader.error();
    return outcome;
}

} // namespace agent
