#pragma once
// Reading one event, member by member, in one pass of event_scan. Part of event_parser.

#include "agent/event/event.hpp"
#include "agent/event/known_heads.hpp"
#include "agent/event/scan.hpp"

#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace agent {

// Names of known length are compared as words, without a call.
template <std::size_t N>
inline bool is_name(std::string_view name, const char (&known)[N]) {
    return name.size() == N - 1 && std::memcmp(name.data(), known, N - 1) == 0;
}

inline std::string_view without_quotes(std::string_view quoted) {
    return quoted.substr(1, quoted.size() - 2);
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

// Each read_ function stands at a value and gives the place behind it, or null: refused, or not JSON.
class event_reader {
public:
    event_reader(std::string_view text, event_origin origin, event& out, known_heads& heads,
                 std::string& compact_data, std::string& compact_metadata)
        : heads_(heads)
        , origin_(origin)
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
    const char* skip_known_head(const char* at);
    void finish_head();
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

    known_heads& heads_;
    event_origin origin_;
    event_scan scan_;
    event& out_;
    std::string& compact_data_;
    std::string& compact_metadata_;
    std::optional<event_error> refusal_;
    std::string spelled_;
    unsigned seen_ = 0;
    unsigned behind_type_ = 0; // members that came behind the type
    const char* head_end_ =
        nullptr; // behind the source, where only a category stands between it and the type
    const known_head* known_ = nullptr; // the head that was skipped
    bool head_has_category_ = false;
    bool has_category_ = false;
    bool type_escaped_ = false;
};

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

} // namespace agent
