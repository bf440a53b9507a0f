#pragma once
// One server process of the simulated S2 service: the embedded server's code on a listener, over the model
// store, with the faults of the service between the HTTP/2 connection and the face.
//
// A process is killed by aborting run(): the store then holds exactly what was committed. Another one may
// begin at once on the same store.

#include "net/server/http_server.hpp"
#include "s2/local/http_face.hpp"
#include "tests/sim/faults.hpp"
#include "tests/sim/model_store.hpp"
#include "tests/sim/service_watch.hpp"

namespace sim {

struct s2_service_options {
    net::endpoint listen; // one port for account and basins
    net::http_limits limits;
    s2::local::face_options face;
    net::secure_hook secure;                            // none: cleartext
    net::duration drain_max = std::chrono::seconds(10); // of a stop, as s2 lite's
};

class s2_service {
public:
    // A struck tiny_windows replaces the windows of `how` for this process.
    s2_service(net::environment& env, std::shared_ptr<model_store> store, fault_table& faults,
               service_watch& watch, s2_service_options how);

    // Listens and serves until a stop has drained; system_error where it cannot listen. Once.
    net::task<> run();
    // As SIGTERM: the listener closes, connections get GOAWAY, what is open goes on for drain_max at most.
    void stop();

    bool listening() const { return listening_; }

    // Notified when it begins to listen.
    const net::condition& changed() const { return changed_; }

private:
    net::environment& env_;
    std::shared_ptr<model_store> store_;
    fault_table& faults_;
    service_watch& watch_;
    s2_service_options how_;
    std::uint32_t tiny_window_ = 0; // bytes; 0: they are not tiny
    net::stop_source stop_;
    net::condition changed_;
    bool listening_ = false;
};

} // namespace sim
