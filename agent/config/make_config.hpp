#pragma once
// From values as they were written to a configuration that holds: every value read, every rule of the
// contract checked, every message with what, where and what to do.

#include "agent/config/config.hpp"
#include "agent/config/sources.hpp"

#include <filesystem>
#include <functional>
#include <string_view>
#include <variant>

namespace agent {

constexpr std::uint64_t ring_capacity_bytes_min = 16 * 1024 * 1024;
constexpr std::uint64_t store_capacity_bytes_min = 16 * 1024 * 1024;
constexpr std::size_t in_flight_batches_max = 64;

// What the configuration depends on beside the settings.
struct host_facts {
    variables environment;
    bool root = false;
    std::function<bool(const std::filesystem::path&)> exists;
    int pid = 0; // this process's
    std::function<std::optional<unsigned>(const std::string& name)> group_id = {};
    secret_variables secrets = {};
};

std::variant<config, config_error> make_config(const setting_values& values, const host_facts& host);

// Nothing: it names a stream for every session. Else why not: "makes names that …".
std::optional<std::string> invalid_stream_template(std::string_view text);

// $STATE_DIRECTORY (its first entry), $XDG_STATE_HOME/ringtail, /var/lib/ringtail for root,
// ~/.local/state/ringtail. Empty: none of them is known.
std::filesystem::path default_state_dir(const host_facts& host);

} // namespace agent
