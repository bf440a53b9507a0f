#include "agent/config/file.hpp"

#include "agent/config/plain_toml.hpp"

namespace agent {

// Of input that the library takes for impossible; its own way would be to abort.
struct library_confused {};

[[noreturn]] static void confuse() {
    throw library_confused();
}

} // namespace agent

#define TOML_ENABLE_FORMATTERS 0
#define TOML_ASSERT(expression) ((expression) ? static_cast<void>(0) : agent::confuse())
#include <algorithm>
#include <toml++/toml.h>
#include <vector>

namespace agent {
namespace {

// The library destroys nested tables by recursion, and each dot in a key is one of them.
constexpr auto dots_per_line_max = 256;

std::vector<std::string> setting_names() {
    std::vector<std::string> names;
    for (const setting& known : all_settings())
        names.emplace_back(known.name);
    return names;
}

std::string_view line_of(std::string_view content, std::size_t number) {
    for (; number > 1 && !content.empty(); --number)
        content.remove_prefix(std::min(content.size(), content.find('\n') + 1));
    return content.substr(0, content.find_first_of("\r\n"));
}

// Of a key that is none of ours no more is shown than a key could be.
std::string shown_key(std::string_view key) {
    const auto begin = std::min(key.find_first_not_of(" \t\"'"), key.size());
    const auto end = key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.", begin);
    return std::string(key.substr(begin, std::min(end, key.size()) - begin));
}

bool names_a_token(std::string_view line) {
    return line.find("token") != std::string_view::npos && !find_setting(shown_key(line));
}

constexpr std::string_view token_advice =
    "a token is never in the configuration file: name its file with s2-token-file";

config_error at_line(const std::string& path, std::size_t line, const std::string& what) {
    return {exit_code::usage, path + ": line " + std::to_string(line) + ": " + what};
}

config_error unknown_key(const std::string& path, std::size_t line, std::string_view key, bool section) {
    std::string message = "unknown key '" + shown_key(key) + "'";
    if (key.find("token") != std::string_view::npos)
        message += std::string("; ") + std::string(token_advice);
    else if (section)
        message += "; there are no sections, and no dots in a key: keys are the flags of `ringtail run` "
                   "without dashes";
    else if (const auto meant = nearest(shown_key(key), setting_names()))
        message += "; did you mean '" + *meant + "'?";
    else
        message += "; keys are the flags of `ringtail run` without dashes";
    return at_line(path, line, message);
}

// None where it is not closed: what stands there may be anything, a secret too.
std::string_view section_name(std::string_view head) {
    head = head.substr(std::min(head.find_first_not_of(" \t["), head.size()));
    const auto end = head.find(']');
    return end == std::string_view::npos ? std::string_view{} : head.substr(0, end);
}

// The library's own words repeat what it met, so that only its position is taken and the kind of the mistake.
config_error not_toml(std::string_view content, const std::string& path, const toml::parse_error& failed) {
    const std::size_t number = failed.source().begin.line;
    const std::string_view line = line_of(content, number);
    const auto equals = line.find('=');
    const std::string key = shown_key(line.substr(0, equals));
    const bool ours = equals != std::string_view::npos && find_setting(key) != nullptr;
    if (names_a_token(line))
        return at_line(path, number, "this is not TOML; " + std::string(token_advice));
    if (ours && std::string_view(failed.description()).find("cannot redefine") != std::string_view::npos)
        return at_line(path, number, "the key '" + key + "' stands here a second time; leave one of them");
    return at_line(path, number,
                   "column " + std::to_string(failed.source().begin.column) + ": " +
                       (ours ? "the value of '" + key + "'" : std::string("this")) +
                       " is not TOML; write KEY = VALUE, text in double quotes, a number or true and false "
                       "without");
}

std::string_view wanted(const setting& of) {
    if (of.value.empty())
        return "true or false, without quotes";
    if (of.value == "N")
        return "a number, without quotes";
    if (of.value == "DURATION")
        return "a duration in quotes, like \"100ms\" or \"1m30s\"";
    if (of.value == "SIZE")
        return "a size in quotes, like \"16MiB\", or a number of bytes";
    if (of.value == "LIST")
        return "a text in quotes, or an array of such: [\"one\", \"two\"]";
    return "a text in quotes";
}

std::string_view type_name(const toml::node& value) {
    switch (value.type()) {
    case toml::node_type::table:
        return "a table";
    case toml::node_type::array:
        return "an array";
    case toml::node_type::string:
        return "a text";
    case toml::node_type::integer:
        return "a number";
    case toml::node_type::floating_point:
        return "a number with a fraction";
    case toml::node_type::boolean:
        return "a boolean";
    default:
        return "a date or time";
    }
}

// The value as it would be written on the command line. Nothing: not of the type that is wanted.
std::optional<std::string> as_flag(const setting& of, const toml::node& value) {
    const bool number = of.value == "N";
    if (of.value.empty()) {
        if (const auto* one = value.as_boolean())
            return one->get() ? "true" : "false";
        return std::nullopt;
    }
    if (const auto* one = value.as_integer(); one && (number || of.value == "SIZE"))
        return std::to_string(one->get());
    if (const auto* one = value.as_string(); one && !number)
        return one->get();
    const auto* list = of.value == "LIST" ? value.as_array() : nullptr;
    if (!list)
        return std::nullopt;
    std::string text;
    for (const toml::node& element : *list) {
        const auto* one = element.as_string();
        if (!one || one->get().empty() || one->get().find(',') != std::string::npos)
            return std::nullopt;
        text += (text.empty() ? "" : ",") + one->get();
    }
    return text;
}

// The first line with which the text confuses the library.
std::size_t confusing_line(std::string_view content) {
    std::size_t line = 1;
    for (auto end = content.find('\n'); end != std::string_view::npos;
         end = content.find('\n', end + 1), ++line) {
        try {
            static_cast<void>(toml::parse(content.substr(0, end)));
        } catch (const toml::parse_error&) { // of the cut
        } catch (const library_confused&) {
            break;
        }
    }
    return line;
}

} // namespace

std::optional<config_error> gather_file(std::string_view content, const std::string& path,
                                        setting_values& into) {
    for (std::size_t at = 0, line = 1, dots = 0; at < content.size(); ++at) {
        dots = content[at] == '\n' ? 0 : dots + (content[at] == '.' ? 1 : 0);
        if (dots > dots_per_line_max)
            return at_line(path, line, "has more than " + std::to_string(dots_per_line_max) + " dots");
        line += content[at] == '\n' ? 1 : 0;
    }
    std::string plain;
    if (const auto found = make_plain_toml(content, plain)) {
        const auto text = line_of(content, found->line);
        if (found->what == toml_stray::kind::section)
            return unknown_key(path, found->line, section_name(text), true);
        return at_line(path, found->line,
                       "has a character beyond ASCII where TOML has none; write texts as \"…\"");
    }
    toml::table read;
    try {
        read = toml::parse(plain); // passes over a byte order mark at the start
    } catch (const toml::parse_error& failed) {
        return not_toml(content, path, failed);
    } catch (const library_confused&) {
        return at_line(path, confusing_line(plain), "this is not TOML");
    }
    setting_values taken = into;
    std::optional<std::pair<std::size_t, config_error>>
        first; // the table is ordered by name, people read by line
    const auto fail = [&](std::size_t line, config_error found) {
        if (!first || line < first->first)
            first = {line, std::move(found)};
    };
    for (const auto& [name, value] : read) {
        const std::string key(name.str());
        const std::size_t line = name.source().begin.line;
        const setting* known = find_setting(key);
        if (!known || key == "config") {
            fail(line, unknown_key(path, line, key, value.is_table() || value.is_array_of_tables()));
            continue;
        }
        auto text = as_flag(*known, value);
        if (!text) {
            fail(line, at_line(path, line,
                               "'" + key + "' wants " + std::string(wanted(*known)) + "; this is " +
                                   std::string(type_name(value))));
            continue;
        }
        taken.set(key, {std::move(*text), setting_origin::file,
                        key + " in " + path + ", line " + std::to_string(line)});
    }
    if (first)
        return std::move(first->second);
    into = std::move(taken);
    return std::nullopt;
}

} // namespace agent
