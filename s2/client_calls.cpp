// The calls themselves: what goes into each request, and what its answer says.

#include "s2/client.hpp"
#include "s2/client_call.hpp"
#include "s2/protobuf.hpp"

#include <boost/json.hpp>

namespace s2 {
namespace {

namespace json = boost::json;

constexpr const char* protobuf_type = "application/protobuf";

std::optional<json::object> parse_object(std::string_view body) {
    boost::system::error_code ec;
    auto value = json::parse(json::string_view(body.data(), body.size()), ec);
    if (ec || !value.is_object())
        return std::nullopt;
    return std::move(value.as_object());
}

std::optional<std::string> text_in(const json::object& in, json::string_view key) {
    const auto* value = in.if_contains(key);
    if (!value || !value->is_string())
        return std::nullopt;
    return std::string(value->get_string());
}

template <class Info>
std::optional<Info> info_from(const json::value& from) {
    if (!from.is_object())
        return std::nullopt;
    auto name = text_in(from.get_object(), "name");
    if (!name)
        return std::nullopt;
    Info info;
    info.name = std::move(*name);
    info.created_at = text_in(from.get_object(), "created_at").value_or("");
    info.deleted_at = text_in(from.get_object(), "deleted_at");
    return info;
}

error unreadable(std::string_view what) {
    return error::from_protocol("an answer that is no " + std::string(what));
}

// Without the header: an older server; 201 is what it answers for a new thing.
provision_result outcome_of(unsigned status, const net::http_fields& fields) {
    const auto said = net::find_field(fields, "s2-provision-result");
    if (said == "noop")
        return provision_result::noop;
    if (said == "updated")
        return provision_result::updated;
    if (said == "created")
        return provision_result::created;
    return status == 201 ? provision_result::created : provision_result::updated;
}

template <class Info>
result<provisioned<Info>> provisioned_from(const unary_answer& answer) {
    const auto object = parse_object(answer.body);
    auto info = object ? info_from<Info>(*object) : std::nullopt;
    if (!info)
        return unreadable("description of what was made");
    return provisioned<Info>{std::move(*info), outcome_of(answer.status, answer.fields)};
}

template <class Info>
result<page<Info>> page_from(std::string_view body, json::string_view key) {
    const auto object = parse_object(body);
    const auto* items = object ? object->if_contains(key) : nullptr;
    if (!items || !items->is_array())
        return unreadable("list");
    page<Info> read;
    for (const auto& each : items->get_array()) {
        auto info = info_from<Info>(each);
        if (!info)
            return unreadable("list");
        read.items.push_back(std::move(*info));
    }
    const auto* more = object->if_contains("has_more");
    read.has_more = more && more->is_bool() && more->get_bool();
    return read;
}

std::string query_of(const list_query& query) {
    std::string text;
    const auto add = [&text](std::string_view key, std::string_view value) {
        text += text.empty() ? "" : "&";
        text.append(key).append("=").append(encode_query_value(value));
    };
    if (!query.prefix.empty())
        add("prefix", query.prefix);
    if (!query.start_after.empty())
        add("start_after", query.start_after);
    if (query.limit != 0)
        add("limit", std::to_string(query.limit));
    return text;
}

template <class Config>
result<Config> config_from(const unary_answer& answer, std::optional<Config> (*read)(const json::value&)) {
    const auto object = parse_object(answer.body);
    auto config = object ? read(*object) : std::nullopt;
    if (!config)
        return unreadable("configuration");
    return std::move(*config);
}

void put_json(net::http_fields& fields, std::string& body, const json::object& content) {
    fields.push_back({"content-type", "application/json"});
    body = json::serialize(content);
}

} // namespace

std::string read_query(const read_start& start, const read_limits& limits) {
    std::string text;
    const auto add = [&text](std::string_view key, std::uint64_t value) {
        text += text.empty() ? "" : "&";
        text.append(key).append("=").append(std::to_string(value));
    };
    switch (start.from) {
    case read_start::kind::seq_num:
        add("seq_num", start.value);
        break;
    case read_start::kind::timestamp:
        add("timestamp", start.value);
        break;
    case read_start::kind::tail_offset:
        add("tail_offset", start.value);
        break;
    }
    if (limits.count)
        add("count", *limits.count);
    if (limits.bytes)
        add("bytes", *limits.bytes);
    if (limits.until)
        add("until", *limits.until);
    if (limits.wait_seconds)
        add("wait", *limits.wait_seconds);
    if (start.clamp)
        text += "&clamp=true";
    return text;
}

net::task<result<provisioned<basin_info>>> client::create_basin(std::string name, basin_config config,
                                                                net::time_point deadline,
                                                                std::string request_token) {
    if (auto reason = invalid_basin_name(name))
        co_return error::from_invalid(std::move(*reason));
    unary_call request = account_call("POST", "/basins");
    if (!request_token.empty())
        request.fields.push_back({"s2-request-token", request_token});
    put_json(request.fields, request.body, {{"basin", name}, {"config", to_json(config)}});
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    co_return provisioned_from<basin_info>(*answered);
}

net::task<result<provisioned<basin_info>>> client::ensure_basin(std::string name, basin_config config,
                                                                net::time_point deadline) {
    if (auto reason = invalid_basin_name(name))
        co_return error::from_invalid(std::move(*reason));
    unary_call request = account_call("PUT", basin_path(name));
    put_json(request.fields, request.body, {{"config", to_json(config)}});
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    co_return provisioned_from<basin_info>(*answered);
}

net::task<result<page<basin_info>>> client::list_basins(list_query query, net::time_point deadline) {
    unary_call request = account_call("GET", "/basins");
    request.query = query_of(query);
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    co_return page_from<basin_info>(answered->body, "basins");
}

net::task<result<void>> client::delete_basin(std::string name, net::time_point deadline) {
    if (auto reason = invalid_basin_name(name))
        co_return error::from_invalid(std::move(*reason));
    unary_call request = account_call("DELETE", basin_path(name));
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    co_return result<void>();
}

net::task<result<basin_config>> client::get_basin_config(std::string name, net::time_point deadline) {
    if (auto reason = invalid_basin_name(name))
        co_return error::from_invalid(std::move(*reason));
    unary_call request = account_call("GET", basin_path(name));
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    co_return config_from(*answered, basin_config_from);
}

net::task<result<basin_config>> client::reconfigure_basin(std::string name, json::object changes,
                                                          net::time_point deadline) {
    if (auto reason = invalid_basin_name(name))
        co_return error::from_invalid(std::move(*reason));
    unary_call request = account_call("PATCH", basin_path(name));
    put_json(request.fields, request.body, changes);
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    co_return config_from(*answered, basin_config_from);
}

net::task<result<provisioned<stream_info>>> client::create_stream(std::string name, stream_config config,
                                                                  net::time_point deadline,
                                                                  std::string request_token) {
    if (auto reason = invalid_stream_name(name))
        co_return error::from_invalid(std::move(*reason));
    unary_call request = stream_call("POST", "/streams");
    if (!request_token.empty())
        request.fields.push_back({"s2-request-token", request_token});
    put_json(request.fields, request.body, {{"stream", name}, {"config", to_json(config)}});
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    co_return provisioned_from<stream_info>(*answered);
}

net::task<result<provisioned<stream_info>>> client::ensure_stream(std::string name, stream_config config,
                                                                  net::time_point deadline) {
    if (auto reason = invalid_stream_name(name))
        co_return error::from_invalid(std::move(*reason));
    unary_call request = stream_call("PUT", stream_path(name));
    put_json(request.fields, request.body, to_json(config));
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    co_return provisioned_from<stream_info>(*answered);
}

net::task<result<page<stream_info>>> client::list_streams(list_query query, net::time_point deadline) {
    unary_call request = stream_call("GET", "/streams");
    request.query = query_of(query);
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    co_return page_from<stream_info>(answered->body, "streams");
}

net::task<result<void>> client::delete_stream(std::string name, net::time_point deadline) {
    if (auto reason = invalid_stream_name(name))
        co_return error::from_invalid(std::move(*reason));
    unary_call request = stream_call("DELETE", stream_path(name));
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    co_return result<void>();
}

net::task<result<stream_config>> client::get_stream_config(std::string name, net::time_point deadline) {
    if (auto reason = invalid_stream_name(name))
        co_return error::from_invalid(std::move(*reason));
    unary_call request = stream_call("GET", stream_path(name));
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    co_return config_from(*answered, stream_config_from);
}

net::task<result<stream_config>> client::reconfigure_stream(std::string name, json::object changes,
                                                            net::time_point deadline) {
    if (auto reason = invalid_stream_name(name))
        co_return error::from_invalid(std::move(*reason));
    unary_call request = stream_call("PATCH", stream_path(name));
    put_json(request.fields, request.body, changes);
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    co_return config_from(*answered, stream_config_from);
}

net::task<result<stream_position>> client::check_tail(std::string stream, net::time_point deadline) {
    if (auto reason = invalid_stream_name(stream))
        co_return error::from_invalid(std::move(*reason));
    unary_call request = stream_call("GET", records_path(stream) + "/tail");
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    const auto object = parse_object(answered->body);
    const auto* tail = object ? object->if_contains("tail") : nullptr;
    if (!tail || !tail->is_object())
        co_return unreadable("tail");
    boost::system::error_code ec;
    stream_position at;
    if (const auto* seq_num = tail->get_object().if_contains("seq_num"); seq_num && !seq_num->is_double())
        at.seq_num = seq_num->to_number<std::uint64_t>(ec);
    else
        co_return unreadable("tail");
    if (const auto* timestamp = tail->get_object().if_contains("timestamp"); !ec && timestamp)
        at.timestamp = timestamp->to_number<std::uint64_t>(ec);
    if (ec)
        co_return unreadable("tail");
    co_return at;
}

net::task<result<append_ack>> client::append(std::string stream, append_input input,
                                             net::time_point deadline) {
    auto reason = invalid_stream_name(stream);
    if (!reason)
        reason = invalid_reason(input);
    if (reason)
        co_return error::from_invalid(std::move(*reason));
    unary_call request = stream_call("POST", records_path(stream));
    request.fields.push_back({"content-type", protobuf_type});
    request.fields.push_back({"accept", protobuf_type});
    encode_append_input(input, request.body);
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    const auto ack = decode_append_ack(answered->body);
    if (!ack)
        co_return unreadable("ack");
    if (ack->end.seq_num - ack->start.seq_num != input.records.size() ||
        ack->end.seq_num < ack->start.seq_num ||
        (input.match_seq_num && ack->start.seq_num != *input.match_seq_num))
        co_return error::from_protocol("an ack for other records than those that were appended");
    co_return *ack;
}

net::task<result<read_batch>> client::read(std::string stream, read_start start, read_limits limits,
                                           net::time_point deadline) {
    if (auto reason = invalid_stream_name(stream))
        co_return error::from_invalid(std::move(*reason));
    unary_call request = stream_call("GET", records_path(stream));
    request.fields.push_back({"accept", protobuf_type});
    request.query = read_query(start, limits);
    auto answered = co_await perform(std::move(request), deadline);
    if (!answered)
        co_return answered.error();
    auto batch = decode_read_batch(answered->body);
    if (!batch)
        co_return unreadable("batch of records");
    co_return std::move(*batch);
}

} // namespace s2
