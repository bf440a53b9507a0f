#include "agent/api_call.hpp"

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

net::task<void> answer_status(const api_context& context, net::server_exchange& exchange) {
    auto body = to_json(context.current_report());
    co_await answer_json(exchange, 200, std::move(body));
}

} // namespace agent
