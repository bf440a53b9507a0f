#pragma once
// NDJSON intake on a Unix socket: every connection is one stream of lines, its errors are written back to it.

#include "agent/intake/ndjson.hpp"
#include "net/http/connection_places.hpp"
#include "net/task/task_group.hpp"

#include <functional>
#include <memory>

namespace agent {

constexpr std::size_t ndjson_connections_max = 256; // a further one waits in the socket's backlog

class ndjson_listener {
public:
    // A connection that finds no place among `places` waits for one. They are of this listener alone: the API
    // must be able to answer beside any number of producers, and these beside any number of callers.
    ndjson_listener(net::environment& env, capture& into, ring& journal, body_memory& bodies,
                    std::unique_ptr<net::listener> from, std::shared_ptr<net::connection_places> places = {},
                    std::function<void()> on_connection_ended = {});

    // Until the stop has drained and every connection has left.
    net::task<void> serve(net::stop_token stop);

    std::size_t connections() const { return connections_; }

    const intake_counts& counts() const { return counts_; } // of connections that have ended

private:
    net::task<void> accept_loop(net::task_group& group, net::stop_token stop);
    net::task<net::connection_places::place> place_for_one(net::stop_token stop);
    net::task<void> serve_connection(std::unique_ptr<net::stream> from, net::stop_token stop);

    net::environment& env_;
    capture& capture_;
    ring& ring_;
    body_memory& bodies_;
    std::unique_ptr<net::listener> listener_;
    std::shared_ptr<net::connection_places> places_;
    std::function<void()> on_connection_ended_;
    intake_counts counts_;
    std::size_t connections_ = 0;
};

} // namespace agent
