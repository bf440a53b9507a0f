#pragma once
// One agent: its parts opened and started in order, its session begun, and all of it torn down in the reverse
// order (product: Teardown, Crash and restart). It decides little itself; each part does its own work.
//
// Scopes, outermost first: connections, the parts, their tasks. Each is finished before what it uses goes.

#include "agent/service/part_list.hpp"

#include <memory>
#include <optional>
#include <string>

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

    // After run(): the account, and the session that it is about. The account is the whole one where the
    // agent came as far as a teardown.
    const std::optional<report>& outcome() const { return outcome_; }

    const session_record* last_session() const;

private:
    net::task<> run_parts();
    net::task<> live(net::task_group& tasks);
    // False: the agent has to leave without a teardown, and why has been logged.
    net::task<bool> begin();
    net::task<> tear_down();
    net::task<> perform(teardown_step step);
    bool give_up(const std::optional<start_failure>& why);

    service_core core_;
    history_setup history_setup_;
    part_list* parts_ = nullptr; // while they are there
    exit_code failure_ = exit_code::failure;
    std::optional<report> outcome_;
    std::optional<session_record> last_session_; // once the parts are gone
};

} // namespace agent
