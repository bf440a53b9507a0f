#include "tests/sim/faulty_face.hpp"

#include "s2/local/http_face.hpp"
#include "tests/sim/faulty_append_session.hpp"
#include "tests/sim/faulty_read_session.hpp"

#include <array>

namespace sim {
namespace {

constexpr unsigned even = 500;                // per mille
constexpr unsigned intermediary = 200;        // per mille: a 503 or 504 is not S2's own
constexpr std::uint64_t cut_bytes_max = 4096; // of a request body before it breaks

} // namespace

faulty_face::faulty_face(net::environment& env, net::http_handler inner, fault_table& faults,
                         service_watch& watch, std::uint32_t tiny_window)
    : parts_(std::make_shared<service_parts>(env, std::move(inner), faults, watch)) {
    parts_->tiny_window = tiny_window;
}

net::http_handler faulty_face::handler() {
    return [this](net::server_exchange& exchange) { return handle(exchange); };
}

net::task<> faulty_face::run(net::stop_token stop) {
    struct registration {
        parts_ptr parts;

        ~registration() { parts->late = nullptr; }
    };

    auto until_the_stop = [this, &stop](net::task_group& late) -> net::task<> {
        const registration while_it_runs{parts_};
        parts_->late = &late;
        while (!stop.stopping())
            co_await stop.changed().wait();
    };
    co_await net::with_task_group(parts_->env, until_the_stop);
}

net::task<> faulty_face::handle(net::server_exchange& exchange) {
    const service_request on = service_request::of(exchange.request());
    parts_->watch.event(name_of(on.kind), on.stream);
    if (const auto refused = parts_->refusal(on)) {
        co_await refuse(*refused, exchange, on);
        co_return;
    }
    if (parts_->faults.strikes(fault::refused_stream)) {
        exchange.refuse();
        parts_->fired(fault::refused_stream, on);
        co_return;
    }
    switch (on.kind) {
    case request_kind::append_session:
        co_await append_session(exchange, on);
        break;
    case request_kind::read_session:
        co_await read_session(exchange, on);
        break;
    default:
        co_await unary(exchange, on);
    }
}

net::task<> faulty_face::append_session(net::server_exchange& exchange, service_request on) {
    static constexpr std::array possible{
        fault::error_500,       fault::error_503,           fault::error_504,    fault::rate_limited,
        fault::server_draining, fault::reset_before_append, fault::never_answers};
    const auto struck = parts_->strike(possible);
    if (struck == fault::reset_before_append) {
        exchange.reset();
        parts_->fired(*struck, on);
        co_return;
    }
    if (struck && struck != fault::never_answers) {
        co_await refuse(*struck, exchange, on);
        co_return;
    }
    faulty_append_session session(parts_, exchange, on);
    if (struck) {
        parts_->fired(*struck, on);
        session.fall_silent();
    }
    co_await session.run();
}

net::task<> faulty_face::read_session(net::server_exchange& exchange, service_request on) {
    const auto struck = parts_->strike(faulty_read_session::faults);
    if (!struck) {
        co_await pass_on(exchange, on);
    } else if (parts_->faults.source().chance(even)) {
        faulty_read_session session(parts_, exchange, on, *struck);
        co_await session.run();
    } else {
        co_await unary_meets(*struck, exchange, on);
    }
}

net::task<> faulty_face::unary(net::server_exchange& exchange, service_request on) {
    static constexpr std::array any{fault::error_500,       fault::error_503,    fault::error_504,
                                    fault::rate_limited,    fault::rst_stream,   fault::slow_ack,
                                    fault::server_draining, fault::never_answers};
    static constexpr std::array of_appends{
        fault::error_500,           fault::error_503,          fault::error_504,
        fault::rate_limited,        fault::rst_stream,         fault::slow_ack,
        fault::server_draining,     fault::never_answers,      fault::reset_before_append,
        fault::reset_during_append, fault::reset_after_append, fault::lost_ack,
        fault::ack_after_reset,
    };
    const std::span<const fault> possible =
        on.appends() ? std::span<const fault>(of_appends) : std::span<const fault>(any);
    const auto struck = parts_->strike(possible);
    if (struck)
        co_await unary_meets(*struck, exchange, on);
    else
        co_await pass_on(exchange, on);
}

net::task<> faulty_face::unary_meets(fault which, net::server_exchange& exchange, const service_request& on) {
    bool applied = false;
    switch (which) {
    case fault::error_500:
    case fault::error_503:
    case fault::error_504:
        if (on.appends() && parts_->faults.source().chance(even))
            co_await apply(exchange, on);
        co_await refuse(which, exchange, on);
        break;
    case fault::reset_before_append:
        exchange.reset();
        parts_->fired(which, on);
        break;
    case fault::reset_during_append:
        co_await break_within(exchange, on);
        break;
    case fault::reset_after_append:
        applied = co_await apply(exchange, on);
        exchange.reset();
        if (applied)
            parts_->fired(which, on);
        break;
    case fault::ack_after_reset:
        co_await apply_behind_reset(exchange, on);
        break;
    case fault::lost_ack:
        applied = co_await apply(exchange, on);
        if (applied)
            parts_->fired(which, on);
        co_await never_answer();
        break;
    case fault::never_answers:
        parts_->fired(which, on);
        co_await never_answer();
        break;
    case fault::rst_stream: {
        if (on.appends() && parts_->faults.source().chance(even))
            co_await apply(exchange, on);
        net::response_head begun;
        (void)co_await exchange.respond(std::move(begun));
        parts_->fired(which, on); // unfinished, the exchange is reset
        break;
    }
    case fault::slow_ack: {
        slow_exchange slow(parts_, exchange, on);
        co_await slow.run();
        break;
    }
    case fault::reconnect_advised: // has no place in this answer
        co_await pass_on(exchange, on);
        break;
    default:
        co_await refuse(which, exchange, on);
    }
}

net::task<> faulty_face::refuse(fault why, net::server_exchange& exchange, const service_request& on) {
    s2::local::failure told = failure_of(why, on);
    draw& source = parts_->faults.source();
    net::response_head head;
    head.status = told.status;
    std::string type = "application/json";
    if (why == fault::rate_limited)
        head.fields.push_back({"retry-after-ms", std::to_string(source.between(1, retry_after_ms_max))});
    if ((why == fault::error_503 || why == fault::error_504) && source.chance(intermediary)) {
        type = "text/html";
        told.body = "<html><body>no healthy upstream</body></html>";
    }
    head.fields.push_back({"content-type", std::move(type)});
    const net::error_code lost = co_await net::respond_with(exchange, std::move(head), told.body);
    if (!lost)
        parts_->fired(why, on);
}

net::task<> faulty_face::pass_on(net::server_exchange& exchange, const service_request& on) {
    wrapped_exchange whole(parts_, exchange, on);
    co_await whole.run();
}

net::task<bool> faulty_face::apply(net::server_exchange& exchange, const service_request& on) {
    swallowing_exchange unanswered(parts_, exchange, on);
    co_await unanswered.run();
    co_return unanswered.applied();
}

net::task<> faulty_face::never_answer() {
    net::condition silence(parts_->env);
    while (true)
        co_await silence.wait();
}

// Part of the body arrives.
net::task<> faulty_face::break_within(net::server_exchange& exchange, const service_request& on) {
    std::uint64_t left = parts_->faults.source().between(1, cut_bytes_max);
    std::array<char, cut_bytes_max> piece;
    while (left > 0) {
        const auto got = co_await exchange.read_some(net::asio::buffer(piece.data(), left));
        if (!got)
            break;
        left -= *got;
    }
    exchange.reset();
    parts_->fired(fault::reset_during_append, on);
}

net::task<> faulty_face::apply_behind_reset(net::server_exchange& exchange, const service_request& on) {
    auto body = co_await net::read_body(exchange, s2::local::http_face::body_bytes_max);
    if (!body)
        co_return;
    apply_late(parts_, exchange.request(), std::move(*body), on);
    exchange.reset();
}

} // namespace sim
