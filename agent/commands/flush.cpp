// `ringtail flush`: waits until what an agent has taken so far is durable. Exit codes: 0, 3, 4; 1 for no
// agent.

#include "agent/api/call.hpp"
#include "agent/commands/agent_call.hpp"
#include "agent/config/units.hpp"

#include <boost/json/parse.hpp>

#include <cstdio>

namespace agent::commands {
namespace {

// 504 says what is left: where S2 refuses some of it, that is the news, whatever else the deadline has cut
// off.
exit_code code_of(const api_answer& answer) {
    if (answer.status == 200)
        return exit_code::durable;
    if (answer.status != 504)
        return exit_code::failure;
    net::error_code failed;
    const auto json = boost::json::parse(answer.body, failed);
    const auto says_parked = [&json](std::string_view pointer) {
        net::error_code missing;
        const auto* value = json.find_pointer(pointer, missing);
        return value && *value == boost::json::value("parked");
    };
    // Refused streams come first in the list.
    const bool parked = !failed && (says_parked("/error/code") || says_parked("/left/streams/0/state"));
    return parked ? exit_code::parked : exit_code::undelivered;
}

} // namespace

exit_code flush(invocation& given) {
    CLI::App app("Waits until everything that an agent has taken so far is durable. Exit codes: 0 durable, 1 "
                 "no agent,\n"
                 "3 not by the timeout, 4 parked (refused by S2).",
                 "ringtail flush");
    const api_flags flags(app);
    std::string timeout_text = "5s";
    app.add_option("--timeout", timeout_text, "longest wait [default 5s]")->option_text("DURATION");
    std::optional<config> made;
    const exit_code code = configure(app, flags.settings(), given, made);
    if (!made)
        return code;
    const auto timeout = parse_duration(timeout_text);
    if (!timeout)
        return complain("flush", "--timeout: '" + timeout_text + "' is not a duration, like 5s",
                        exit_code::usage);
    if (*timeout > flush_timeout_max)
        return complain("flush",
                        "--timeout: '" + timeout_text + "' is more than " + duration_text(flush_timeout_max),
                        exit_code::usage);
    const auto found = flags.address(given, *made);
    if (const auto* failed = std::get_if<config_error>(&found))
        return complain("flush", failed->message, failed->code);
    const api_address& to = std::get<api_address>(found);
    return on_loop([&](net::environment& env) -> net::task<exit_code> {
        net::request_head head;
        head.method = "POST";
        head.target = "/events/flush?timeout=" + duration_text(*timeout);
        constexpr auto grace = std::chrono::seconds(10); // for the answer itself
        const auto deadline = net::saturating_add(net::saturating_add(env.now(), *timeout), grace);
        auto answer = co_await call_agent(env, to, std::move(head), {}, deadline);
        if (!answer)
            co_return complain("flush", no_agent_text(to, answer.error()));
        const exit_code outcome = code_of(*answer);
        if (outcome != exit_code::durable)
            complain("flush", api_error_text(*answer));
        if (outcome == exit_code::failure)
            co_return outcome;
        standard_output out;
        out.line(answer->body);
        co_return outcome;
    });
}

} // namespace agent::commands
