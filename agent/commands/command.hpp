#pragma once
// The subcommands of `ringtail`: one function each, found by name.

#include "agent/config/make_config.hpp"
#include "agent/config/setting.hpp"
#include "agent/config/sources.hpp"
#include "agent/delivery/report.hpp"
#include "net/environment.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace agent::commands {

struct invocation {
    std::vector<std::string> arguments; // behind the subcommand's name
    variables environment;
    secret_variables secrets; // until the configuration has them
};

exit_code run(invocation& given);
exit_code replay(invocation& given);
exit_code tail(invocation& given);
exit_code publish(invocation& given);
exit_code flush(invocation& given);
exit_code status(invocation& given);
exit_code check(invocation& given);
exit_code local(invocation& given);
exit_code bench(invocation& given);
exit_code version(invocation& given);

struct command {
    std::string_view name;
    std::string_view summary;
    exit_code (*act)(invocation&);
};

std::span<const command> all_commands();

// `ringtail ARGUMENTS…`: help, an unknown command with the nearest one, or the command's own exit code.
exit_code dispatch(std::vector<std::string> arguments, variables environment, secret_variables secrets);

// --- what the commands share

// Parses, gathers and checks. Nothing in `into` when the process is to end with the code that is returned.
exit_code configure(CLI::App& app, const setting_flags& flags, invocation& given,
                    std::optional<config>& into);

// Says on standard error what went wrong, behind the command's name, and gives the code.
exit_code complain(std::string_view command, std::string_view message, exit_code code = exit_code::failure);

// Runs the task in the real world and gives its code.
exit_code on_loop(std::function<net::task<exit_code>(net::environment&)> body);

// Standard output, buffered, flushed when it goes. After a failure (a closed pipe, a full disk) failure()
// says why, and nothing more is written.
class standard_output {
public:
    ~standard_output() { flush(); }

    void line(std::string_view text); // adds the newline
    bool flush();

    bool failed() const { return static_cast<bool>(failure_); }

    const net::error_code& failure() const { return failure_; }

private:
    std::string held_;
    net::error_code failure_;
};

} // namespace agent::commands
