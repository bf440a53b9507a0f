#pragma once
// Configurations of streams and basins (§2.2) and their JSON. A member that is not set is left out when
// written; when read, missing, null and unknown members are all accepted.

#include "s2/types.hpp"

#include <boost/json/value.hpp>

#include <optional>
#include <string>

namespace s2 {

struct retention_policy {
    bool infinite = false;
    std::uint64_t age_seconds = 0; // > 0 unless infinite

    bool operator==(const retention_policy&) const = default;
};

enum class timestamping_mode { client_prefer, client_require, arrival };

struct stream_config {
    std::optional<std::string> storage_class;
    std::optional<retention_policy> retention;
    std::optional<timestamping_mode> timestamping;
    std::optional<bool> uncapped_timestamps;
    std::optional<std::uint64_t> delete_on_empty_min_age_seconds;

    bool operator==(const stream_config&) const = default;
};

struct basin_config {
    std::optional<stream_config> default_stream;
    std::optional<std::string> stream_cipher;
    std::optional<bool> create_stream_on_append;
    std::optional<bool> create_stream_on_read;

    bool operator==(const basin_config&) const = default;
};

boost::json::object to_json(const stream_config& config);
boost::json::object to_json(const basin_config& config);
// Nothing: not an object, or a known member of the wrong type.
std::optional<stream_config> stream_config_from(const boost::json::value& json);
std::optional<basin_config> basin_config_from(const boost::json::value& json);

} // namespace s2
