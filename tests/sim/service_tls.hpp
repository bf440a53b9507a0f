#pragma once
// The service's side of TLS, with the faults that only TLS knows. What is told to the story of such a
// connection is its plaintext: the ciphertext is another one in every life of a seed.

#include "net/server/http_server.hpp"
#include "tests/sim/faults.hpp"
#include "tests/sim/service_watch.hpp"
#include "tests/sim/trace.hpp"

namespace sim {

// All of these outlive the server that has the hook.
net::secure_hook service_tls(net::environment& env, fault_table& faults, service_watch& watch, trace& story);

} // namespace sim
