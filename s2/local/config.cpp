#include "s2/local/config.hpp"

#include <boost/json/parse.hpp>

#include <array>
#include <utility>

namespace s2::local {
namespace {

constexpr std::array<std::pair<std::string_view, timestamping_mode>, 3> mode_names{{
    {"client-prefer", timestamping_mode::client_prefer},
    {"client-require", timestamping_mode::client_require},
    {"arrival", timestamping_mode::arrival},
}};

std::string_view name_of(timestamping_mode mode) {
    for (const auto& [name, value] : mode_names)
        if (value == mode)
            return name;
    return "client-prefer";
}

using kind = config_error::kind;

// Thrown and caught inside this file only: a parser that descends would otherwise be all plumbing.
[[noreturn]] void malformed(std::string message) {
    throw config_error{kind::malformed, std::move(message)};
}

const json::object& object_of(const json::value& from, const char* what) {
    if (!from.is_object())
        malformed(std::string(what) + ": expected an object");
    return from.get_object();
}

std::string text_of(const json::value& from, const char* what) {
    if (!from.is_string())
        malformed(std::string(what) + ": expected a string");
    return std::string(from.get_string());
}

bool bool_of(const json::value& from, const char* what) {
    if (!from.is_bool())
        malformed(std::string(what) + ": expected a boolean");
    return from.get_bool();
}

std::uint64_t number_of(const json::value& from, const char* what) {
    if (from.is_uint64())
        return from.get_uint64();
    if (from.is_int64() && from.get_int64() >= 0)
        return static_cast<std::uint64_t>(from.get_int64());
    malformed(std::string(what) + ": expected an unsigned integer");
}

timestamping_mode mode_of(const json::value& from, const char* what) {
    const std::string text = text_of(from, what);
    for (const auto& [name, value] : mode_names)
        if (name == text)
            return value;
    malformed(std::string(what) + ": unknown variant `" + text + "`");
}

retention retention_of(const json::value& from, const char* what) {
    const json::object& object = object_of(from, what);
    if (object.size() != 1)
        malformed(std::string(what) + ": expected one of `age`, `infinite`");
    if (const auto* age = object.if_contains("age")) {
        const retention policy{number_of(*age, "age")};
        if (policy.age_seconds == 0)
            throw config_error{kind::invalid, "age must be greater than 0 seconds"};
        return policy;
    }
    if (const auto* infinite = object.if_contains("infinite")) {
        object_of(*infinite, "infinite");
        return retention{};
    }
    malformed(std::string(what) + ": expected one of `age`, `infinite`");
}

// A member that may be absent or null.
template <class Read>
auto optional_member(const json::object& from, const char* name, Read read)
    -> std::optional<decltype(read(std::declval<const json::value&>(), name))> {
    const auto* value = from.if_contains(name);
    if (!value || value->is_null())
        return std::nullopt;
    return read(*value, name);
}

// A member of a PATCH: absence and null differ.
template <class Read>
auto patched_member(const json::object& from, const char* name, Read read)
    -> patched<decltype(read(std::declval<const json::value&>(), name))> {
    using value_type = decltype(read(std::declval<const json::value&>(), name));
    const auto* value = from.if_contains(name);
    if (!value)
        return std::nullopt;
    if (value->is_null())
        return std::optional<value_type>();
    return std::optional<value_type>(read(*value, name));
}

optional_stream_config stream_config_of(const json::value& from) {
    const json::object& object = object_of(from, "stream config");
    optional_stream_config config;
    config.storage_class = optional_member(object, "storage_class", text_of);
    config.retention_policy = optional_member(object, "retention_policy", retention_of);
    if (const auto* value = object.if_contains("timestamping"); value && !value->is_null()) {
        const json::object& timestamping = object_of(*value, "timestamping");
        config.mode = optional_member(timestamping, "mode", mode_of);
        config.uncapped = optional_member(timestamping, "uncapped", bool_of);
    }
    if (const auto* value = object.if_contains("delete_on_empty"); value && !value->is_null()) {
        const auto* age = object_of(*value, "delete_on_empty").if_contains("min_age_secs");
        config.delete_on_empty_min_age_seconds = age ? number_of(*age, "min_age_secs") : 0;
    }
    return config;
}

void refuse_cipher(const json::object& object) {
    const auto* cipher = object.if_contains("stream_cipher");
    if (!cipher || cipher->is_null())
        return;
    const std::string name = text_of(*cipher, "stream_cipher");
    if (name != "aegis-256" && name != "aes-256-gcm")
        malformed("stream_cipher: unknown variant `" + name + "`");
    throw config_error{kind::not_implemented, "stream ciphers are not implemented by the embedded store"};
}

basin_config basin_config_of(const json::value& from) {
    const json::object& object = object_of(from, "basin config");
    basin_config config;
    if (auto defaults =
            optional_member(object, "default_stream_config",
                            [](const json::value& value, const char*) { return stream_config_of(value); }))
        config.default_stream_config = *defaults;
    refuse_cipher(object);
    if (const auto* value = object.if_contains("create_stream_on_append"))
        config.create_stream_on_append = bool_of(*value, "create_stream_on_append");
    if (const auto* value = object.if_contains("create_stream_on_read"))
        config.create_stream_on_read = bool_of(*value, "create_stream_on_read");
    return config;
}

stream_patch stream_patch_of(const json::value& from) {
    const json::object& object = object_of(from, "stream reconfiguration");
    stream_patch patch;
    patch.storage_class = patched_member(object, "storage_class", text_of);
    patch.retention_policy = patched_member(object, "retention_policy", retention_of);
    if (const auto* value = object.if_contains("timestamping")) {
        patch.clear_timestamping = value->is_null();
        if (!value->is_null()) {
            const json::object& timestamping = object_of(*value, "timestamping");
            patch.mode = patched_member(timestamping, "mode", mode_of);
            patch.uncapped = patched_member(timestamping, "uncapped", bool_of);
        }
    }
    if (const auto* value = object.if_contains("delete_on_empty")) {
        if (value->is_null())
            patch.delete_on_empty_min_age_seconds = std::optional<std::uint64_t>();
        else
            patch.delete_on_empty_min_age_seconds =
                patched_member(object_of(*value, "delete_on_empty"), "min_age_secs", number_of);
    }
    return patch;
}

basin_patch basin_patch_of(const json::value& from) {
    const json::object& object = object_of(from, "basin reconfiguration");
    basin_patch patch;
    if (const auto* value = object.if_contains("default_stream_config")) {
        patch.clear_default_stream_config = value->is_null();
        if (!value->is_null())
            patch.default_stream_config = stream_patch_of(*value);
    }
    refuse_cipher(object);
    if (const auto* value = object.if_contains("create_stream_on_append"))
        patch.create_stream_on_append = bool_of(*value, "create_stream_on_append");
    if (const auto* value = object.if_contains("create_stream_on_read"))
        patch.create_stream_on_read = bool_of(*value, "create_stream_on_read");
    return patch;
}

template <class T>
parsed<T> guarded(T (*read)(const json::value&), const json::value& from) {
    try {
        return read(from);
    } catch (const config_error& error) {
        return error;
    }
}

json::value json_of(const retention& policy) {
    json::object object;
    if (policy.age_seconds)
        object["age"] = *policy.age_seconds;
    else
        object["infinite"] = json::object();
    return object;
}

template <class T>
json::value or_null(const std::optional<T>& value) {
    return value ? json::value(*value) : json::value(nullptr);
}

} // namespace

stream_config resolve(const optional_stream_config& own, const optional_stream_config& basin_default) {
    const stream_config global;
    const auto pick = [](const auto& first, const auto& second, const auto& last) {
        return first ? *first : second ? *second : last;
    };
    stream_config config;
    config.storage_class = pick(own.storage_class, basin_default.storage_class, global.storage_class);
    config.retention_policy =
        pick(own.retention_policy, basin_default.retention_policy, global.retention_policy);
    config.mode = pick(own.mode, basin_default.mode, global.mode);
    config.uncapped = pick(own.uncapped, basin_default.uncapped, global.uncapped);
    config.delete_on_empty_min_age_seconds =
        pick(own.delete_on_empty_min_age_seconds, basin_default.delete_on_empty_min_age_seconds,
             global.delete_on_empty_min_age_seconds);
    return config;
}

optional_stream_config as_optional(const stream_config& config) {
    return {config.storage_class, config.retention_policy, config.mode, config.uncapped,
            config.delete_on_empty_min_age_seconds};
}

void apply(const stream_patch& patch, optional_stream_config& to) {
    if (patch.storage_class)
        to.storage_class = *patch.storage_class;
    if (patch.retention_policy)
        to.retention_policy = *patch.retention_policy;
    if (patch.clear_timestamping) {
        to.mode.reset();
        to.uncapped.reset();
    }
    if (patch.mode)
        to.mode = *patch.mode;
    if (patch.uncapped)
        to.uncapped = *patch.uncapped;
    if (patch.delete_on_empty_min_age_seconds)
        to.delete_on_empty_min_age_seconds = *patch.delete_on_empty_min_age_seconds;
}

void apply(const basin_patch& patch, basin_config& to) {
    if (patch.clear_default_stream_config)
        to.default_stream_config = {};
    apply(patch.default_stream_config, to.default_stream_config);
    if (patch.create_stream_on_append)
        to.create_stream_on_append = *patch.create_stream_on_append;
    if (patch.create_stream_on_read)
        to.create_stream_on_read = *patch.create_stream_on_read;
}

parsed<optional_stream_config> parse_stream_config(const json::value& from) {
    return guarded(stream_config_of, from);
}

parsed<basin_config> parse_basin_config(const json::value& from) {
    return guarded(basin_config_of, from);
}

parsed<stream_patch> parse_stream_patch(const json::value& from) {
    return guarded(stream_patch_of, from);
}

parsed<basin_patch> parse_basin_patch(const json::value& from) {
    return guarded(basin_patch_of, from);
}

json::object to_json(const stream_config& config) {
    json::object object;
    object["storage_class"] = config.storage_class;
    object["retention_policy"] = json_of(config.retention_policy);
    json::object timestamping;
    timestamping["mode"] = name_of(config.mode);
    timestamping["uncapped"] = config.uncapped;
    object["timestamping"] = std::move(timestamping);
    json::object delete_on_empty;
    delete_on_empty["min_age_secs"] = config.delete_on_empty_min_age_seconds;
    object["delete_on_empty"] = std::move(delete_on_empty);
    return object;
}

json::object to_json(const optional_stream_config& config) {
    json::object object;
    object["storage_class"] = or_null(config.storage_class);
    object["retention_policy"] =
        config.retention_policy ? json_of(*config.retention_policy) : json::value(nullptr);
    object["timestamping"] = nullptr;
    if (config.mode || config.uncapped) {
        json::object timestamping;
        timestamping["mode"] = config.mode ? json::value(name_of(*config.mode)) : json::value(nullptr);
        timestamping["uncapped"] = or_null(config.uncapped);
        object["timestamping"] = std::move(timestamping);
    }
    object["delete_on_empty"] = nullptr;
    if (config.delete_on_empty_min_age_seconds) {
        json::object delete_on_empty;
        delete_on_empty["min_age_secs"] = *config.delete_on_empty_min_age_seconds;
        object["delete_on_empty"] = std::move(delete_on_empty);
    }
    return object;
}

json::object to_json(const basin_config& config) {
    json::object object;
    object["default_stream_config"] = nullptr;
    if (config.default_stream_config != optional_stream_config{})
        object["default_stream_config"] = to_json(config.default_stream_config);
    object["stream_cipher"] = nullptr;
    object["create_stream_on_append"] = config.create_stream_on_append;
    object["create_stream_on_read"] = config.create_stream_on_read;
    return object;
}

std::optional<stream_config> stored_stream_config(std::string_view text) {
    boost::system::error_code failed;
    const json::value value = json::parse(text, failed);
    if (failed)
        return std::nullopt;
    auto config = parse_stream_config(value);
    if (!std::holds_alternative<optional_stream_config>(config))
        return std::nullopt;
    return resolve(std::get<optional_stream_config>(config), {});
}

std::optional<basin_config> stored_basin_config(std::string_view text) {
    boost::system::error_code failed;
    const json::value value = json::parse(text, failed);
    if (failed)
        return std::nullopt;
    auto config = parse_basin_config(value);
    if (!std::holds_alternative<basin_config>(config))
        return std::nullopt;
    return std::get<basin_config>(config);
}

} // namespace s2::local
