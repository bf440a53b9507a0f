#include "agent/api/call.hpp"
#include "agent/api/metrics.hpp"
#include "agent/sinks/live_sink.hpp"

#include <boost/json.hpp>

namespace agent {

namespace json = boost::json;

net::task<void> answer_health(const api_context&, net::server_exchange& exchange) {
    json::object body{{"status", "ok"}};
    co_await answer_json(exchange, 200, std::move(body));
}

net::task<void> answer_readiness(const api_context& context, net::server_exchange& exchange) {
    if (context.stopping()) {
        api_error error{503, "stopping", "the agent is stopping", "start it again"};
        co_await answer_error(exchange, std::move(error));
        co_return;
    }
    if (!context.ready()) {
        api_error error{503, "not_ready",
                        "the ring or an intake is not open yet, or no session has been started",
                        "ask again shortly; the log says what is being waited for"};
        co_await answer_error(exchange, std::move(error));
        co_return;
    }
    json::object body{{"status", "ready"}};
    co_await answer_json(exchange, 200, std::move(body));
}

net::task<void> answer_metrics(const api_context& context, net::server_exchange& exchange) {
    metrics_facts facts;
    facts.account = context.current_report();
    facts.ready = context.ready();
    facts.last_seq = context.journal.last_seq();
    facts.refused = context.sessions.refused();
    facts.filtered = context.sessions.filtered();
    facts.ring_bytes = context.journal.used_bytes();
    facts.ring_capacity = context.journal.capacity_bytes();
    facts.disk_full = context.journal.disk_full_count();
    facts.damaged_segments = context.journal.damaged_segments();
    facts.sse_clients = context.live.clients();
    if (context.connections)
        facts.connections = context.connections();
    const std::string text = metrics_text(facts);
    net::response_head head;
    head.status = 200;
    head.fields.push_back({"content-type", "text/plain; version=0.0.4; charset=utf-8"});
    co_await net::respond_with(exchange, std::move(head), text);
}

net::task<void> answer_status(const api_context& context, net::server_exchange& exchange) {
    auto body = to_json(context.current_report());
    co_await answer_json(exchange, 200, std::move(body));
}

} // namespace agent
