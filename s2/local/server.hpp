#pragma once
// The store with its HTTP face, put together: over in-process byte streams inside the agent, or listening on
// a port.
//
// A stop: drain refuses new connections and streams, ends sessions after the face's grace, and gives what is
// left until the token's deadline; then the store makes everything it accepted durable and closes its file.

#include "net/server/http_server.hpp"
#include "s2/local/http_face.hpp"

#include <filesystem>

namespace s2::local {

class embedded_server {
public:
    static constexpr std::size_t pipe_bytes = 256 * 1024; // each way of an in-process connection

    embedded_server(net::environment& env, std::unique_ptr<storage> on, net::stop_token stop,
                    face_options face = {}, net::http_limits limits = {}, net::report_function report = {});

    // A connection to it, for HTTP/2 with prior knowledge or HTTP/1.1. Only while run() runs;
    // error::going_away otherwise.
    net::result<std::unique_ptr<net::stream>> connect();
    // Until the stop has drained and the file is closed. `also`: run beside it, e.g. a listener's server;
    // aborted with it.
    net::task<void> run(std::function<net::task<void>()> also = {});

    store& served() { return store_; }

    http_face& face() { return face_; }

private:
    net::environment& env_;
    net::stop_token stop_;
    store store_;
    http_face face_;
    net::http_server inside_;
    net::task_group* connections_ = nullptr;
};

// Opens the file on the helper thread.
net::task<stored<std::unique_ptr<storage>>> open_store_file(net::environment& env,
                                                            std::filesystem::path file);

struct server_options {
    std::filesystem::path
        file; // created where missing, its directory too; locked for one server (file + "-lock")
    net::endpoint listen;
    net::secure_hook secure; // none: cleartext, HTTP/2 with prior knowledge and HTTP/1.1
    face_options face;
    net::http_limits limits;
    std::shared_ptr<net::connection_places> places;         // none: limits alone count
    net::report_function report;                            // hears what goes wrong with connections
    std::function<void(const net::endpoint&)> on_listening; // each address, with the real port
};

struct server_failure {
    enum class kind { store, listen };
    kind what;
    std::string message;
};

// Serves until the stop has drained. What it could not begin with is the failure.
net::task<std::optional<server_failure>> run_server(net::environment& env, server_options options,
                                                    net::stop_token stop);

} // namespace s2::local
