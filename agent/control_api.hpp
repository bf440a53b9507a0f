#pragma once
// The control API (product: Capture session API): HTTP/1.1 on TCP and on a Unix socket. Thin: it parses,
// calls, answers.

#include "agent/capture.hpp"
#include "agent/report.hpp"
#include "net/http.hpp"

#include <functional>
#include <string>

namespace agent {

class live_sink;

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
    std::string api_token;          // empty: none required
};

// The handler for net::http_server.
net::http_handler make_control_api(api_context context);

} // namespace agent
