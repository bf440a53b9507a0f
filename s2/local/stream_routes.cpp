#include "net/text.hpp"
#include "s2/local/reply.hpp"
#include "s2/local/uri.hpp"

#include <algorithm>

namespace s2::local {
namespace {

json::object json_of(const stream_row& row) {
    json::object info;
    info["name"] = row.name;
    info["created_at"] = net::rfc3339(row.created_at_us, net::fraction::shortest);
    info["deleted_at"] = row.deleted_at_us
                             ? json::value(net::rfc3339(*row.deleted_at_us, net::fraction::shortest))
                             : json::value(nullptr);
    info["cipher"] = nullptr;
    return info;
}

reply answer(outcome<provisioned<stream_row>> done, bool ensure) {
    if (!done)
        return reply::of(done.error());
    const auto result = done->result;
    reply answer =
        reply::json(!ensure || result == provision_result::created ? 201 : 200, json_of(done->row));
    answer.fields.push_back({"s2-provision-result", result == provision_result::created   ? "created"
                                                    : result == provision_result::updated ? "updated"
                                                                                          : "noop"});
    return answer;
}

reply refused(const config_error& why) {
    return reply::of(why.what == config_error::kind::malformed ? bad_json(why.message)
                                                               : invalid(why.message));
}

bool no_name_part(const std::string& text) {
    return text.size() > stream_name_bytes_max || text.find('\0') != std::string::npos;
}

struct place {
    std::string basin, stream;
};

outcome<place> place_of(const call& on) {
    auto basin = basin_of(on.head());
    if (!basin)
        return basin.error();
    auto stream = stream_in_path(on);
    if (!stream)
        return stream.error();
    return place{std::move(*basin), std::move(*stream)};
}

} // namespace

net::task<reply> list_streams(const call& on) {
    auto basin = basin_of(on.head());
    if (!basin)
        co_return reply::of(basin.error());
    query_parameters query(on.head().query());
    list_query asked;
    asked.prefix = query.text("prefix").value_or("");
    asked.start_after = query.text("start_after").value_or("");
    const std::uint64_t limit = query.number("limit").value_or(0);
    asked.limit = limit == 0 ? list_page_max : std::min<std::uint64_t>(limit, list_page_max);
    if (no_name_part(asked.prefix))
        query.refuse("prefix", "no prefix of a stream name");
    if (no_name_part(asked.start_after))
        query.refuse("start_after", "no stream name");
    if (query.failed())
        co_return reply::of(*query.failed());
    const outcome<page<stream_row>> page = co_await on.in().list_streams(std::move(*basin), asked);
    if (!page)
        co_return reply::of(page.error());
    json::array streams;
    for (const auto& row : page->items)
        streams.push_back(json_of(row));
    json::object body;
    body["streams"] = std::move(streams);
    body["has_more"] = page->has_more;
    co_return reply::json(200, body);
}

net::task<reply> create_stream(const call& on) {
    const auto token = request_token_of(on.head());
    if (!token)
        co_return reply::of(token.error());
    auto basin = basin_of(on.head());
    if (!basin)
        co_return reply::of(basin.error());
    auto body = co_await read_json(on);
    if (auto* failed = std::get_if<reply>(&body))
        co_return std::move(*failed);
    const json::value& request = *std::get<std::optional<json::value>>(body);
    const auto* name = request.is_object() ? request.get_object().if_contains("stream") : nullptr;
    if (!name || !name->is_string())
        co_return reply::of(bad_json("missing field `stream`"));
    std::string stream(name->get_string());
    if (const auto why = invalid_stream_name(stream))
        co_return reply::of(bad_json(*why));
    parsed<optional_stream_config> config = optional_stream_config();
    if (const auto* given = request.get_object().if_contains("config"); given && !given->is_null())
        config = parse_stream_config(*given);
    if (const auto* why = std::get_if<config_error>(&config))
        co_return refused(*why);
    auto done = co_await on.in().create_stream(std::move(*basin), std::move(stream),
                                               std::get<optional_stream_config>(config), *token);
    co_return answer(std::move(done), false);
}

net::task<reply> get_stream(const call& on) {
    const auto at = place_of(on);
    if (!at)
        co_return reply::of(at.error());
    const outcome<stream_config> config = co_await on.in().get_stream(at->basin, at->stream);
    if (!config)
        co_return reply::of(config.error());
    co_return reply::json(200, to_json(*config));
}

net::task<reply> ensure_stream(const call& on) {
    const auto at = place_of(on);
    if (!at)
        co_return reply::of(at.error());
    auto body = co_await read_json(on, true);
    if (auto* failed = std::get_if<reply>(&body))
        co_return std::move(*failed);
    parsed<optional_stream_config> config = optional_stream_config();
    if (const auto& given = std::get<std::optional<json::value>>(body))
        config = parse_stream_config(*given); // bare, unlike a basin's
    if (const auto* why = std::get_if<config_error>(&config))
        co_return refused(*why);
    auto done =
        co_await on.in().ensure_stream(at->basin, at->stream, std::get<optional_stream_config>(config));
    co_return answer(std::move(done), true);
}

net::task<reply> reconfigure_stream(const call& on) {
    const auto at = place_of(on);
    if (!at)
        co_return reply::of(at.error());
    auto body = co_await read_json(on);
    if (auto* failed = std::get_if<reply>(&body))
        co_return std::move(*failed);
    auto patch = parse_stream_patch(*std::get<std::optional<json::value>>(body));
    if (const auto* why = std::get_if<config_error>(&patch))
        co_return refused(*why);
    const outcome<stream_config> config =
        co_await on.in().reconfigure_stream(at->basin, at->stream, std::get<stream_patch>(patch));
    if (!config)
        co_return reply::of(config.error());
    co_return reply::json(200, to_json(*config));
}

net::task<reply> delete_stream(const call& on) {
    const auto at = place_of(on);
    if (!at)
        co_return reply::of(at.error());
    const outcome<void> done = co_await on.in().delete_stream(at->basin, at->stream);
    co_return done ? reply::empty(202) : reply::of(done.error());
}

} // namespace s2::local
