#include "net/text.hpp"
#include "s2/local/reply.hpp"
#include "s2/local/uri.hpp"

#include <algorithm>

namespace s2::local {
namespace {

json::object json_of(const basin_row& row) {
    json::object info;
    info["name"] = row.name;
    info["location"] = nullptr;
    info["created_at"] = net::rfc3339(row.created_at_us, net::fraction::shortest);
    info["deleted_at"] = row.deleted_at_us
                             ? json::value(net::rfc3339(*row.deleted_at_us, net::fraction::shortest))
                             : json::value(nullptr);
    info["state"] = row.deleted_at_us ? "deleting" : "active";
    return info;
}

reply answer(outcome<provisioned<basin_row>> done, bool ensure) {
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

// Neither a name nor the beginning of one.
bool no_name_part(std::string_view text) {
    const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    return text.size() > basin_name_bytes_max || text.starts_with('-') ||
           !std::all_of(text.begin(), text.end(), fits);
}

// A `config` member that may be absent or null.
parsed<basin_config> config_in(const json::object& body) {
    const auto* config = body.if_contains("config");
    return config && !config->is_null() ? parse_basin_config(*config) : parsed<basin_config>(basin_config());
}

reply refused(const config_error& why) {
    switch (why.what) {
    case config_error::kind::malformed:
        return reply::of(bad_json(why.message));
    case config_error::kind::invalid:
        return reply::of(invalid(why.message));
    case config_error::kind::not_implemented:
        return reply::of(not_implemented(why.message));
    }
    return reply::empty(500);
}

} // namespace

net::task<reply> list_basins(const call& on) {
    query_parameters query(on.head().query());
    list_query asked;
    asked.prefix = query.text("prefix").value_or("");
    asked.start_after = query.text("start_after").value_or("");
    const std::uint64_t limit = query.number("limit").value_or(0);
    asked.limit = limit == 0 ? list_page_max : std::min<std::uint64_t>(limit, list_page_max);
    if (no_name_part(asked.prefix))
        query.refuse("prefix", "no prefix of a basin name");
    if (no_name_part(asked.start_after))
        query.refuse("start_after", "no beginning of a basin name");
    if (query.failed())
        co_return reply::of(*query.failed());
    const outcome<page<basin_row>> page = co_await on.in().list_basins(asked);
    if (!page)
        co_return reply::of(page.error());
    json::array basins;
    for (const auto& row : page->items)
        basins.push_back(json_of(row));
    json::object body;
    body["basins"] = std::move(basins);
    body["has_more"] = page->has_more;
    co_return reply::json(200, body);
}

net::task<reply> create_basin(const call& on) {
    const auto token = request_token_of(on.head());
    if (!token)
        co_return reply::of(token.error());
    auto body = co_await read_json(on);
    if (auto* failed = std::get_if<reply>(&body))
        co_return std::move(*failed);
    const json::value& request = *std::get<std::optional<json::value>>(body);
    const auto* name = request.is_object() ? request.get_object().if_contains("basin") : nullptr;
    if (!name || !name->is_string())
        co_return reply::of(bad_json("missing field `basin`"));
    std::string basin(name->get_string());
    if (const auto why = invalid_basin_name(basin))
        co_return reply::of(bad_json(*why));
    auto config = config_in(request.get_object());
    if (const auto* why = std::get_if<config_error>(&config))
        co_return refused(*why);
    auto done = co_await on.in().create_basin(std::move(basin), std::get<basin_config>(config), *token);
    co_return answer(std::move(done), false);
}

net::task<reply> get_basin(const call& on) {
    auto basin = basin_in_path(on);
    if (!basin)
        co_return reply::of(basin.error());
    const outcome<basin_config> config = co_await on.in().get_basin(std::move(*basin));
    if (!config)
        co_return reply::of(config.error());
    co_return reply::json(200, to_json(*config));
}

net::task<reply> ensure_basin(const call& on) {
    auto basin = basin_in_path(on);
    if (!basin)
        co_return reply::of(basin.error());
    auto body = co_await read_json(on, true);
    if (auto* failed = std::get_if<reply>(&body))
        co_return std::move(*failed);
    parsed<basin_config> config = basin_config();
    if (const auto& request = std::get<std::optional<json::value>>(body)) {
        if (!request->is_object())
            co_return reply::of(bad_json("expected an object"));
        config = config_in(request->get_object());
    }
    if (const auto* why = std::get_if<config_error>(&config))
        co_return refused(*why);
    auto done = co_await on.in().ensure_basin(std::move(*basin), std::get<basin_config>(config));
    co_return answer(std::move(done), true);
}

net::task<reply> reconfigure_basin(const call& on) {
    auto basin = basin_in_path(on);
    if (!basin)
        co_return reply::of(basin.error());
    auto body = co_await read_json(on);
    if (auto* failed = std::get_if<reply>(&body))
        co_return std::move(*failed);
    auto patch = parse_basin_patch(*std::get<std::optional<json::value>>(body));
    if (const auto* why = std::get_if<config_error>(&patch))
        co_return refused(*why);
    const outcome<basin_config> config =
        co_await on.in().reconfigure_basin(std::move(*basin), std::get<basin_patch>(patch));
    if (!config)
        co_return reply::of(config.error());
    co_return reply::json(200, to_json(*config));
}

net::task<reply> delete_basin(const call& on) {
    auto basin = basin_in_path(on);
    if (!basin)
        co_return reply::of(basin.error());
    const outcome<void> done = co_await on.in().delete_basin(std::move(*basin));
    co_return done ? reply::empty(202) : reply::of(done.error());
}

} // namespace s2::local
