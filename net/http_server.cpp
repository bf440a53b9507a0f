#include "net/http_server.hpp"

#include "net/accepting.hpp"
#include "net/contained.hpp"
#include "net/deadline.hpp"
#include "net/http1_server.hpp"
#include "net/http1_wire.hpp"
#include "net/http2_server.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace net {
namespace {

constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t refusing_max = 16; // answered at a time; more are closed without a word
constexpr duration refusal_time = std::chrono::seconds(1);
constexpr const char* failed_inside = "a connection ends, since it failed inside the server";

struct counted {
    explicit counted(std::size_t& count)
        : count_(count) {
        ++count_;
    }

    ~counted() { --count_; }

    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;

private:
    std::size_t& count_;
};

struct opening {
    std::string first;
    bool http2 = false;
    bool usable = false;
};

// Reads until it is clear which protocol this is. A stop ends it: nothing has been asked yet.
task<opening> sniff(environment& env, stream& from, const http_limits& limits, stop_token stop) {
    opening seen;
    co_await with_task_group(env, [&](task_group& group) -> task<void> {
        group.spawn([&]() -> task<void> {
            co_await wait_for(stop.changed(), [&] { return stop.stopping(); });
            from.close();
        });
        auto until = saturating_add(env.now(), limits.idle_timeout);
        for (;;) {
            const deadline_guard guard(env, until, from);
            std::array<char, http2_preface.size()> bytes;
            const auto got =
                co_await from.read_some(asio::buffer(bytes.data(), bytes.size() - seen.first.size()));
            if (!got) {
                // An end behind something that is no preface is for HTTP/1.1 to answer.
                seen.usable = is_eof(got.error()) && !seen.first.empty();
                break;
            }
            if (seen.first.empty())
                until = saturating_add(env.now(), limits.header_timeout);
            seen.first.append(bytes.data(), *got);
            const bool alike = http2_preface.starts_with(seen.first);
            seen.http2 = alike && seen.first.size() == http2_preface.size();
            seen.usable = true;
            if (!alike || seen.http2)
                break;
        }
    });
    co_return std::move(seen);
}

// The hook's stream, or nothing when it fails or takes too long, or a stop comes first.
task<std::unique_ptr<stream>> secured_in_time(environment& env, const secure_hook& secure,
                                              std::unique_ptr<stream> transport, duration limit,
                                              stop_token stop) {
    std::unique_ptr<stream> made;
    bool done = false;
    condition changed(env);
    co_await with_task_group(env, [&](task_group& group) -> task<void> {
        group.spawn([&]() -> task<void> {
            auto outcome = co_await secure(std::move(transport));
            if (outcome)
                made = std::move(*outcome);
            done = true;
            changed.notify();
        });
        group.spawn([&]() -> task<void> {
            co_await wait_for(stop.changed(), [&] { return stop.stopping(); });
            changed.notify();
        });
        auto enough = [&] { return done || stop.stopping(); };
        co_await wait_for(changed, enough, saturating_add(env.now(), limit));
    });
    co_return std::move(made);
}

} // namespace

http_server::http_server(environment& env, std::unique_ptr<listener> from, http_limits limits,
                         http_handler handler, secure_hook secure, std::shared_ptr<connection_places> places,
                         report_function report)
    : env_(env)
    , listener_(std::move(from))
    , limits_(limits)
    , handler_(std::move(handler))
    , secure_(std::move(secure))
    , places_(std::move(places))
    , report_(std::move(report)) {
    if (!places_)
        places_ = std::make_shared<connection_places>(env, limits.connections_max, refusing_max);
}

task<void> http_server::serve(stop_token stop) {
    co_await with_task_group(env_, [&](task_group& group) -> task<void> {
        group.spawn([&]() -> task<void> {
            co_await wait_for(stop.changed(), [&] { return stop.stopping(); });
            listener_->close();
        });
        co_await accept_loop(group, stop);
        co_await group.join();
    });
}

task<void> http_server::accept_loop(task_group& group, stop_token stop) {
    accepting incoming(env_, *listener_, report_);
    for (;;) {
        auto accepted = co_await incoming.next(stop);
        if (!accepted)
            co_return;
        auto held = std::make_shared<std::unique_ptr<stream>>(std::move(accepted));
        // Counted now: the task begins later.
        const auto place = connections_ < limits_.connections_max ? places_->take() : nullptr;
        if (place) {
            auto one = std::make_shared<counted>(connections_);
            group.spawn([this, held, place, one, &stop] {
                return contained(serve_connection(std::move(*held), static_cast<bool>(secure_), stop),
                                 failed_inside, report_);
            });
            continue;
        }
        ++refused_;
        const auto room = secure_ || refusing_ >= refusing_max ? nullptr : places_->take_refusal();
        if (room) {
            auto one = std::make_shared<counted>(refusing_);
            group.spawn([this, held, room, one] {
                return contained(refuse(std::move(*held)), "refusing a connection failed", report_);
            });
        }
    }
}

task<void> http_server::serve_stream(std::unique_ptr<stream> transport, stop_token stop) {
    const counted place(connections_);
    co_await contained(serve_connection(std::move(transport), false, stop), failed_inside, report_);
}

task<void> http_server::serve_connection(std::unique_ptr<stream> transport, bool secured, stop_token stop) {
    if (secured) {
        auto made =
            co_await secured_in_time(env_, secure_, std::move(transport), limits_.header_timeout, stop);
        if (!made)
            co_return;
        transport = std::move(made);
        if (transport->alpn() == "h2") {
            co_await serve_http2(env_, std::move(transport), {}, limits_, handler_, stop);
            co_return;
        }
    }
    auto seen = co_await sniff(env_, *transport, limits_, stop);
    if (!seen.usable)
        co_return;
    if (seen.http2)
        co_await serve_http2(env_, std::move(transport), std::move(seen.first), limits_, handler_, stop);
    else
        co_await serve_http1(env_, std::move(transport), std::move(seen.first), limits_, handler_, stop);
}

task<void> http_server::refuse(std::unique_ptr<stream> transport) {
    static constexpr std::string_view body =
        R"({"error":{"code":"too_many_connections","message":"too many connections are open","hint":"try later"}})";
    response_head head;
    head.status = 503;
    head.fields.push_back({"content-type", "application/json"});
    head.fields.push_back({"content-length", std::to_string(body.size())});
    const http1_request unread;
    const auto text = http1_response_text(head, http1_framing::length, true, unread, false);
    const deadline_guard guard(env_, saturating_add(env_.now(), refusal_time), *transport);
    const std::array<asio::const_buffer, 2> from{asio::buffer(*text), asio::buffer(body)};
    const error_code lost = co_await transport->write(from);
    if (lost)
        co_return;
    const error_code closed = co_await transport->shutdown_write();
    // Closing with bytes unread would reset the connection, and the answer with it.
    std::array<char, 4096> away;
    std::size_t read = 0;
    while (!closed && read < unread_body_bytes_max) {
        const auto got = co_await transport->read_some(asio::buffer(away));
        if (!got)
            break;
        read += *got;
    }
}

} // namespace net
