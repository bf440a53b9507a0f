#include "agent/commands/agent_call.hpp"

#include "net/http1/client.hpp"
#include "net/system/files.hpp"
#include "net/task/deadline.hpp"
#include "net/text.hpp"

#include <boost/json/parse.hpp>

#include <array>

namespace agent::commands {
namespace {

constexpr std::array<std::string_view, 5> shared_settings{"state-dir", "api-token-file", "log-level",
                                                          "log-format", "config"};

config_error no_address(std::string message) {
    return {exit_code::failure, std::move(message)};
}

// "http://HOST:PORT", "HOST:PORT", "unix:PATH".
std::variant<api_address, config_error> parse_address(std::string_view text, std::string_view where) {
    const auto refuse = [where, given = std::string(text)] {
        return config_error{exit_code::usage,
                            std::string(where) + ": '" + given +
                                "' is not an agent's address; write http://HOST:PORT or unix:PATH"};
    };
    if (text.starts_with("unix:")) {
        if (text.size() == 5)
            return refuse();
        return api_address{net::endpoint::unix_path(std::string(text.substr(5))), "localhost", {}};
    }
    constexpr std::string_view scheme = "http://";
    if (text.starts_with(scheme))
        text.remove_prefix(scheme.size());
    if (text.ends_with('/'))
        text.remove_suffix(1);
    const auto at = net::parse_endpoint(text);
    if (!at || at->type != net::endpoint::kind::tcp)
        return refuse();
    return api_address{*at, at->text(), {}};
}

} // namespace

api_flags::api_flags(CLI::App& app)
    : settings_(app, shared_settings) {
    option_ = app.add_option("--api", api_,
                             "the agent to call [default the address in STATE_DIR/status.json; RINGTAIL_API]")
                  ->option_text("URL|unix:PATH");
}

std::variant<api_address, config_error> api_flags::address(const invocation& given,
                                                           const config& from) const {
    std::variant<api_address, config_error> found;
    const auto files = net::make_system_files();
    const std::string_view by_variable = variable(given.environment, "RINGTAIL_API");
    if (option_->count() > 0) {
        found = parse_address(api_, "--api");
    } else if (!by_variable.empty()) {
        found = parse_address(by_variable, "RINGTAIL_API");
    } else if (from.state_dir.empty()) {
        return no_address(
            "there is no state directory to find the agent in; give --api URL or --api unix:PATH");
    } else {
        const auto file = (from.state_dir / "status.json").string();
        const auto status = read_status(*files, from.state_dir);
        if (!status)
            return no_address("no agent is known in " + from.state_dir.string() + " (" + file + ": " +
                              status.error().message() + "); is it running? Give --state-dir or --api");
        const auto* address = status->if_contains("api");
        if (!address || !address->is_string())
            return no_address("the agent of " + from.state_dir.string() +
                              " has no API (started with - or --listen none); give --api");
        found = parse_address(address->get_string(), file);
        if (auto* failed = std::get_if<config_error>(&found))
            failed->code = exit_code::failure; // what stands in the file is nobody's usage
    }
    auto* at = std::get_if<api_address>(&found);
    if (at && !from.api_token_file.empty()) {
        const auto token = files->read_all(from.api_token_file, s2::token_file_bytes_max);
        if (!token)
            return no_address("cannot read " + from.api_token_file.string() +
                              " (--api-token-file): " + token.error().message());
        at->token = net::trimmed(*token);
    }
    return found;
}

net::task<net::result<api_answer>> call_agent(net::environment& env, api_address to, net::request_head head,
                                              std::string body, net::time_point deadline) {
    auto dialled = co_await env.dial(to.at, deadline);
    if (!dialled)
        co_return dialled.error();
    net::stream& transport = **dialled;
    const net::deadline_guard guard(env, deadline, transport);
    const auto client = net::make_http1_client(env, std::move(*dialled));
    head.scheme = "http";
    head.authority = to.authority;
    if (!to.token.empty())
        head.fields.push_back({"authorization", "Bearer " + to.token});
    if (!body.empty())
        head.fields.push_back({"content-length", std::to_string(body.size())});
    auto opened = co_await client->open(std::move(head), body.empty());
    if (!opened)
        co_return guard.outcome(opened.error());
    net::client_exchange& exchange = **opened;
    if (!body.empty()) {
        const boost::asio::const_buffer whole(body.data(), body.size());
        // An agent may refuse in the middle of the body: then its answer says more than the failed write.
        const net::error_code sent = co_await exchange.write(std::span(&whole, 1));
        if (!sent) {
            const net::error_code ended = co_await exchange.finish();
            if (ended && ended != boost::system::errc::broken_pipe)
                co_return guard.outcome(ended);
        }
    }
    auto response = co_await exchange.response();
    if (!response)
        co_return guard.outcome(response.error());
    api_answer answer;
    answer.status = response->status;
    auto content = co_await net::read_body(exchange, api_answer_bytes_max);
    if (!content)
        co_return guard.outcome(content.error());
    answer.body = std::move(*content);
    co_return answer;
}

std::string api_error_text(const api_answer& answer) {
    net::error_code failed;
    const auto json = boost::json::parse(answer.body, failed);
    const auto* object = failed ? nullptr : json.if_object();
    const auto* error = object ? object->if_contains("error") : nullptr;
    if (!error || !error->is_object())
        return std::to_string(answer.status) + (answer.body.empty() ? "" : ": " + answer.body.substr(0, 500));
    std::string text;
    for (const auto* member : {"message", "hint"}) {
        const auto* value = error->get_object().if_contains(member);
        if (value && value->is_string() && !value->get_string().empty())
            text += (text.empty() ? "" : "; ") + std::string(value->get_string());
    }
    return text.empty() ? answer.body : text;
}

std::string no_agent_text(const api_address& at, const net::error_code& why) {
    return "no answer from an agent at " + at.at.text() + ": " + why.message() +
           "; is it running? Its address stands in its state directory's status.json, or give --api";
}

} // namespace agent::commands
