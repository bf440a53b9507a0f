#include "s2/config.hpp"

#include <boost/json.hpp>

namespace s2 {
namespace {

namespace json = boost::json;

constexpr std::pair<timestamping_mode, const char*> modes[] = {
    {timestamping_mode::client_prefer, "client-prefer"},
    {timestamping_mode::client_require, "client-require"},
    {timestamping_mode::arrival, "arrival"},
};

// A member that is there and not null.
const json::value* present(const json::object& in, json::string_view key) {
    const auto* value = in.if_contains(key);
    return value && !value->is_null() ? value : nullptr;
}

bool read(const json::value& from, bool& into) {
    if (!from.is_bool())
        return false;
    into = from.get_bool();
    return true;
}

bool read(const json::value& from, std::string& into) {
    if (!from.is_string())
        return false;
    into = from.get_string();
    return true;
}

bool read(const json::value& from, std::uint64_t& into) {
    if (from.is_double())
        return false;
    boost::system::error_code ec;
    into = from.to_number<std::uint64_t>(ec);
    return !ec;
}

bool read(const json::value& from, timestamping_mode& into) {
    if (!from.is_string())
        return false;
    for (const auto& [mode, name] : modes)
        if (from.get_string() == name) {
            into = mode;
            return true;
        }
    return false;
}

bool read(const json::value& from, retention_policy& into) {
    if (!from.is_object())
        return false;
    if (present(from.get_object(), "infinite")) {
        into.infinite = true;
        return true;
    }
    const auto* age = present(from.get_object(), "age");
    return age && read(*age, into.age_seconds);
}

bool read(const json::value& from, stream_config& into);

// True also where the member is missing; false only for a wrong type.
template <class T>
bool read_member(const json::object& in, json::string_view key, std::optional<T>& into) {
    const auto* value = present(in, key);
    if (!value)
        return true;
    return read(*value, into.emplace());
}

bool read_timestamping(const json::object& in, stream_config& into) {
    const auto* value = present(in, "timestamping");
    if (!value)
        return true;
    return value->is_object() && read_member(value->get_object(), "mode", into.timestamping) &&
           read_member(value->get_object(), "uncapped", into.uncapped_timestamps);
}

bool read_delete_on_empty(const json::object& in, stream_config& into) {
    const auto* value = present(in, "delete_on_empty");
    if (!value)
        return true;
    return value->is_object() &&
           read_member(value->get_object(), "min_age_secs", into.delete_on_empty_min_age_seconds);
}

bool read(const json::value& from, stream_config& into) {
    if (!from.is_object())
        return false;
    const auto& object = from.get_object();
    return read_member(object, "storage_class", into.storage_class) &&
           read_member(object, "retention_policy", into.retention) && read_timestamping(object, into) &&
           read_delete_on_empty(object, into);
}

} // namespace

json::object to_json(const stream_config& config) {
    json::object out;
    if (config.storage_class)
        out["storage_class"] = *config.storage_class;
    if (config.retention && config.retention->infinite)
        out["retention_policy"] = {{"infinite", json::object()}};
    else if (config.retention)
        out["retention_policy"] = {{"age", config.retention->age_seconds}};
    json::object timestamping;
    if (config.timestamping)
        for (const auto& [mode, name] : modes)
            if (mode == *config.timestamping)
                timestamping["mode"] = name;
    if (config.uncapped_timestamps)
        timestamping["uncapped"] = *config.uncapped_timestamps;
    if (!timestamping.empty())
        out["timestamping"] = std::move(timestamping);
    if (config.delete_on_empty_min_age_seconds)
        out["delete_on_empty"] = {{"min_age_secs", *config.delete_on_empty_min_age_seconds}};
    return out;
}

json::object to_json(const basin_config& config) {
    json::object out;
    if (config.default_stream)
        out["default_stream_config"] = to_json(*config.default_stream);
    if (config.stream_cipher)
        out["stream_cipher"] = *config.stream_cipher;
    if (config.create_stream_on_append)
        out["create_stream_on_append"] = *config.create_stream_on_append;
    if (config.create_stream_on_read)
        out["create_stream_on_read"] = *config.create_stream_on_read;
    return out;
}

std::optional<stream_config> stream_config_from(const json::value& from) {
    stream_config config;
    if (!read(from, config))
        return std::nullopt;
    return config;
}

std::optional<basin_config> basin_config_from(const json::value& from) {
    if (!from.is_object())
        return std::nullopt;
    const auto& object = from.get_object();
    basin_config config;
    if (!read_member(object, "default_stream_config", config.default_stream) ||
        !read_member(object, "stream_cipher", config.stream_cipher) ||
        !read_member(object, "create_stream_on_append", config.create_stream_on_append) ||
        !read_member(object, "create_stream_on_read", config.create_stream_on_read))
        return std::nullopt;
    return config;
}

} // namespace s2
