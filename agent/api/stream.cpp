#include "agent/api/call.hpp"
#include "agent/event/category_list.hpp"
#include "agent/sinks/live_sink.hpp"

#include <charconv>

namespace agent {
namespace {

std::variant<live_request, api_error> parse_live_request(const net::request_head& request) {
    live_request wanted;
    const auto last_id = net::find_field(request.fields, "last-event-id");
    if (!last_id.empty()) {
        seq_t seq = 0;
        const auto [end, ec] = std::from_chars(last_id.data(), last_id.data() + last_id.size(), seq);
        if (ec != std::errc{} || end != last_id.data() + last_id.size())
            return api_error{400, "invalid_last_event_id", "Last-Event-ID is not a seq",
                             "send the id of the last event that came, or leave the header out"};
        wanted.after = seq;
    }
    if (const auto replay = query_parameter(request, "replay")) {
        if (*replay != "all")
            return api_error{400, "invalid_replay", "replay \"" + *replay + "\" is unknown",
                             "replay=all begins with the oldest event at hand; without it, with the next"};
        wanted.replay_all = true;
    }
    if (const auto names = query_parameter(request, "categories")) {
        auto parsed = parse_category_list(*names);
        if (const auto* unknown = std::get_if<unknown_category>(&parsed))
            return api_error{400, "unknown_category", "there is no category \"" + unknown->name + "\"",
                             "name categories with commas between them, as in ?categories=console,network"};
        wanted.categories = std::get<category_set>(parsed);
    }
    return wanted;
}

} // namespace

net::task<void> stream_events(const api_context& context, net::server_exchange& exchange) {
    auto wanted = parse_live_request(exchange.request());
    if (auto* wrong = std::get_if<api_error>(&wanted)) {
        co_await answer_error(exchange, std::move(*wrong));
        co_return;
    }
    if (exchange.request().method == "HEAD") {
        auto head = live_response_head();
        co_await exchange.respond(std::move(head), true);
        co_return;
    }
    if (context.live.full()) {
        api_error error{503, "too_many_clients",
                        std::to_string(context.live.clients()) + " clients stream already",
                        "close one of them, or allow more with --sse-clients"};
        co_await answer_error(exchange, std::move(error));
        co_return;
    }
    co_await context.live.serve(exchange, std::get<live_request>(wanted));
}

} // namespace agent
