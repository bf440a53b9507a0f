#include "agent/state/session_record_json.hpp"

#include "agent/event/category_list.hpp"
#include "s2/types.hpp"

#include <boost/json.hpp>

#include <algorithm>

namespace agent {
namespace {

namespace json = boost::json;

constexpr std::size_t id_bytes_max = 36; // a UUID

category_set set_of(const json::array& names) {
    category_set set;
    for (const auto& name : names)
        // A later version may know more categories; the ones unknown here can't be published here either.
        if (const auto value = parse_category(name.as_string()))
            set.set(static_cast<std::size_t>(*value));
    return set;
}

std::uint64_t number(const json::value& value) {
    return value.to_number<std::uint64_t>();
}

std::string text_of(const json::value& value) {
    return std::string(std::string_view(value.as_string()));
}

// "published", "durable" and "dropped" count all of "counted_to" and below that is gone, and are what an
// earlier version goes on with. Without "last_gone" they count what the ring still held of it, too.
void read_counts(const json::object& from, session_record& record) {
    record.gone = {number(from.at("published")), number(from.at("durable")), number(from.at("dropped"))};
    const auto counted_to = from.at("counted_to").to_number<seq_t>();
    const auto* last = from.if_contains("last_gone");
    if (!last) {
        record.whole_to = counted_to;
        return;
    }
    record.gone_to = counted_to;
    record.last_gone = {number(last->at(0)),
                        number(last->at(1)),
                        {number(last->at(2)), number(last->at(3)), number(last->at(4))}};
    const auto& part = record.last_gone.events;
    auto& all = record.gone;
    if (part.published > all.published || part.durable > all.durable || part.dropped > all.dropped)
        throw std::invalid_argument("the last segment's events are more than all");
    all = {all.published - part.published, all.durable - part.durable, all.dropped - part.dropped};
}

void write_counts(const session_record& record, json::object& to) {
    event_counts all = record.gone;
    all += record.last_gone.events;
    to["published"] = all.published;
    to["durable"] = all.durable;
    to["dropped"] = all.dropped;
    to["counted_to"] = std::max(record.whole_to, record.gone_to);
    const auto& last = record.last_gone;
    if (record.whole_to == 0)
        to["last_gone"] = json::array{last.generation, last.first_seq, last.events.published,
                                      last.events.durable, last.events.dropped};
}

// Throws where a member is missing or of another type.
session_record record_of(const json::object& from) {
    session_record record;
    record.number = from.at("number").to_number<std::uint32_t>();
    record.id = text_of(from.at("id"));
    record.created_at = from.at("created_at").to_number<std::int64_t>();
    record.categories = set_of(from.at("categories").as_array());
    record.active = from.at("active").as_bool();
    record.end_reason = text_of(from.at("end_reason"));
    for (const auto& span : from.at("spans").as_array())
        record.spans.push_back({span.at(0).to_number<seq_t>(), span.at(1).to_number<seq_t>()});
    std::vector<place> places;
    for (const auto& at : from.at("places").as_array())
        places.push_back({text_of(at.at(0)), text_of(at.at(1)), text_of(at.at(2))});
    for (const auto& part : from.at("parts").as_array())
        record.parts.push_back({places.at(part.at(0).to_number<std::size_t>()), text_of(part.at(1)),
                                part.at(2).to_number<seq_t>()});
    read_counts(from, record);
    return record;
}

} // namespace

std::string to_json_text(const session_record& record) {
    json::array spans;
    for (const auto& span : record.spans)
        spans.push_back(json::array{span.from_seq, span.to_seq});
    std::vector<place> known;
    json::array places;
    json::array parts;
    for (const auto& part : record.parts) {
        const auto found = std::find(known.begin(), known.end(), part.at);
        const auto index = static_cast<std::uint64_t>(found - known.begin());
        if (found == known.end()) {
            places.push_back(json::array{part.at.basin, part.at.account_endpoint, part.at.basin_endpoint});
            known.push_back(part.at);
        }
        parts.push_back(json::array{index, part.stream, part.from_seq});
    }
    json::object object{
        {"number", record.number},         {"id", record.id},
        {"created_at", record.created_at}, {"categories", to_json(record.categories)},
        {"active", record.active},         {"end_reason", record.end_reason},
        {"spans", std::move(spans)},       {"places", std::move(places)},
        {"parts", std::move(parts)},
    };
    write_counts(record, object);
    return json::serialize(object);
}

std::optional<session_record> session_record_of_json(std::string_view text) {
    boost::system::error_code ec;
    const auto value = json::parse(text, ec);
    if (ec || !value.is_object())
        return std::nullopt;
    try {
        auto record = record_of(value.get_object());
        const bool has_all = record.number != 0 && !record.id.empty() && record.id.size() <= id_bytes_max &&
                             !record.parts.empty() && !record.spans.empty();
        for (const auto& part : record.parts)
            if (part.stream.empty() || part.stream.size() > s2::stream_name_bytes_max)
                return std::nullopt;
        if (!has_all || record.parts.size() > session_parts_max || record.spans.size() > session_spans_max)
            return std::nullopt;
        return record;
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

} // namespace agent
