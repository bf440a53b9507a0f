// `ringtail run`: the agent.

#include "agent/service/run.hpp"

#include "agent/commands/command.hpp"
#include "agent/host/log.hpp"

namespace agent::commands {
namespace {

// A lone dash is short for --input=-, wherever it stands, except as the value of the flag before it.
std::vector<std::string> expand_dash(std::vector<std::string> arguments) {
    bool value_follows = false;
    for (std::string& argument : arguments) {
        if (argument == "-" && !value_follows)
            argument = "--input=-";
        const bool flag = argument.starts_with("--") && argument.find('=') == std::string::npos;
        const setting* known = flag ? find_setting(std::string_view(argument).substr(2)) : nullptr;
        value_follows = known && !known->value.empty();
    }
    return arguments;
}

// What it takes to read the command line is gone before the agent begins.
exit_code read_command_line(invocation& given, std::optional<config>& made) {
    CLI::App app("The agent: takes events, keeps them in its ring, delivers them to S2 (without a basin: to "
                 "the embedded\n"
                 "store). Exit codes: 0 all durable, 1 failure, 2 usage, 3 undelivered at the deadline, 4 "
                 "refused by S2,\n"
                 "5 configuration or state directory unusable.",
                 "ringtail run");
    app.footer("`ringtail run -` is short for `ringtail run --input -`: NDJSON events on standard input.");
    const setting_flags flags(app);
    invocation expanded{expand_dash(given.arguments), given.environment, std::move(given.secrets)};
    return configure(app, flags, expanded, made);
}

} // namespace

exit_code run(invocation& given) {
    std::optional<config> made;
    const exit_code code = read_command_line(given, made);
    return made ? run_agent(*made) : code;
}

} // namespace agent::commands
