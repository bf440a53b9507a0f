#include "agent/ndjson_listener.hpp"

#include <spdlog/spdlog.h>

namespace agent {

ndjson_listener::ndjson_listener(net::environment& env, capture& into, ring& journal,
                                 std::unique_ptr<net::listener> accepting)
    : env_(env)
    , capture_(into)
    , ring_(journal)
    , listener_(std::move(accepting)) {}

net::task<void> ndjson_listener::serve(net::stop_token stop) {
    co_await net::with_task_group(env_, [&](net::task_group& connections) -> net::task<void> {
        co_await net::with_task_group(env_, [&](net::task_group& accepting) -> net::task<void> {
            accepting.spawn([&] { return accept_loop(connections, stop); });
            while (!stop.stopping())
                co_await stop.changed().wait();
            listener_->close();
            co_await accepting.join();
        });
        co_await connections.join(); // each ends by itself at the stop
    });
}

net::task<void> ndjson_listener::accept_loop(net::task_group& group, net::stop_token stop) {
    while (!stop.stopping()) {
        co_await group.join_down_to(ndjson_connections_max - 1);
        auto accepted = co_await listener_->accept();
        if (!accepted) {
            if (!stop.stopping())
                spdlog::error("accepting NDJSON connections failed: {}", accepted.error().message());
            co_return;
        }
        auto connection = std::make_shared<std::unique_ptr<net::stream>>(std::move(*accepted));
        group.spawn(
            [this, connection, stop = &stop] { return serve_connection(std::move(*connection), *stop); });
    }
}

net::task<void> ndjson_listener::serve_connection(std::unique_ptr<net::stream> from, net::stop_token stop) {
    struct counted {
        explicit counted(std::size_t& open)
            : open_(open) {
            ++open_;
        }

        ~counted() { --open_; }

        std::size_t& open_;
    };

    const counted one(connections_);
    intake_options options;
    options.name = "NDJSON connection";
    options.read_bytes = 64 * 1024; // there may be many
    options.write_errors_back = true;
    ndjson_intake intake(env_, capture_, ring_, *from, stop, std::move(options));
    try {
        co_await intake.run();
    } catch (...) {
        counts_ += intake.counts();
        throw;
    }
    counts_ += intake.counts();
}

} // namespace agent
