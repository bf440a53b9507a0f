#include "net/server/http_server.hpp"

#include "net/http1/server.hpp"
#include "net/http1/wire.hpp"
#include "net/http2/server.hpp"
#include "net/server/accepting.hpp"
#include "net/task/contained.hpp"
#include "net/task/deadline.hpp"
#include "net/task/next_turn.hpp"

#include <array>
#include <string>
#include <utility>

namespace net {
namespace {

constexpr std::string_view http2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t spare_max = 16;
constexpr duration spare_head_time = std::chrono::seconds(5); // until its one request is there
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

// Of a connection on which nothing has been asked yet.
class newcomer final : public connection_places::occupant {
public:
    newcomer(stream& transport, time_point since)
        : transport_(transport)
        , since_(since) {}

    standing stands() const override { return {standing::kind::no_request, since_}; }

    void evict() noexcept override { transport_.close(); }

private:
    stream& transport_;
    time_point since_;
};

// Reads until it is clear which protocol this is. A stop ends it: nothing has been asked yet.
task<opening> sniff(environment& env, stream& from, const http_limits& limits, stop_token stop,
                    connection_places::place at) {
    opening seen;
    newcomer waiting(from, env.now());
    const connection_places::seat::taken_by here(at.get(), waiting);
    co_await with_task_group(env, [&](task_group& group) -> task<void> {
        group.spawn([&]() -> task<void> {
            co_await stop.begun();
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
            co_await stop.begun();
            changed.notify();
        });
        auto enough = [&] { return done || stop.stopping(); };
        co_await wait_for(changed, enough, saturating_add(env.now(), limit));
    });
    co_return std::move(made);
}

task<void> refuse(server_exchange& exchange) {
    static constexpr std::string_view body =
        R"({"error":{"code":"too_many_connections","message":"too many connections are open","hint":"try later"}})";
    response_head head;
    head.status = 503;
    head.fields.push_back({"content-type", "application/json"});
    head.fields.push_back({"retry-after", "1"});
    co_await respond_with(exchange, std::move(head), body);
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
        places_ = std::make_shared<connection_places>(env, limits.connections_max, spare_max);
}

task<void> http_server::serve(stop_token stop) {
    co_await with_task_group(env_, [&](task_group& group) -> task<void> {
        group.spawn([&]() -> task<void> {
            co_await stop.begun();
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
        const auto place = places_->take_making_room();
        const auto spare = place || secure_ ? nullptr : places_->take_spare_making_room();
        if (!place)
            ++refused_;
        if (!place && !spare)
            continue;
        if (spare) {
            group.spawn([this, held, spare, stop] {
                return contained(serve_one(std::move(*held), stop, spare), failed_inside, report_);
            });
            continue;
        }
        auto one = std::make_shared<counted>(connections_);
        group.spawn([this, held, place, one, stop] {
            return contained(serve_connection(std::move(*held), static_cast<bool>(secure_), stop, place),
                             failed_inside, report_);
        });
    }
}

task<void> http_server::serve_stream(std::unique_ptr<stream> transport, stop_token stop) {
    const counted place(connections_);
    co_await contained(serve_connection(std::move(transport), false, stop, {}), failed_inside, report_);
}

task<void> http_server::serve_connection(std::unique_ptr<stream> transport, bool secured, stop_token stop,
                                         connection_places::place at) {
    if (secured) {
        auto made =
            co_await secured_in_time(env_, secure_, std::move(transport), limits_.header_timeout, stop);
        if (!made)
            co_return;
        transport = std::move(made);
        if (transport->alpn() == "h2") {
            co_await serve_http2(env_, std::move(transport), {}, limits_, handler_, stop, std::move(at));
            co_return;
        }
    }
    co_await speak(std::move(transport), limits_, handler_, stop, std::move(at));
}

task<void> http_server::speak(std::unique_ptr<stream> transport, const http_limits& limits,
                              const http_handler& handler, stop_token stop, connection_places::place at) {
    auto seen = co_await sniff(env_, *transport, limits, stop, at);
    if (!seen.usable)
        co_return;
    if (seen.http2)
        co_await serve_http2(env_, std::move(transport), std::move(seen.first), limits, handler, stop,
                             std::move(at));
    else
        co_await serve_http1(env_, std::move(transport), std::move(seen.first), limits, handler, stop,
                             std::move(at));
}

// One request, and then the connection ends.
task<void> http_server::serve_one(std::unique_ptr<stream> transport, stop_token stop,
                                  connection_places::place at) {
    stop_source after_one(env_);
    http_limits limits = limits_;
    limits.idle_timeout = limits.header_timeout = spare_head_time;
    limits.concurrent_streams_max = 1;
    const http_handler handler = [&](server_exchange& exchange) -> task<void> {
        after_one.drain(never);
        co_await next_turn(env_); // the connection hears of it first
        if (always_ && always_(exchange.request()))
            co_await handler_(exchange);
        else
            co_await refuse(exchange);
    };
    co_await with_task_group(env_, [&](task_group& group) -> task<void> {
        group.spawn([&]() -> task<void> {
            while (!stop.aborting()) {
                if (stop.stopping())
                    after_one.drain(stop.deadline());
                co_await stop.changed().wait();
            }
            after_one.abort();
        });
        co_await speak(std::move(transport), limits, handler, after_one, std::move(at));
    });
}

} // namespace net
