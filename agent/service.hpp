#pragma once
// One agent: everything from its state directory to its sinks and its API, put together, started in order and torn down in
// order (product: Teardown, Crash and restart). It decides little itself; each part does its own work.

#include "agent/capture.hpp"
#include "agent/config.hpp"
#include "agent/control_api.hpp"
#include "agent/embedded_store.hpp"
#include "agent/file_sink.hpp"
#include "agent/live_sink.hpp"
#include "agent/ndjson_intake.hpp"
#include "agent/report.hpp"
#include "agent/s2_delivery.hpp"
#include "agent/state_dir.hpp"
#include "agent/teardown.hpp"
#include "net/http_server.hpp"
#include "s2/client.hpp"
#include "s2/connector.hpp"
#include "s2/credentials.hpp"

#include <functional>
#include <memory>

namespace agent {

class service {
public:
    service(net::environment& env, const config& configuration);
    ~service();

    // From opening the state directory to the exit code. Every way out has been logged.
    net::task<exit_code> run();
    // SIGTERM or SIGINT.
    void on_signal();

private:
    struct listening {
        std::unique_ptr<net::http_server> server;
        std::string address; // "http://127.0.0.1:10001", "unix:/path"
    };

    bool open();
    bool open_store();
    bool open_client(net::task_group& group);
    bool open_listeners();
    bool open_input();
    bool listen_on(const net::endpoint& at);
    bool start_session();
    bool room_beside_held() const;
    std::string api_token(bool& ok);

    net::task<> live(net::task_group& group);
    net::task<> serve(net::task_group& group);
    net::task<> read_input();
    net::task<> watch_delivery();
    net::task<> keep_store_small();
    net::task<> tear_down();
    net::task<> deliver_rest();
    net::task<> run_step(teardown_step step);
    net::task<> write_status_file();

    void stop_because(teardown_cause cause);
    report current_report() const;
    exit_code result() const;
    void say_what_is_left() const;
    void announce(std::string envelope);

    net::environment& env_;
    const config& config_;
    std::unique_ptr<state_dir> state_;
    std::unique_ptr<embedded_store> store_;
    std::unique_ptr<s2::credentials> credentials_;
    std::unique_ptr<s2::connector> connector_;
    std::unique_ptr<s2::client> client_;
    std::unique_ptr<s2_delivery> sink_;
    std::unique_ptr<capture> capture_;
    std::unique_ptr<live_sink> live_;
    std::unique_ptr<file_sink> files_;
    std::unique_ptr<net::stream> input_;
    std::vector<listening> apis_;
    std::unique_ptr<net::listener> ndjson_;
    net::stop_source intake_stop_;
    net::stop_source api_stop_;
    net::condition stop_wanted_;
    teardown teardown_;
    std::uint32_t session_number_ = 0; // of this run's last session
    exit_code failure_ = exit_code::failure; // of an open() that returned false
    bool ready_ = false;
    bool delivered_ = false; // the sink's task has ended
    std::optional<exit_code> exit_;
};

} // namespace agent
