// `ringtail publish`: one event from the arguments, or NDJSON from standard input, through an agent's API.

#include "agent/commands/agent_call.hpp"
#include "agent/event/line_splitter.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace agent::commands {
namespace {

constexpr auto patience = std::chrono::seconds(30);
// What one read brings is one request, with the line that was held before it: far below what a body may have.
constexpr std::size_t read_bytes = 1024 * 1024;

net::request_head publish_head(std::string content_type) {
    net::request_head head;
    head.method = "POST";
    head.target = "/events/publish";
    head.fields.push_back({"content-type", std::move(content_type)});
    return head;
}

// Lines that go in one request, and their numbers in the input.
struct line_batch {
    std::string text;
    std::vector<std::uint64_t> numbers;
};

// What became of the lines; each refused one is said.
struct tally {
    std::uint64_t accepted = 0;
    std::uint64_t filtered = 0;
    std::uint64_t refused = 0;

    // All that are there. Those that are refused here are not sent.
    line_batch take(line_splitter& lines) {
        line_batch batch;
        for (;;) {
            const auto next = lines.next();
            if (std::holds_alternative<need_input>(next))
                return batch;
            if (const auto* wrong = std::get_if<refused_line>(&next)) {
                ++refused;
                say(wrong->number, wrong->error.message);
                continue;
            }
            const auto& line = std::get<input_line>(next);
            batch.text.append(line.text) += '\n';
            batch.numbers.push_back(line.number);
        }
    }

    bool add(const api_answer& answer, const line_batch& sent) {
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
        std::uint64_t said = 0;
        if (const auto* errors = object->if_contains("errors"); errors && errors->is_array()) {
            for (const auto& error : errors->get_array())
                said += say(error, sent) ? 1 : 0;
        }
        if (said < number("refused"))
            complain("publish", std::to_string(number("refused") - said) + " more of lines " +
                                    std::to_string(sent.numbers.front()) + " to " +
                                    std::to_string(sent.numbers.back()) + " refused");
        return true;
    }

    // The agent numbers the lines of each request from 1.
    static bool say(const boost::json::value& error, const line_batch& sent) {
        const auto* object = error.if_object();
        const auto* line = object ? object->if_contains("line") : nullptr;
        const auto* message = object ? object->if_contains("message") : nullptr;
        net::error_code wrong;
        const auto number = line ? line->to_number<std::uint64_t>(wrong) : 0;
        if (wrong || number == 0 || number > sent.numbers.size() || !message || !message->is_string())
            return false;
        say(sent.numbers[number - 1], message->get_string());
        return true;
    }

    static void say(std::uint64_t line, std::string_view message) {
        complain("publish", "line " + std::to_string(line) + " refused: " + std::string(message));
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
    line_splitter lines;
    for (bool ended = false; !ended;) {
        const auto room = lines.prepare(read_bytes);
        const auto count = co_await (*input)->read_some(boost::asio::buffer(room.data(), room.size()));
        if (!count && !net::is_eof(count.error()))
            co_return complain("publish", "cannot read standard input: " + count.error().message());
        ended = !count;
        if (ended)
            lines.end_of_input();
        else
            lines.commit(*count);
        const line_batch batch = total.take(lines);
        if (batch.numbers.empty())
            continue;
        net::request_head head = publish_head("application/x-ndjson");
        auto answer = co_await call_agent(env, to, std::move(head), batch.text, env.now() + patience);
        if (!answer)
            co_return complain("publish", no_agent_text(to, answer.error()));
        if (!total.add(*answer, batch))
            co_return complain("publish", api_error_text(*answer));
    }
    standard_output out;
    const boost::json::object said{
        {"accepted", total.accepted}, {"filtered", total.filtered}, {"refused", total.refused}};
    out.line(boost::json::serialize(said));
    co_return out.flush() && total.refused == 0 ? exit_code::durable : exit_code::failure;
}

} // namespace

exit_code publish(invocation& given) {
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
    if (const auto* failed = std::get_if<config_error>(&found))
        return complain("publish", failed->message, failed->code);
    const api_address to = std::get<api_address>(found);
    return on_loop([&](net::environment& env) {
        return event == "-" ? publish_lines(env, to) : publish_one(env, to, event);
    });
}

} // namespace agent::commands
