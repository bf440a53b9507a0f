#pragma once
// Every setting of `ringtail run` in one table: the flag's name, which is also the key in the configuration
// file, its variable, its default and its words. Other commands take the part of the table that concerns
// them.

#include "net/secret.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace agent {

struct setting {
    std::string_view name;         // "linger": --linger and the file's key
    std::string_view variable;     // empty: none
    std::string_view value;        // what it takes, "DURATION"; empty: a switch
    std::string_view default_text; // as shown by --help
    std::string_view group;
    std::string_view help;
};

// In the order of --help.
std::span<const setting> all_settings();
const setting* find_setting(std::string_view name);

// A later one wins. The first is a command's own default.
enum class setting_origin { command, file, variable, flag };

struct setting_value {
    std::string text;
    setting_origin from = setting_origin::flag;
    std::string where; // "--linger", "RINGTAIL_LINGER", "linger in /etc/ringtail.toml": for messages
};

// What was set, by setting name; a default is the absence of a value.
class setting_values {
public:
    const setting_value* find(std::string_view name) const;
    // Keeps what has the higher origin.
    void set(std::string_view name, setting_value value);

private:
    std::map<std::string, setting_value, std::less<>> values_;
};

// The process's environment as it was at start.
using variables = std::map<std::string, std::string, std::less<>>;
std::string_view variable(const variables& from, std::string_view name); // empty where absent
// Of it, what may hold a secret; it stands nowhere else.
using secret_variables = std::map<std::string, net::secret, std::less<>>;
std::string_view variable(const secret_variables& from, std::string_view name);

// A value that still has the quotes around it which docker --env-file does not take away.
bool still_quoted(std::string_view value);
std::string still_quoted_text(std::string_view variable); // never with the value, which may be a secret

// The candidate nearest to a mistyped word, if one is near enough to be meant.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

} // namespace agent
