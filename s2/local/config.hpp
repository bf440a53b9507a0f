#pragma once
// What a basin and a stream are configured with (§2.2), in the three shapes of the API:
//   optional_stream_config  one layer: a field that is not set falls through to the next
//   stream_config           resolved: stream, else basin default, else global default; done once, at create
//   or ensure stream_patch            a PATCH: absent = unchanged, value = set, null = cleared
// JSON comes and goes here; the stored text is the API's text, so that sqlite3 shows what the API would.

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace s2::local {

namespace json = boost::json;

enum class timestamping_mode { client_prefer, client_require, arrival };

struct retention {
    std::optional<std::uint64_t> age_seconds; // nothing: infinite

    bool operator==(const retention&) const = default;
};

struct optional_stream_config {
    std::optional<std::string> storage_class; // any text, stored and ignored
    std::optional<retention> retention_policy;
    std::optional<timestamping_mode> mode;
    std::optional<bool> uncapped;
    std::optional<std::uint64_t> delete_on_empty_min_age_seconds;

    bool operator==(const optional_stream_config&) const = default;
};

struct stream_config {
    std::string storage_class = "express";
    retention retention_policy{7 * 24 * 60 * 60};
    timestamping_mode mode = timestamping_mode::client_prefer;
    bool uncapped = false;
    std::uint64_t delete_on_empty_min_age_seconds = 0; // 0: off

    bool operator==(const stream_config&) const = default;
};

struct basin_config {
    optional_stream_config default_stream_config;
    bool create_stream_on_append = false;
    bool create_stream_on_read = false;

    bool operator==(const basin_config&) const = default;
};

template <class T>
using patched = std::optional<std::optional<T>>; // nothing: unchanged; an empty one: cleared

struct stream_patch {
    patched<std::string> storage_class;
    patched<retention> retention_policy;
    bool clear_timestamping = false;
    patched<timestamping_mode> mode;
    patched<bool> uncapped;
    patched<std::uint64_t> delete_on_empty_min_age_seconds;
};

struct basin_patch {
    bool clear_default_stream_config = false;
    stream_patch default_stream_config;
    std::optional<bool> create_stream_on_append;
    std::optional<bool> create_stream_on_read;
};

stream_config resolve(const optional_stream_config& own, const optional_stream_config& basin_default);
optional_stream_config as_optional(const stream_config& config);
void apply(const stream_patch& patch, optional_stream_config& to);
void apply(const basin_patch& patch, basin_config& to);

// Why a text is no configuration. The API answers the first with 400 bad_json, the second with 422 invalid,
// and what we leave out (stream ciphers) with 501.
struct config_error {
    enum class kind { malformed, invalid, not_implemented };
    kind what;
    std::string message;
};
template <class T>
using parsed = std::variant<T, config_error>;

parsed<optional_stream_config> parse_stream_config(const json::value& from);
parsed<basin_config> parse_basin_config(const json::value& from);
parsed<stream_patch> parse_stream_patch(const json::value& from);
parsed<basin_patch> parse_basin_patch(const json::value& from);

json::object to_json(const stream_config& config);
json::object to_json(const optional_stream_config& config);
json::object to_json(const basin_config& config);

// Of what we stored ourselves; nothing where it does not parse (a damaged file).
std::optional<stream_config> stored_stream_config(std::string_view text);
std::optional<basin_config> stored_basin_config(std::string_view text);

} // namespace s2::local
