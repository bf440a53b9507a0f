#pragma once
// The embedded server's face as a network and a service that fail show it: each request meets at most one of
// the service's faults, before it was served or after. Drawn from the fault table; counted there when it took
// effect, and told to the watch by its name.
//
// 1. A fault that says "not applied" leaves the request unserved; one that says "applied" is counted only
//    where the face did apply it (status 200).
// 2. What is refused as a stream was not even looked at.
// 3. What is answered 500, 503 or 504 was applied or not, drawn; 429, server_draining and refusals mean that
//    nothing was.
// 4. What never ends waits for the client to give up, or for the process to stop.

#include "tests/sim/service_faults.hpp"

namespace sim {

class faulty_face {
public:
    // `tiny_window`: the stream window, where that is a fault; 0: it is not.
    faulty_face(net::environment& env, net::http_handler inner, fault_table& faults, service_watch& watch,
                std::uint32_t tiny_window = 0);

    // For net::http_server. The face outlives it.
    net::http_handler handler();

    // Beside the server: applies what broken requests left behind. Until the stop begins.
    net::task<> run(net::stop_token stop);

private:
    net::task<> handle(net::server_exchange& exchange);
    net::task<> unary(net::server_exchange& exchange, service_request on);
    net::task<> unary_meets(fault which, net::server_exchange& exchange, const service_request& on);
    net::task<> append_session(net::server_exchange& exchange, service_request on);
    net::task<> read_session(net::server_exchange& exchange, service_request on);

    net::task<> refuse(fault why, net::server_exchange& exchange, const service_request& on);
    net::task<> pass_on(net::server_exchange& exchange, const service_request& on);
    // Serves it without an answer; whether it was applied.
    net::task<bool> apply(net::server_exchange& exchange, const service_request& on);
    net::task<> never_answer();
    net::task<> break_within(net::server_exchange& exchange, const service_request& on);
    net::task<> apply_behind_reset(net::server_exchange& exchange, const service_request& on);

    parts_ptr parts_;
};

} // namespace sim
