#pragma once
// The control API (product: Capture session API): HTTP/1.1 on TCP and on a Unix socket. Thin: it parses,
// calls, answers.

#include "agent/api/access_rules.hpp"
#include "agent/delivery/report.hpp"
#include "agent/intake/body_memory.hpp"
#include "agent/session/capture.hpp"
#include "net/http/message.hpp"

#include <functional>
#include <optional>
#include <string>

namespace agent {

class live_sink;

struct connection_count {
    std::size_t open = 0;
    std::size_t most = 0;
};

// What the API acts on. All of it outlives the API.
struct api_context {
    net::environment& env;
    ring& journal;
    capture& sessions;
    session_table& table;
    delivery& sink;
    live_sink& live;
    std::function<report()> current_report;
    std::function<bool()> ready;    // /readyz: ring and intakes open, and with --start the session exists
    std::function<bool()> stopping; // intake has stopped: publishes are refused, /readyz says 503
    body_memory& bodies;            // shared with whoever else reads what callers send
    access_rules access;
    std::function<connection_count()> connections;
    // Awaited before a session is started: it may have to come back from the history.
    std::function<net::task<>(std::optional<std::string> id)> before_start = {};
};

// What is answered though all places for connections are taken.
bool always_answered(const net::request_head& request);

// The handler for net::http_server.
net::http_handler make_control_api(api_context context);

// Of the listener for /metrics and the probes alone: it asks for no token, and web pages may not call.
net::http_handler make_metrics_api(api_context context);

} // namespace agent
