#include "agent/api/body_reader.hpp"
#include "agent/api/call.hpp"
#include "agent/api/publish_tally.hpp"
#include "agent/event/line_splitter.hpp"
#include "net/task/next_turn.hpp"

#include <boost/json.hpp>

namespace agent {
namespace {

constexpr std::uint64_t publish_body_bytes_max = 64 * 1024 * 1024;
constexpr std::size_t publish_read_bytes = 32 * 1024;

publish_outcome publish(const api_context& context, std::string_view text) {
    if (!context.stopping())
        return context.sessions.publish(text, event_origin::intake);
    context.sessions.count_refused();
    return publish_refused{"stopping", "the agent is stopping: it takes nothing new"};
}

// An array, or one event a line.
bool many_events(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos || text[first] == '[')
        return first != std::string_view::npos;
    const auto line_end = text.find('\n', first);
    if (text[first] != '{' || line_end == std::string_view::npos)
        return false;
    const auto last = text.find_last_not_of(" \t\r", line_end - 1);
    const auto next = text.find_first_not_of(" \t\r\n", line_end);
    return last != std::string_view::npos && text[last] == '}' && next != std::string_view::npos &&
           text[next] == '{';
}

net::task<void> publish_one(const api_context& context, net::server_exchange& exchange) {
    const auto body = co_await read_text(context, exchange, event_line_bytes_max);
    if (std::holds_alternative<body_gone>(body))
        co_return;
    if (const auto* wrong = std::get_if<api_error>(&body)) {
        context.sessions.count_refused();
        api_error error = *wrong;
        co_await answer_error(exchange, std::move(error));
        co_return;
    }
    const auto outcome = publish(context, std::get<std::string>(body));
    if (const auto* refused = std::get_if<publish_refused>(&outcome)) {
        auto error = to_api_error(*refused);
        if (refused->code.starts_with("invalid_") && many_events(std::get<std::string>(body)))
            error.hint =
                "this looks like many events, and application/json is for one: send them one a line, with "
                "content-type: application/x-ndjson";
        co_await answer_error(exchange, std::move(error));
    } else if (const auto* accepted = std::get_if<publish_accepted>(&outcome)) {
        const std::string envelope(accepted->envelope); // the ring's bytes do not survive an await
        co_await answer_text(exchange, 200, envelope);
    } else {
        boost::json::object filtered{{"filtered", true}};
        co_await answer_json(exchange, 200, std::move(filtered));
    }
}

// The lines that are whole by now.
void publish_lines(const api_context& context, line_splitter& lines, publish_tally& tally) {
    for (;;) {
        const auto next = lines.next();
        if (const auto* line = std::get_if<input_line>(&next)) {
            tally.add(line->number, publish(context, line->text));
        } else if (const auto* refused = std::get_if<refused_line>(&next)) {
            context.sessions.count_refused();
            tally.refuse(refused->number, refused->error.code, refused->error.message);
        } else {
            return;
        }
    }
}

// A client that vanishes in the middle of a line has it counted as refused, also where that aborts this task.
class unfinished_line {
public:
    unfinished_line(const api_context& context, line_splitter& lines)
        : context_(context)
        , lines_(lines) {}

    ~unfinished_line() {
        if (lines_.abort())
            context_.sessions.count_refused();
    }

    unfinished_line(const unfinished_line&) = delete;
    unfinished_line& operator=(const unfinished_line&) = delete;

private:
    const api_context& context_;
    line_splitter& lines_;
};

// Nothing: the client has left.
std::optional<body_end> early_end(const body_reader& body, const net::error_code& why) {
    if (why == make_error_code(net::error::limit_exceeded))
        return body_end::too_large;
    if (why == make_error_code(net::error::timed_out))
        return body_end::stalled;
    if (why == make_error_code(net::error::protocol))
        return body.broken_encoding() ? body_end::broken_encoding : body_end::broken;
    return std::nullopt;
}

net::task<void> publish_many(const api_context& context, net::server_exchange& exchange) {
    line_splitter lines;
    const unfinished_line at_end(context, lines);
    body_reader body(context, exchange, publish_body_bytes_max);
    if (body.refused()) {
        api_error error = *body.refused();
        co_await answer_error(exchange, std::move(error));
        co_return;
    }
    publish_tally tally;
    for (;;) {
        const auto held = lines.held_bytes(); // of a line that has not ended
        const auto needed = held >= body_free_bytes ? whole_line_bytes : held;
        body.keep(needed);
        co_await body.reserve(needed);
        const auto room = lines.prepare(next_piece_bytes(held, publish_read_bytes));
        const auto got = co_await body.read_some(net::asio::buffer(room.data(), room.size()));
        if (!got && net::is_eof(got.error())) {
            lines.end_of_input();
            publish_lines(context, lines, tally);
            break;
        }
        if (!got) {
            const auto how = early_end(body, got.error());
            if (!how)
                co_return; // gone; what was accepted stays accepted
            tally.end_early(*how);
            break;
        }
        lines.commit(*got);
        publish_lines(context, lines, tally);
        co_await net::next_turn(context.env);
    }
    auto answer = tally.answer();
    net::http_fields more;
    if (tally.status() == 503)
        more.push_back(retry_soon);
    co_await answer_json(exchange, tally.status(), std::move(answer), std::move(more));
}

} // namespace

net::task<void> publish_events(const api_context& context, net::server_exchange& exchange) {
    const std::string type = media_type_of(exchange.request());
    const bool many = type == "application/x-ndjson" || type == "application/ndjson";
    if (!many && !type.empty() && type != "application/json") {
        api_error error{415, "unsupported_media_type", "events do not come as " + type,
                        "send one as application/json, or many as application/x-ndjson"};
        co_await answer_error(exchange, std::move(error));
        co_return;
    }
    if (!context.sessions.active() && !context.stopping()) {
        context.sessions.count_refused(); // said before the body is read: there may be much of it
        auto error = to_api_error(publish_refused{"no_session", "no capture session is active"});
        co_await answer_error(exchange, std::move(error));
        co_return;
    }
    if (many)
        co_await publish_many(context, exchange);
    else
        co_await publish_one(context, exchange);
}

} // namespace agent
