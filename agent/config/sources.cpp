#include "agent/config/sources.hpp"

#include "agent/config/file.hpp"
#include "agent/event/printable.hpp"
#include "net/system/output.hpp"

#include <CLI/Error.hpp>

#include <cstdio>

namespace agent {
namespace {

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
        else if (still_quoted(in_environment))
            return config_error{exit_code::usage, still_quoted_text(one->of.variable)};
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

std::optional<exit_code> parse_arguments(CLI::App& app, std::vector<std::string> arguments) {
    const auto usage = [&](const std::string& message) {
        net::tell_standard_error(app.get_name() + ": " + printable(message) + "\nSee `" + app.get_name() +
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
