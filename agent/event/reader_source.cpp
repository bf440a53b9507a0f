// An event's source, where it is not known already.
#include "agent/event/reader.hpp"
#include "agent/event/wording.hpp"

#include <boost/container/small_vector.hpp>

#include <algorithm>
#include <list>

namespace agent {

const char* event_reader::read_source(const char* at) {
    if (is_null(at))
        return skip_null(at);
    if (scan_.peek(at) != '{')
        return refuse_type(at, "source", "an object");
    unsigned seen = 0;
    const char* behind = scan_.object(at, [&](std::string_view raw_name, const char* value) {
        return read_source_member(raw_name, value, seen);
    });
    head_has_category_ = behind_type_ == (1u << m_source | 1u << m_category);
    if (!out_.type.empty() && (head_has_category_ || behind_type_ == 1u << m_source))
        head_end_ = behind;
    return behind;
}

const char* event_reader::read_source_member(std::string_view raw_name, const char* at, unsigned& seen) {
    enum : unsigned { kind, event_name, metadata, unknown };

    const auto name = spelled(raw_name);
    const unsigned which = is_name(name, "kind")       ? kind
                           : is_name(name, "event")    ? event_name
                           : is_name(name, "metadata") ? metadata
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

} // namespace agent
