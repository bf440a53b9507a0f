#include "agent/event/system_events.hpp"

#include "agent/event/category_list.hpp"

#include <boost/json.hpp>

namespace agent {

namespace json = boost::json;

std::string own_envelope(std::string_view session_id, std::optional<seq_t> seq, net::wall_micros ts,
                         std::string_view type, std::string_view data_json) {
    std::string line;
    line.reserve(192 + session_id.size() + type.size() + data_json.size());
    line += R"({"capture_session_id":")";
    line += session_id;
    line += '"';
    if (seq) {
        line += R"(,"seq":)";
        line += std::to_string(*seq);
    }
    line += R"(,"event":{"ts":)";
    line += std::to_string(ts);
    line += R"(,"type":")";
    line += type;
    line += R"(","category":"system","source":{"kind":"kernel_api","event":"ringtail"},"data":)";
    line += data_json;
    line += "}}";
    return line;
}

std::string session_started_data(category_set categories) {
    return json::serialize(json::object{{"categories", to_json(categories)}});
}

std::string session_ended_data(std::string_view reason) {
    return json::serialize(json::object{{"reason", reason}});
}

std::string session_resumed_data(bool reopened) {
    return json::serialize(json::object{{"reason", reopened ? "reopened" : "restart"}});
}

std::string events_dropped_envelope(std::string_view session_id, const ring_gap& gap, net::wall_micros ts) {
    json::object data{{"from_seq", gap.from_seq}, {"to_seq", gap.to_seq}};
    if (gap.reason == gap_reason::machine_crash)
        data.emplace("count", nullptr);
    else
        data.emplace("count", gap.to_seq - gap.from_seq + 1);
    data.emplace("reason", name_of(gap.reason));
    return own_envelope(session_id, gap.to_seq, ts, "events_dropped", json::serialize(data));
}

std::string_view name_of(continuation_reason reason) {
    return reason == continuation_reason::another_writer ? "another_writer" : "storage";
}

std::string session_continued_envelope(std::string_view session_id, std::string_view stream, seq_t from_seq,
                                       continuation_reason reason, net::wall_micros ts) {
    const json::object data{{"stream", stream}, {"from_seq", from_seq}, {"reason", name_of(reason)}};
    return own_envelope(session_id, std::nullopt, ts, "session_continued", json::serialize(data));
}

std::optional<seq_t> continued_from_seq(std::string_view envelope) {
    boost::system::error_code failed;
    const auto parsed = json::parse(json::string_view(envelope.data(), envelope.size()), failed);
    const auto member = [](const json::value* of, std::string_view name) {
        return of && of->is_object() ? of->get_object().if_contains(name) : nullptr;
    };
    const auto* event = failed ? nullptr : member(&parsed, "event");
    const auto* type = member(event, "type");
    const auto* from = member(member(event, "data"), "from_seq");
    if (!type || *type != json::value("session_continued") || !from)
        return std::nullopt;
    const auto seq = from->to_number<seq_t>(failed);
    return failed ? std::nullopt : std::optional(seq);
}

std::string_view name_of(durable_error_state state) {
    switch (state) {
    case durable_error_state::failing:
        return "failing";
    case durable_error_state::parked:
        return "parked";
    case durable_error_state::delivering:
        break;
    }
    return "delivering";
}

std::string system_durable_error_envelope(std::string_view session_id, durable_error_state state,
                                          std::string_view reason, net::wall_micros ts) {
    const json::object data{{"state", name_of(state)}, {"reason", reason}};
    return own_envelope(session_id, std::nullopt, ts, "system_durable_error", json::serialize(data));
}

} // namespace agent
