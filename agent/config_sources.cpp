#include "agent/config_sources.hpp"

#include "net/system_output.hpp"

#include <CLI/Config.hpp>
#include <CLI/Error.hpp>
#include <CLI/Formatter.hpp>

#include <cstdio>
#include <sstream>

namespace agent {
namespace {

std::vector<std::string> setting_names() {
    std::vector<std::string> names;
    for (const setting& known : all_settings())
        names.emplace_back(known.name);
    return names;
}

std::vector<std::string> flag_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames())
            names.push_back("--" + name);
    }
    return names;
}

std::string help_of(const setting& of) {
    std::string text(of.help);
    text += " [";
    if (!of.default_text.empty())
        text += "default " + std::string(of.default_text);
    if (!of.default_text.empty() && !of.variable.empty())
        text += "; ";
    text += of.variable;
    text += "]";
    return text.ends_with(" []") ? std::string(of.help) : text;
}

// What may be shown of a key that is none of ours: no more than a key could be, and nothing where no line
// gives it a value, since then it may be one itself (a token on a line of its own).
std::string shown_key(std::string_view content, const CLI::ConfigItem& item) {
    const std::string key = item.fullname();
    const auto end = key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.");
    if (end != std::string::npos)
        return key.substr(0, end);
    std::istringstream lines{std::string(content)};
    for (std::string line; std::getline(lines, line);)
        if (const auto equals = line.find('=');
            equals != std::string::npos && line.rfind(item.name, equals) < equals)
            return key;
    return {};
}

std::string unknown_key(std::string_view content, const std::string& path, const CLI::ConfigItem& item) {
    const std::string shown = shown_key(content, item);
    std::string message = path + ": unknown key '" + shown + "'";
    if (shown.empty())
        message = path + ": a line that is no key = value";
    if (item.name.find("token") != std::string::npos)
        return message + "; a token is never in the configuration file: name its file with s2-token-file";
    if (const auto meant = nearest(shown, setting_names()))
        return message + "; did you mean '" + *meant + "'?";
    return message + "; keys are the flags of `ringtail run` without dashes, and there are no sections";
}

} // namespace

setting_flags::setting_flags(CLI::App& app) {
    for (const setting& known : all_settings())
        add(app, known);
}

setting_flags::setting_flags(CLI::App& app, std::span<const std::string_view> names,
                             std::span<const setting_default> defaults)
    : defaults_(defaults) {
    for (setting known : all_settings()) {
        if (std::find(names.begin(), names.end(), known.name) == names.end())
            continue;
        for (const setting_default& other : defaults)
            if (other.name == known.name)
                known.default_text = other.text;
        add(app, known);
    }
}

setting_flags::setting_flags(CLI::App& app, std::span<const setting> own) {
    for (const setting& known : own)
        add(app, known);
}

void setting_flags::add(CLI::App& app, const setting& of) {
    flag& one = *flags_.emplace_back(
        std::make_unique<flag>(flag{of, {}, nullptr})); // CLI11 keeps a reference to text
    const std::string name = "--" + std::string(one.of.name);
    if (one.of.value.empty()) {
        one.option = app.add_flag(name, one.text, help_of(one.of));
    } else {
        one.option = app.add_option(name, one.text, help_of(one.of));
        one.option->option_text(std::string(one.of.value));
    }
    one.option->group(std::string(one.of.group));
    one.option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

std::variant<setting_values, config_error> setting_flags::gather(const variables& environment,
                                                                 const file_reader& read) const {
    setting_values values;
    for (const setting_default& one : defaults_)
        values.set(one.name, {std::string(one.text), setting_origin::command,
                              "the default of --" + std::string(one.name)});
    for (const auto& one : flags_) {
        const std::string name(one->of.name);
        const std::string_view in_environment =
            one->of.variable.empty() ? std::string_view{} : variable(environment, one->of.variable);
        if (one->option->count() > 0)
            values.set(name, {one->text, setting_origin::flag, "--" + name});
        else if (!in_environment.empty()) // an empty variable is how an init script says "none"
            values.set(
                name, {std::string(in_environment), setting_origin::variable, std::string(one->of.variable)});
    }
    const setting_value* file = values.find("config");
    if (!file)
        return values;
    const auto content = read(file->text);
    if (!content) {
        return config_error{exit_code::unusable, "cannot read the configuration file " + file->text + " (" +
                                                     file->where + "): " + content.error().message()};
    }
    if (auto failed = gather_file(*content, file->text, values))
        return *failed;
    return values;
}

std::optional<config_error> gather_file(std::string_view content, const std::string& path,
                                        setting_values& into) {
    std::istringstream lines{std::string(content)};
    std::vector<CLI::ConfigItem> items;
    try {
        items = CLI::ConfigTOML().from_config(lines);
    } catch (const CLI::Error& failed) {
        return config_error{exit_code::usage, path + ": " + failed.what()};
    }
    for (const CLI::ConfigItem& item : items) {
        if (item.name == "++" || item.name == "--") // CLI11's marks for a section's begin and end
            continue;
        const std::string key = item.fullname();
        const setting* known = find_setting(key);
        if (!known || key == "config")
            return config_error{exit_code::usage, unknown_key(content, path, item)};
        std::string text;
        for (const std::string& input : item.inputs)
            text += (text.empty() ? "" : ",") + input;
        if (!text.empty() && (text.front() == '"' || text.front() == '\'')) {
            return config_error{exit_code::usage, path + ": the value of '" + key +
                                                      "' has a quote without its end (or holds a #)"};
        }
        into.set(key, {std::move(text), setting_origin::file, key + " in " + path});
    }
    return std::nullopt;
}

std::optional<exit_code> parse_arguments(CLI::App& app, std::vector<std::string> arguments) {
    const auto usage = [&](const std::string& message) {
        net::tell_standard_error(app.get_name() + ": " + message + "\nSee `" + app.get_name() +
                                 " --help`.\n");
        return exit_code::usage;
    };
    app.allow_extras(true);
    std::reverse(arguments.begin(), arguments.end()); // CLI11 takes them from the back
    try {
        app.parse(arguments);
    } catch (const CLI::CallForHelp&) {
        std::fputs(app.help().c_str(), stdout);
        return exit_code::durable;
    } catch (const CLI::Error& failed) {
        return usage(failed.what());
    }
    const std::vector<std::string> unknown = app.remaining();
    if (unknown.empty())
        return std::nullopt;
    // Only the name: what follows may be a secret.
    const std::string word = unknown.front().substr(0, unknown.front().find('='));
    if (!word.starts_with('-'))
        return usage("unexpected argument '" + word + "'");
    std::string message = "unknown flag " + word;
    if (word.find("token") != std::string::npos && word.find("file") == std::string::npos)
        message += "; a token is never a flag: name its file with --s2-token-file, or set S2_ACCESS_TOKEN";
    else if (const auto meant = nearest(word, flag_names(app)))
        message += "; did you mean " + *meant + "?";
    return usage(message);
}

} // namespace agent
