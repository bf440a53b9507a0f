#include "agent/api/call.hpp"

#include <boost/json.hpp>

namespace agent {

namespace json = boost::json;

// All sessions, up to the last seq at the call.
net::task<void> flush_events(const api_context& context, net::server_exchange& exchange) {
    auto timeout = timeout_of(exchange.request());
    if (auto* wrong = std::get_if<api_error>(&timeout)) {
        co_await answer_error(exchange, std::move(*wrong));
        co_return;
    }
    const auto deadline = net::saturating_add(context.env.now(), std::get<net::duration>(timeout));
    const seq_t up_to = context.journal.last_seq();
    const auto outcome = co_await context.sink.flush(up_to, deadline);
    const auto status = context.sink.status();
    if (outcome == flush_outcome::durable) {
        json::object body{{"durable_seq", status.durable_seq}};
        co_await answer_json(exchange, 200, std::move(body));
        co_return;
    }
    auto body = to_json(undelivered_error(outcome, status));
    body.emplace("durable_seq", status.durable_seq);
    body.emplace("left", left_of(status));
    co_await answer_json(exchange, 504, std::move(body));
}

} // namespace agent
