#include "agent/api/publish_tally.hpp"

#include <boost/json.hpp>

namespace agent {

namespace json = boost::json;

void publish_tally::add(std::uint64_t line, const publish_outcome& outcome) {
    if (const auto* accepted = std::get_if<publish_accepted>(&outcome)) {
        ++accepted_;
        if (!first_seq_)
            first_seq_ = accepted->seq;
        last_seq_ = accepted->seq;
    } else if (const auto* refused = std::get_if<publish_refused>(&outcome)) {
        refuse(line, refused->code, refused->message);
    } else {
        ++filtered_;
    }
}

void publish_tally::refuse(std::uint64_t line, std::string_view code, std::string_view message) {
    ++refused_;
    refused_no_session_ += code == "no_session" ? 1 : 0;
    refused_no_room_ += code == "no_room" || code == "stopping" ? 1 : 0;
    if (code == "no_room" && no_room_.empty())
        no_room_ = message;
    if (errors_.size() < publish_errors_max)
        errors_.push_back(json::object{{"line", line}, {"code", code}, {"message", message}});
}

unsigned publish_tally::status() const {
    switch (end_) {
    case body_end::too_large:
        return 413;
    case body_end::stalled:
        return 408;
    case body_end::broken:
    case body_end::broken_encoding:
        return 400;
    case body_end::whole:
        break;
    }
    if (refused_ == 0 || accepted_ + filtered_ > 0)
        return 200;
    if (refused_no_session_ == refused_)
        return 409;
    return refused_no_room_ == refused_ ? 503 : 400;
}

json::object publish_tally::answer() const {
    json::object body;
    const auto seq = [](const std::optional<seq_t>& value) {
        return value ? json::value(*value) : json::value(nullptr);
    };
    body.emplace("accepted", accepted_);
    body.emplace("filtered", filtered_);
    body.emplace("refused", refused_);
    body.emplace("first_seq", seq(first_seq_));
    body.emplace("last_seq", seq(last_seq_));
    body.emplace("errors", errors_);
    api_error error{status(), "", "", ""};
    switch (error.status) {
    case 200:
        return body;
    case 413:
        error = {413, "too_large", "the body is longer than allowed: what came behind the limit was not read",
                 "send the rest in further requests; what was accepted stays accepted"};
        break;
    case 408:
        error = {408, "body_stalled", "the rest of the body did not come: what came before was read",
                 "send the rest again; what was accepted stays accepted"};
        break;
    case 409:
        error = to_api_error(publish_refused{"no_session", "no capture session is active"});
        break;
    case 503:
        error = to_api_error(
            publish_refused{"no_room", no_room_.empty() ? "no line could be taken now" : no_room_});
        break;
    default:
        error = {400, "all_refused", "every line was refused", "errors says why, line by line"};
        if (end_ == body_end::broken)
            error = {
                400, "bad_body",
                "the body does not keep to the framing that its head names: what came behind was not read",
                "send the rest again; what was accepted stays accepted"};
        if (end_ == body_end::broken_encoding)
            error = {
                400, "bad_encoding",
                "the body is not what its content-encoding says, or it is damaged: what came behind was not "
                "read",
                "send the rest again; what was accepted stays accepted"};
    }
    for (auto& member : to_json(error))
        body.emplace(member.key(), member.value());
    return body;
}

api_error to_api_error(const publish_refused& refused) {
    if (refused.code == "no_session")
        return {409, refused.code, refused.message, "start one with POST /events/capture_session"};
    if (refused.code == "no_room")
        return {503, refused.code, refused.message, std::string(no_room_hint)};
    if (refused.code == "stopping")
        return {503, refused.code, refused.message, "start the agent again"};
    if (refused.code == "too_long" || refused.code == "too_large")
        return {413, refused.code, refused.message, "make the event smaller, for instance its data"};
    return {400, refused.code, refused.message,
            "an event has ts, type, category, source, detail_level, url, data and truncated; only type is "
            "required"};
}

} // namespace agent
