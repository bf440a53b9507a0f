// `ringtail status`: GET /status of a running agent, or what the last one left in its state directory.

#include "agent/commands/agent_call.hpp"
#include "agent/event/printable.hpp"
#include "net/system/files.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace agent::commands {
namespace {

std::string shown(const boost::json::value& value) {
    return value.is_string() ? std::string(value.get_string()) : boost::json::serialize(value);
}

// "name  value" lines; objects inside become "outer.inner".
void show(const boost::json::object& status, const std::string& prefix, standard_output& out) {
    constexpr std::size_t column = 28;
    for (const auto& [key, value] : status) {
        const std::string name = prefix + std::string(key);
        if (value.is_object())
            show(value.get_object(), name + ".", out);
        else
            out.line(name + std::string(name.size() < column ? column - name.size() : 1, ' ') +
                     printable(shown(value)));
    }
}

} // namespace

exit_code status(invocation& given) {
    CLI::App app("What an agent is doing; where none runs, how the last one of the state directory ended.",
                 "ringtail status");
    const api_flags flags(app);
    bool json = false;
    app.add_flag("--json", json, "one JSON object");
    std::optional<config> made;
    const exit_code code = configure(app, flags.settings(), given, made);
    if (!made)
        return code;
    const auto print = [&](const boost::json::object& status) {
        standard_output out;
        if (json)
            out.line(boost::json::serialize(status));
        else
            show(status, "", out);
        return out.flush() ? exit_code::durable : exit_code::failure;
    };
    const auto left = [&](const std::string& why) {
        const auto files = net::make_system_files();
        const auto stored = made->state_dir.empty() ? net::make_error_code(net::error::eof)
                                                    : read_status(*files, made->state_dir);
        if (!stored)
            return complain("status", why);
        auto status = *stored;
        const auto* state = status.if_contains("state");
        if (!state || *state != boost::json::value("stopped"))
            status["state"] = "not running"; // it died without writing how
        return print(status);
    };
    const auto found = flags.address(given, *made);
    if (const auto* failed = std::get_if<config_error>(&found))
        return failed->code == exit_code::usage ? complain("status", failed->message, failed->code)
                                                : left(failed->message);
    const api_address& to = std::get<api_address>(found);
    return on_loop([&](net::environment& env) -> net::task<exit_code> {
        net::request_head head;
        head.target = "/status";
        auto answer = co_await call_agent(env, to, std::move(head), {}, env.now() + std::chrono::seconds(5));
        if (!answer)
            co_return left(no_agent_text(to, answer.error()));
        net::error_code failed;
        const auto parsed = boost::json::parse(answer->body, failed);
        if (answer->status != 200 || failed || !parsed.is_object())
            co_return complain("status", api_error_text(*answer));
        co_return print(parsed.get_object());
    });
}

} // namespace agent::commands
