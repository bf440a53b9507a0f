#pragma once
// Serves HTTP/1.1 and HTTP/2 on one listener. In cleartext the client's first bytes tell which (the preface
// `PRI * HTTP/2.0`); over TLS, ALPN does.
//
// Where all places are taken, a newcomer has one of those whose connection makes room (connection_places);
// else one of the spare ones, where one request is read and answered: by the handler where it is of the
// kind that is always answered, else 503. Where there is no spare one either it is closed without a word.
//
// No error of accept and no failure of one connection ends serve(); `report` hears of them.
//
// serve() ends with the stop: drain closes the listener and lets every connection finish what it holds
// until the token's deadline; then, and on abort, what is left is cut. It is started once.

#include "net/http/connection_places.hpp"
#include "net/http/message.hpp"
#include "net/report.hpp"
#include "net/task/stop_token.hpp"
#include "net/task/task_group.hpp"

#include <functional>
#include <memory>

namespace net {

// TLS accept, within header_timeout; an error closes the connection.
using secure_hook = std::function<task<result<std::unique_ptr<stream>>>(std::unique_ptr<stream>)>;

class http_server {
public:
    // Without a listener only serve_stream() can be used. `places` are shared with other listeners; without
    // them there are connections_max.
    http_server(environment& env, std::unique_ptr<listener> from, http_limits limits, http_handler handler,
                secure_hook secure = {}, std::shared_ptr<connection_places> places = {},
                report_function report = {});

    // What is answered in a spare place, too. Before serve().
    void always_answer(std::function<bool(const request_head&)> kind) { always_ = std::move(kind); }

    task<void> serve(stop_token stop);
    // One connection that was made elsewhere (an in-process pair); counted like the others.
    task<void> serve_stream(std::unique_ptr<stream> transport, stop_token stop);

    std::size_t connections() const { return connections_; }

    std::uint64_t connections_refused() const { return refused_; }

    // Where serve() listens.
    endpoint local() const { return listener_->local(); }

private:
    task<void> accept_loop(task_group& group, stop_token stop);
    task<void> serve_connection(std::unique_ptr<stream> transport, bool secured, stop_token stop,
                                connection_places::place at);
    task<void> serve_one(std::unique_ptr<stream> transport, stop_token stop, connection_places::place at);
    task<void> speak(std::unique_ptr<stream> transport, const http_limits& limits,
                     const http_handler& handler, stop_token stop, connection_places::place at);

    environment& env_;
    std::unique_ptr<listener> listener_;
    http_limits limits_;
    http_handler handler_;
    secure_hook secure_;
    std::shared_ptr<connection_places> places_;
    report_function report_;
    std::function<bool(const request_head&)> always_;
    std::size_t connections_ = 0;
    std::uint64_t refused_ = 0;
};

} // namespace net
