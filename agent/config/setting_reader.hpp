#pragma once
// Reads settings one after the other into a configuration; the first that does not hold is the error, and
// says which, where it was set and what to write instead.

#include "agent/config/sources.hpp"
#include "net/clock.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace agent {

constexpr std::size_t unix_path_bytes_max = 107; // sockaddr_un

// "1", "true", "yes", "on" and their opposites, in any case.
std::optional<bool> parse_switch(std::string_view text);

class setting_reader {
public:
    explicit setting_reader(const setting_values& values)
        : values_(values) {}

    bool failed() const { return error_.has_value(); }

    const config_error& error() const { return *error_; }

    void fail(std::string message, exit_code code = exit_code::usage);
    // "--linger: '5' is not a duration; …"
    void refuse(std::string_view name, std::string_view why, exit_code code = exit_code::usage);

    const setting_value* find(std::string_view name) const { return values_.find(name); }

    // The value, or nothing: not set, or "none".
    const std::string* text(std::string_view name) const;

    // Each leaves `into` as it is where nothing was set.
    void file(std::string_view name, std::filesystem::path& into) const;
    void on(std::string_view name, bool& into);
    void interval(std::string_view name, net::duration& into, net::duration least, net::duration most);
    void size(std::string_view name, std::uint64_t& into, std::uint64_t least, std::uint64_t most);
    void count(std::string_view name, std::size_t& into, std::size_t least, std::size_t most);
    void unix_socket(std::string_view name, std::optional<std::string>& into);

private:
    const setting_values& values_;
    std::optional<config_error> error_;
};

} // namespace agent
