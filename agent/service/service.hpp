#pragma once
// One agent: everything from its state directory to its sinks and its API, put together, started in order and
// torn down in order (product: Teardown, Crash and restart). It decides little itself; each part does its own
// work.
//
// Tasks and what they use, outermost first: connections (the connector's), the store, the sink, the intakes
// and APIs. Each scope is finished before what it uses goes.

#include "agent/api/control.hpp"
#include "agent/config/config.hpp"
#include "agent/delivery/embedded_store.hpp"
#include "agent/delivery/history.hpp"
#include "agent/delivery/report.hpp"
#include "agent/delivery/s2_sink.hpp"
#include "agent/intake/body_memory.hpp"
#include "agent/intake/ndjson.hpp"
#include "agent/intake/ndjson_listener.hpp"
#include "agent/load/producer.hpp"
#include "agent/service/teardown.hpp"
#include "agent/session/capture.hpp"
#include "agent/sinks/file_sink.hpp"
#include "agent/sinks/live_sink.hpp"
#include "agent/state/directory.hpp"
#include "net/server/http_server.hpp"
#include "net/server/listening.hpp"
#include "s2/client.hpp"
#include "s2/connector.hpp"
#include "s2/credentials.hpp"

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace agent {

class service {
public:
    // `in_process` publishes where the configuration names no input. Without an opener there is no history.
    service(net::environment& env, const config& configuration, producer* in_process = nullptr,
            history_setup past = {});
    ~service();

    // From opening the state directory to the exit code. Every way out has been logged.
    net::task<exit_code> run();
    // An order to leave (SIGTERM and its like), and one to reload (SIGHUP).
    void on_signal();
    void reload();

    // After run(), where that came as far as a teardown: the account, and the session that it is about.
    const std::optional<report>& outcome() const { return final_; }

    const session_record* last_session() const { return state_ ? state_->sessions->latest() : nullptr; }

private:
    // A part that runs as a task of its own and can be waited for.
    struct part {
        std::string_view name;
        net::task_group* group = nullptr; // while it runs
        bool ended = false;
    };

    // --- opening (open.cpp); false: logged, and failure_ says how to exit
    bool open();
    bool open_client(net::task_group& connections);
    bool open_intakes();

    struct wanted_address {
        net::endpoint at;
        std::string name; // for errors
    };

    // --- listening (listen.cpp)
    bool try_to_listen();
    bool may_be_open(const net::listeners& on);
    std::vector<wanted_address> addresses_wanted() const;
    std::variant<net::listeners, net::listen_failure> listen_at(const net::endpoint& at);
    bool listen();
    bool serve_ndjson(const net::endpoint& at, const std::string& name);
    bool serve_api(const net::endpoint& at, const std::string& name);
    bool serve_metrics(const net::endpoint& at, const std::string& name);
    bool cannot_listen(const std::string& name, const net::listen_failure& why);
    std::optional<net::secret> read_api_token(std::string& why) const;
    api_context context_with(net::secret token);

    bool start_session(); // or start_waits_ says why not yet
    bool room_beside_held();

    bool input_may_come() const;

    bool has_input() const { return config_.input || producer_; } // whose end is the agent's

    bool give_up(exit_code with, const std::string& why);

    // --- running
    net::task<> run_opened();
    net::task<> live(net::task_group& group);
    net::task<> run_part(part& which, std::function<net::task<>()> body);
    void run_task(net::task_group& group, std::string_view name, std::function<net::task<>()> body);
    void part_failed(const std::string& line);
    net::task<> recall_sessions();
    net::task<bool> start_when_there_is_room();
    net::task<> take_events();
    net::task<> read_input();
    net::task<> take_from_producer();
    void input_ended(intake_end how);
    net::task<> watch_delivery();
    net::task<> keep_store_small();
    net::task<> feed_watchdog(net::duration every);
    void stop_because(teardown_cause cause);

    // --- stopping
    net::task<> tear_down();
    net::task<> perform(teardown_step step);
    void extend_stop_timeout();
    net::task<> deliver_rest();
    net::task<> wait_for_end(part& which, net::time_point deadline);
    net::task<> close_ring();
    void settle_account();
    void say_what_is_left() const;

    report current_report() const;
    net::task<> write_status_file();
    net::task<> write_report_file();
    void announce(const std::string& envelope);

    net::environment& env_;
    const config& config_;
    producer* producer_;
    std::unique_ptr<state_dir> state_;
    std::unique_ptr<embedded_store> store_;
    std::unique_ptr<s2::credentials> credentials_;
    std::unique_ptr<s2::connector> connector_;
    std::unique_ptr<s2::client> client_;
    std::unique_ptr<s2_sink> sink_;
    history_setup history_setup_;
    std::unique_ptr<history> history_;
    std::unique_ptr<capture> capture_;
    std::unique_ptr<live_sink> live_;
    std::unique_ptr<file_sink> files_;
    std::unique_ptr<net::stream> input_;
    body_memory bodies_;                             // of all callers and intakes
    std::shared_ptr<net::connection_places> places_; // of the API's listeners
    std::shared_ptr<net::connection_places> ndjson_places_;
    std::shared_ptr<net::connection_places> metrics_places_;
    std::shared_ptr<net::http_handler> api_; // of all servers; another one after a reload
    std::vector<std::unique_ptr<net::http_server>> apis_;
    std::vector<std::string> addresses_; // where the API is
    std::unique_ptr<ndjson_listener> ndjson_;
    net::stop_source intake_stop_;
    net::stop_source api_stop_;
    net::condition changed_; // a part has ended, delivery has moved, somebody wants to stop
    part store_part_{"the embedded store"};
    part sink_part_{"delivery"};
    part files_part_{"the file sink"};
    part intake_part_{"the intake"};
    teardown teardown_;
    std::optional<start_error> start_waits_; // for sessions that are to be delivered first
    bool ready_ = false;
    bool resumed_ = false;
    bool input_ended_ = false;
    bool input_failed_ = false;
    bool input_unread_ = false; // when it was stopped
    bool part_failed_ = false;

    exit_code failure_ = exit_code::failure;
    std::optional<report> final_; // once delivery has ended
};

} // namespace agent
