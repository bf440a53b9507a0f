// Somebody who watches an agent live and reconnects with Last-Event-ID: nothing is missed, nothing repeated,
// and what was dropped is told.
#include "agent/event/event.hpp"
#include "net/http1/client.hpp"
#include "net/task/deadline.hpp"
#include "tests/sim/api_caller.hpp"

#include <boost/json.hpp>

#include <charconv>

namespace sim {
namespace {

using std::chrono::seconds;

struct sse_position {
    std::optional<seq_t> last; // id of the last event seen
    std::string unread;        // an event that is not whole yet
};

[[noreturn]] void wrong(const std::string& what, std::string_view event) {
    throw verdict(exit_correctness, "the live stream " + what + ": " + std::string(event.substr(0, 200)));
}

std::string_view field_of(std::string_view event, std::string_view name) {
    const auto at = event.starts_with(name) ? 0 : event.find("\n" + std::string(name));
    if (at == std::string_view::npos)
        return {};
    event.remove_prefix(at + (at == 0 && event.starts_with(name) ? 0 : 1) + name.size());
    return event.substr(0, event.find('\n'));
}

void take_event(caller_context& context, sse_position& position, std::string_view event) {
    const auto data = field_of(event, "data: ");
    const auto id_text = field_of(event, "id: ");
    if (data.empty())
        return; // a comment
    context.in.story().inspect("the live stream", data);
    if (id_text.empty())
        return; // announcements have none
    seq_t id = 0;
    std::from_chars(id_text.data(), id_text.data() + id_text.size(), id);
    seq_t begins = id;
    const auto parsed = boost::json::parse(data);
    if (parsed.at("event").at("type").as_string() == "events_dropped")
        begins = parsed.at("event").at("data").at("from_seq").to_number<seq_t>();
    if (position.last && id <= *position.last)
        wrong("repeats seq " + std::to_string(id), data);
    if (position.last && begins != *position.last + 1)
        wrong("misses what stands behind seq " + std::to_string(*position.last), data);
    position.last = id;
    ++context.seen.watched_envelopes;
    if (const auto number = ledger::number_of(data)) {
        const auto& sent = context.book.at(*number);
        if (ledger::event_of(data) != sent.text)
            wrong("changed an event", data);
    }
}

net::task<> watch_once(process& env, caller_context& context, sse_position& position, net::time_point until) {
    const auto api = net::endpoint::tcp("127.0.0.1", 10001);
    auto dialled = co_await env.dial(api, until);
    if (!dialled)
        co_return;
    auto transport = std::move(*dialled);
    const net::deadline_guard guard(env, until, *transport);
    auto client = net::make_http1_client(env, std::move(transport));
    net::request_head head;
    head.target = "/events/stream?replay=all";
    head.authority = "127.0.0.1:10001";
    if (position.last)
        head.fields.push_back({"last-event-id", std::to_string(*position.last)});
    auto opened = co_await client->open(std::move(head), true);
    if (!opened)
        co_return;
    auto exchange = std::move(*opened);
    const auto answered = co_await exchange->response();
    if (!answered || answered->status != 200)
        co_return;
    position.unread.clear();
    std::string room(16 * 1024, '\0');
    for (;;) {
        const auto got = co_await exchange->read_some(net::asio::buffer(room));
        if (!got)
            co_return;
        position.unread.append(room, 0, *got);
        for (auto end = position.unread.find("\n\n"); end != std::string::npos;
             end = position.unread.find("\n\n")) {
            take_event(context, position, std::string_view(position.unread).substr(0, end));
            position.unread.erase(0, end + 2);
        }
    }
}

} // namespace

net::task<> watcher(process& env, caller_context& context) {
    draw source = context.in.source().fork("watcher");
    sse_position position;
    while (context.in.now() < context.plan.until) {
        const auto gap_until = net::saturating_add(env.now(), source.between(seconds(0), seconds(2)));
        co_await net::sleep_until(env, gap_until);
        if (!context.agent.ready())
            continue;
        const auto until = net::saturating_add(env.now(), source.between(seconds(1), seconds(20)));
        co_await watch_once(env, context, position, until);
    }
}

} // namespace sim
