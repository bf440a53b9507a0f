// `ringtail publish`: one event from the arguments, or NDJSON from standard input, through an agent's API.

#include "agent/commands/agent_call.hpp"
#include "agent/event.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace agent::commands {
namespace {

constexpr auto patience = std::chrono::seconds(30);
constexpr std::size_t request_bytes = 4 * 1024 * 1024; // lines are sent in requests of about this size

net::request_head publish_head(std::string content_type) {
    net::request_head head;
    head.method = "POST";
    head.target = "/events/publish";
    head.fields.push_back({"content-type", std::move(content_type)});
    return head;
}

// A batch's answer: counted, and each refused line said.
struct tally {
    std::uint64_t accepted = 0;
    std::uint64_t filtered = 0;
    std::uint64_t refused = 0;
    std::uint64_t lines_before = 0; // of earlier requests

    bool add(const api_answer& answer) {
        net::error_code failed;
        const auto json = boost::json::parse(answer.body, failed);
        const auto* object = failed ? nullptr : json.if_object();
        if (!object || !object->contains("accepted"))
            return false;
        const auto number = [&](const char* name) {
            const auto* value = object->if_contains(name);
            net::error_code wrong;
            return value ? value->to_number<std::uint64_t>(wrong) : 0;
        };
        accepted += number("accepted");
        filtered += number("filtered");
        refused += number("refused");
        if (const auto* errors = object->if_contains("errors"); errors && errors->is_array()) {
            for (const auto& error : errors->get_array())
                say(error);
        }
        return true;
    }

    void say(const boost::json::value& error) const {
        const auto* object = error.if_object();
        const auto* line = object ? object->if_contains("line") : nullptr;
        const auto* message = object ? object->if_contains("message") : nullptr;
        if (!line || !message || !message->is_string())
            return;
        net::error_code wrong;
        const auto number = line->to_number<std::uint64_t>(wrong);
        complain("publish", "line " + std::to_string(lines_before + number) +
                                " refused: " + std::string(message->get_string()));
    }
};

net::task<exit_code> publish_one(net::environment& env, api_address to, std::string event) {
    net::request_head head = publish_head("application/json");
    auto answer = co_await call_agent(env, to, std::move(head), std::move(event), env.now() + patience);
    if (!answer)
        co_return complain("publish", no_agent_text(to, answer.error()));
    if (answer->status != 200)
        co_return complain("publish", api_error_text(*answer));
    standard_output out;
    out.line(answer->body);
    co_return out.flush() ? exit_code::durable : exit_code::failure;
}

net::task<exit_code> publish_lines(net::environment& env, api_address to) {
    auto input = env.standard_input();
    if (!input)
        co_return complain("publish", "cannot read standard input: " + input.error().message());
    tally total;
    std::string held;
    std::vector<char> chunk(256 * 1024);
    for (bool ended = false; !ended || !held.empty();) {
        while (!ended && held.size() < request_bytes) {
            const auto count = co_await (*input)->read_some(boost::asio::buffer(chunk));
            ended = !count;
            if (!count && !net::is_eof(count.error()))
                co_return complain("publish", "cannot read standard input: " + count.error().message());
            if (count)
                held.append(chunk.data(), *count);
        }
        const auto last = held.rfind('\n');
        const std::size_t size = ended || last == std::string::npos ? held.size() : last + 1;
        if (!ended && last == std::string::npos && held.size() <= event_line_bytes_max)
            continue;
        if (!ended && last == std::string::npos)
            co_return complain("publish", "a line is longer than 4 MiB");
        if (size == 0)
            break;
        std::string lines = held.substr(0, size);
        held.erase(0, size);
        const auto count = static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
        net::request_head head = publish_head("application/x-ndjson");
        auto answer = co_await call_agent(env, to, std::move(head), std::move(lines), env.now() + patience);
        if (!answer)
            co_return complain("publish", no_agent_text(to, answer.error()));
        if (!total.add(*answer))
            co_return complain("publish", api_error_text(*answer));
        total.lines_before += count;
    }
    standard_output out;
    const boost::json::object said{
        {"accepted", total.accepted}, {"filtered", total.filtered}, {"refused", total.refused}};
    out.line(boost::json::serialize(said));
    co_return out.flush() && total.refused == 0 ? exit_code::durable : exit_code::failure;
}

} // namespace

exit_code publish(const invocation& given) {
    CLI::App app(
        "Publishes through an agent's API: one event from the arguments, or NDJSON from standard input (-).\n"
        "Exit code 1 when any was refused.",
        "ringtail publish");
    const api_flags flags(app);
    std::string event;
    std::string type;
    std::string category_name;
    std::string data;
    app.add_option("EVENT", event, "the event as JSON, or - for NDJSON on standard input")
        ->option_text("JSON|-");
    app.add_option("--type", type, "instead of JSON: the event's type")->option_text("TYPE");
    app.add_option("--category", category_name, "with --type: its category")->option_text("NAME");
    app.add_option("--data", data, "with --type: its data, any JSON")->option_text("JSON");
    std::optional<config> made;
    const exit_code code = configure(app, flags.settings(), given, made);
    if (!made)
        return code;
    if (type.empty() == event.empty())
        return complain("publish", "give either an event as JSON, or - , or --type; see --help",
                        exit_code::usage);
    if (!type.empty()) {
        boost::json::object built{{"type", type}};
        if (!category_name.empty())
            built["category"] = category_name;
        event = boost::json::serialize(built);
        if (!data.empty()) // as it was written: numbers and key order are the producer's
            event = event.substr(0, event.size() - 1) + ",\"data\":" + data + "}";
    }
    const auto found = flags.address(given, *made);
    if (const auto* why = std::get_if<std::string>(&found))
        return complain("publish", *why);
    const api_address to = std::get<api_address>(found);
    return on_loop([&](net::environment& env) {
        return event == "-" ? publish_lines(env, to) : publish_one(env, to, event);
    });
}

} // namespace agent::commands
