#include "agent/commands/command.hpp"

#include "agent/event/printable.hpp"
#include "agent/host/log.hpp"
#include "agent/host/process.hpp"
#include "net/system/files.hpp"
#include "net/system/output.hpp"
#include "net/system/run.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <unistd.h>

namespace agent::commands {
namespace {

constexpr std::array table{
    command{"run", "the agent: takes events, keeps them in its ring, delivers them to S2", run},
    command{"replay", "writes a session's envelopes to standard output and exits", replay},
    command{"tail", "the same, and follows", tail},
    command{"publish", "publishes events through an agent's API", publish},
    command{"flush", "waits until an agent's events are durable", flush},
    command{"status", "what an agent is doing, or how the last one ended", status},
    command{"check", "checks configuration and connectivity, without sending events", check},
    command{"local", "serves the embedded S2-compatible store on a port", local},
    command{"bench", "load against any S2 endpoint, with latencies and a verdict on what was stored", bench},
    command{"version", "the version", version},
};

std::string help() {
    std::string text =
        "ringtail carries a browser's events out of its VM and into S2: in order, exactly once.\n\n"
        "Usage: ringtail COMMAND [flags]\n\nCommands:\n";
    for (const command& one : table)
        text += "  " + std::string(one.name) + std::string(10 - one.name.size(), ' ') +
                std::string(one.summary) + "\n";
    text += "\nFlags of a command: ringtail COMMAND --help\n"
            "First steps:        ringtail run - < events.ndjson; ringtail replay latest\n";
    return text;
}

} // namespace

std::span<const command> all_commands() {
    return table;
}

exit_code dispatch(std::vector<std::string> arguments, variables environment, secret_variables secrets) {
    if (arguments.empty()) {
        std::fputs(help().c_str(), stderr);
        return exit_code::usage;
    }
    std::string name = arguments.front();
    arguments.erase(arguments.begin());
    if (name == "--help" || name == "-h" || name == "help") {
        std::fputs(help().c_str(), stdout);
        return exit_code::durable;
    }
    if (name == "--version")
        name = "version";
    std::vector<std::string> names;
    for (const command& one : table) {
        if (one.name == name) {
            invocation given{std::move(arguments), std::move(environment), std::move(secrets)};
            return one.act(given);
        }
        names.emplace_back(one.name);
    }
    std::string message = "unknown command '" + name + "'";
    if (const auto meant = nearest(name, names))
        message += "; did you mean '" + *meant + "'?";
    return complain("", message + " (ringtail --help lists the commands)", exit_code::usage);
}

exit_code configure(CLI::App& app, const setting_flags& flags, invocation& given,
                    std::optional<config>& into) {
    if (const auto ended = parse_arguments(app, given.arguments))
        return *ended;
    const auto files = net::make_system_files();
    const auto values = flags.gather(given.environment, [&](const std::filesystem::path& file) {
        return files->read_all(file, config_file_bytes_max);
    });
    const auto refuse = [&](const config_error& failed) {
        net::tell_standard_error(app.get_name() + ": " + printable(failed.message) + "\n");
        return failed.code;
    };
    if (const auto* failed = std::get_if<config_error>(&values))
        return refuse(*failed);
    host_facts host;
    host.environment = given.environment;
    host.secrets = std::move(given.secrets);
    host.root = running_as_root();
    host.pid = ::getpid();
    host.group_id = group_named;
    host.exists = [&](const std::filesystem::path& file) { return files->exists(file); };
    auto made = make_config(std::get<setting_values>(values), host);
    if (const auto* failed = std::get_if<config_error>(&made))
        return refuse(*failed);
    into = std::move(std::get<config>(made));
    init_log(into->log_level, into->log);
    return exit_code::durable;
}

exit_code complain(std::string_view command, std::string_view message, exit_code code) {
    const std::string line =
        "ringtail" + (command.empty() ? "" : " " + std::string(command)) + ": " + printable(message) + "\n";
    net::tell_standard_error(line);
    return code;
}

exit_code on_loop(std::function<net::task<exit_code>(net::environment&)> body) {
    exit_code code = exit_code::failure;
    net::run_system([&](net::environment& env) -> net::task<void> { code = co_await body(env); });
    return code;
}

void standard_output::line(std::string_view text) {
    constexpr std::size_t held_bytes_max = 64 * 1024;
    held_.append(text);
    held_ += '\n';
    if (held_.size() >= held_bytes_max)
        flush();
}

bool standard_output::flush() {
    if (!failed() && !held_.empty()) {
        const bool written =
            std::fwrite(held_.data(), 1, held_.size(), stdout) == held_.size() && std::fflush(stdout) == 0;
        if (!written)
            failure_ = {errno, boost::system::generic_category()};
    }
    held_.clear();
    return !failed();
}

} // namespace agent::commands
