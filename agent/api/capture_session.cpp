#include "agent/api/call.hpp"
#include "agent/event/category_list.hpp"
#include "net/text.hpp"

#include <boost/json.hpp>

namespace agent {
namespace {

namespace json = boost::json;

api_error no_session() {
    return {404, "no_session", "no capture session is active", "start one with POST /events/capture_session"};
}

api_error invalid_body(std::string message) {
    return {400, "invalid_body", std::move(message), R"(the body is {"id"?:UUID,"categories"?:[NAME,…]})"};
}

json::object describe(const session_record& session, seq_t last_seq) {
    const auto& part = session.parts.back();
    return json::object{
        {"id", session.id},
        {"categories", to_json(session.categories)},
        {"seq", session.active ? last_seq : session.spans.back().to_seq},
        {"created_at", net::rfc3339(session.created_at)},
        {"storage", json::object{{"basin", part.at.basin}, {"stream", part.stream}}},
    };
}

void add_account(json::object& to, const session_account& account) {
    to.emplace("durable_seq", account.durable_seq);
    to.emplace("published", account.published);
    to.emplace("durable", account.durable);
    to.emplace("undelivered", account.undelivered);
    to.emplace("undelivered_bytes", account.undelivered_bytes);
    to.emplace("dropped", account.dropped);
    to.emplace("tail", account.tail ? json::value(*account.tail) : json::value(nullptr));
}

// The body of POST and PATCH, members that are null counted as absent.
std::variant<start_request, api_error> parse_settings(std::string_view text, bool may_name_id) {
    start_request wanted;
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
        return wanted;
    boost::system::error_code ec;
    const auto parsed = json::parse(text, ec);
    if (ec || !parsed.is_object())
        return invalid_body("the body is not a JSON object");
    for (const auto& member : parsed.get_object()) {
        const auto& value = member.value();
        if (member.key() == "id" && may_name_id) {
            if (value.is_string())
                wanted.id = std::string(std::string_view(value.get_string()));
            else if (!value.is_null())
                return invalid_body("id is not a string");
        } else if (member.key() == "categories") {
            if (value.is_array()) {
                auto list = parse_category_list(value.get_array());
                if (const auto* unknown = std::get_if<unknown_category>(&list))
                    return invalid_body("there is no category \"" + unknown->name + "\"");
                wanted.categories = std::get<category_set>(list);
            } else if (!value.is_null()) {
                return invalid_body("categories is not an array of names");
            }
        } else {
            return invalid_body("unknown member \"" + std::string(std::string_view(member.key())) + "\"");
        }
    }
    return wanted;
}

api_error to_api_error(const start_error& error) {
    switch (error.why) {
    case start_error::kind::active:
        return {409, "session_active", error.message, "end it with DELETE /events/capture_session"};
    case start_error::kind::invalid_id:
        return {400, "invalid_id", error.message, "leave id out to get a new one"};
    case start_error::kind::too_many_sessions:
        return {503, "too_many_sessions", error.message,
                "let S2 catch up (GET /status says where and why it waits), then start it again"};
    case start_error::kind::too_many_parts:
        return {409, "too_many_parts", error.message,
                "start a new session, or reopen this one at its last place"};
    case start_error::kind::too_often:
        return {503, "session_table_full", error.message,
                "let S2 catch up (GET /status says where and why it waits), or start a new session"};
    case start_error::kind::no_room:
        break;
    }
    return {503, "no_room", error.message, std::string(no_room_hint)};
}

// Nothing: answered already, or the client is gone.
net::task<std::optional<start_request>> read_settings(const api_context& context,
                                                      net::server_exchange& exchange, bool may_name_id) {
    auto body = co_await read_text(context, exchange, api_body_bytes_max);
    if (std::holds_alternative<body_gone>(body))
        co_return std::nullopt;
    std::optional<api_error> error;
    if (auto* wrong = std::get_if<api_error>(&body)) {
        error = std::move(*wrong);
    } else {
        const auto& text = std::get<std::string>(body);
        const std::string type = media_type_of(exchange.request());
        auto parsed = parse_settings(text, may_name_id);
        if (!text.empty() && !type.empty() && type != "application/json")
            error = api_error{415, "unsupported_media_type", "a capture session is not described by " + type,
                              "send content-type: application/json"};
        else if (auto* refused = std::get_if<api_error>(&parsed))
            error = std::move(*refused);
        else
            co_return std::move(std::get<start_request>(parsed));
    }
    co_await answer_error(exchange, std::move(*error));
    co_return std::nullopt;
}

// Waits until the disk has it; else why the session is over already. (The agent ends one that the disk
// refuses.)
net::task<std::optional<api_error>> start_on_disk(const api_context& context, std::uint32_t number) {
    const auto active = [&context, number] {
        const auto* session = context.sessions.active();
        return session && session->number == number;
    };
    while (active() && !context.table.start_stored() && !context.table.start_failure())
        co_await context.sink.changed().wait();
    if (const auto& failed = context.table.start_failure())
        co_return api_error{503, "state_dir_failed",
                            "the session table can't be written: " + failed.message(),
                            "mend the disk of --state-dir, then start it again"};
    if (!active())
        co_return api_error{409, "session_ended", "somebody ended the capture session while it was started",
                            "start it again"};
    co_return std::nullopt;
}

} // namespace

net::task<void> create_capture_session(const api_context& context, net::server_exchange& exchange) {
    const auto wanted = co_await read_settings(context, exchange, true);
    if (!wanted)
        co_return;
    if (context.before_start)
        co_await context.before_start(wanted->id);
    if (context.stopping()) {
        api_error error{503, "stopping", "the agent is stopping", "start it again"};
        co_await answer_error(exchange, std::move(error));
        co_return;
    }
    const auto started = context.sessions.start(*wanted);
    if (const auto* refused = std::get_if<start_error>(&started)) {
        auto error = to_api_error(*refused);
        co_await answer_error(exchange, std::move(error));
        co_return;
    }
    const auto* session = std::get<const session_record*>(started);
    auto body = describe(*session, context.journal.last_seq());
    const auto refused_start = co_await start_on_disk(context, session->number);
    if (refused_start) {
        api_error error = *refused_start;
        co_await answer_error(exchange, std::move(error));
        co_return;
    }
    co_await answer_json(exchange, 201, std::move(body));
}

net::task<void> read_capture_session(const api_context& context, net::server_exchange& exchange) {
    const auto* session = context.sessions.active();
    if (!session) {
        auto error = no_session();
        co_await answer_error(exchange, std::move(error));
        co_return;
    }
    auto body = describe(*session, context.journal.last_seq());
    add_account(body, context.sink.account(*session));
    co_await answer_json(exchange, 200, std::move(body));
}

net::task<void> change_capture_session(const api_context& context, net::server_exchange& exchange) {
    const auto wanted = co_await read_settings(context, exchange, false);
    if (!wanted)
        co_return;
    const auto* session = context.sessions.active();
    if (!session) {
        auto error = no_session();
        co_await answer_error(exchange, std::move(error));
        co_return;
    }
    if (wanted->categories)
        context.sessions.set_categories(*wanted->categories);
    auto body = describe(*session, context.journal.last_seq());
    co_await answer_json(exchange, 200, std::move(body));
}

// The session has ended once this is called, whatever becomes of the flush or of the client.
net::task<void> end_capture_session(const api_context& context, net::server_exchange& exchange) {
    auto timeout = timeout_of(exchange.request());
    if (auto* wrong = std::get_if<api_error>(&timeout)) {
        co_await answer_error(exchange, std::move(*wrong));
        co_return;
    }
    const auto* ended = context.sessions.stop(end_reason::stopped);
    if (!ended) {
        auto error = no_session();
        co_await answer_error(exchange, std::move(error));
        co_return;
    }
    const session_record session = *ended; // it may give way to another while we wait
    const auto deadline = net::saturating_add(context.env.now(), std::get<net::duration>(timeout));
    const auto outcome = co_await context.sink.flush(context.journal.last_seq(), deadline);
    const auto* current = context.table.find(session.number);
    const auto& now = current ? *current : session;
    auto body = describe(now, context.journal.last_seq());
    body.emplace("end_reason", name_of(end_reason::stopped));
    add_account(body, context.sink.account(now));
    if (outcome == flush_outcome::durable) {
        co_await answer_json(exchange, 200, std::move(body));
        co_return;
    }
    const auto status = context.sink.status();
    auto error = to_json(undelivered_error(outcome, status));
    body.emplace("error", std::move(error.at("error")));
    body.emplace("left", left_of(status));
    co_await answer_json(exchange, 504, std::move(body));
}

} // namespace agent
