#include "agent/intake/ndjson_listener.hpp"

#include "net/server/accepting.hpp"
#include "net/task/contained.hpp"

#include <spdlog/spdlog.h>

namespace agent {
namespace {

void log_error(const std::string& line) {
    spdlog::error("NDJSON: {}", line);
}

} // namespace

ndjson_listener::ndjson_listener(net::environment& env, capture& into, ring& journal, body_memory& bodies,
                                 std::unique_ptr<net::listener> from,
                                 std::shared_ptr<net::connection_places> places,
                                 std::function<void()> on_connection_ended)
    : env_(env)
    , capture_(into)
    , ring_(journal)
    , bodies_(bodies)
    , listener_(std::move(from))
    , places_(std::move(places))
    , on_connection_ended_(std::move(on_connection_ended)) {
    if (!places_)
        places_ = std::make_shared<net::connection_places>(env, ndjson_connections_max, 0);
}

net::task<void> ndjson_listener::serve(net::stop_token stop) {
    co_await net::with_task_group(env_, [&](net::task_group& connections) -> net::task<void> {
        co_await net::with_task_group(env_, [&](net::task_group& accepting) -> net::task<void> {
            accepting.spawn([&] { return accept_loop(connections, stop); });
            co_await stop.begun();
            listener_->close();
            co_await accepting.join();
        });
        co_await connections.join(); // each ends by itself at the stop
    });
}

net::task<void> ndjson_listener::accept_loop(net::task_group& group, net::stop_token stop) {
    net::accepting incoming(env_, *listener_, log_error);
    for (;;) {
        co_await group.join_down_to(ndjson_connections_max - 1);
        auto accepted = co_await incoming.next(stop);
        if (!accepted)
            co_return;
        const auto place = co_await place_for_one(stop);
        if (!place)
            co_return;
        auto connection = std::make_shared<std::unique_ptr<net::stream>>(std::move(accepted));
        group.spawn([this, connection, place, stop] {
            return net::contained(serve_connection(std::move(*connection), stop),
                                  "a connection ends, since it failed inside the agent", log_error);
        });
    }
}

// Nothing once the stop has begun.
net::task<net::connection_places::place> ndjson_listener::place_for_one(net::stop_token stop) {
    while (!stop.stopping()) {
        if (auto place = places_->take())
            co_return place;
        co_await net::wait_any(places_->freed(), stop.changed());
    }
    co_return nullptr;
}

net::task<void> ndjson_listener::serve_connection(std::unique_ptr<net::stream> from, net::stop_token stop) {
    struct counted {
        explicit counted(ndjson_listener& in)
            : of(in) {
            ++of.connections_;
        }

        ~counted() {
            --of.connections_;
            if (of.on_connection_ended_)
                of.on_connection_ended_();
        }

        ndjson_listener& of;
    };

    const counted one(*this);
    intake_options options;
    options.name = "NDJSON connection";
    options.read_bytes = 32 * 1024; // there may be many
    options.write_errors_back = true;
    options.one_of_many = true;
    ndjson_intake intake(env_, capture_, ring_, bodies_, *from, stop, std::move(options));
    try {
        co_await intake.run();
    } catch (...) {
        counts_ += intake.counts();
        throw;
    }
    counts_ += intake.counts();
}

} // namespace agent
