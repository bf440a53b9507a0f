#pragma once
// Where settings come from: flags (CLI11), variables, and a TOML file; gathered into one set of values that
// still know their origin. Nothing is interpreted here except what a switch takes.

#include "agent/config/exit_code.hpp"
#include "agent/config/setting.hpp"
#include "net/result.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp> // what every App refers to: clang makes it where it is seen, only
#include <CLI/Formatter.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace agent {

struct config_error {
    exit_code code = exit_code::usage;
    std::string message; // what, where, what to do
};

constexpr std::uint64_t config_file_bytes_max = 1024 * 1024;
using file_reader = std::function<net::result<std::string>(const std::filesystem::path&)>;

// A command's own default for one of the agent's settings.
struct setting_default {
    std::string_view name;
    std::string_view text;
};

// Puts settings as flags on an application and gathers their values after it has parsed.
class setting_flags {
public:
    // All of the agent's, or those named; or a command's own.
    explicit setting_flags(CLI::App& app);
    setting_flags(CLI::App& app, std::span<const std::string_view> names,
                  std::span<const setting_default> defaults = {});
    setting_flags(CLI::App& app, std::span<const setting> own);
    setting_flags(const setting_flags&) = delete;
    setting_flags& operator=(const setting_flags&) = delete;

    std::variant<setting_values, config_error> gather(const variables& environment,
                                                      const file_reader& read) const;

private:
    struct flag {
        setting of;
        std::string text;
        CLI::Option* option;
    };

    void add(CLI::App& app, const setting& of);
    std::vector<std::unique_ptr<flag>> flags_;
    std::span<const setting_default> defaults_;
};

// Parses the arguments (without the program's name). Nothing: go on. Else the process is to end with this
// code: help was shown on standard output, or an error with a suggestion on standard error. Values are never
// repeated in it.
std::optional<exit_code> parse_arguments(CLI::App& app, std::vector<std::string> arguments);

} // namespace agent
