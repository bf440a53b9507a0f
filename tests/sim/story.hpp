#pragma once
// One seed's world from its beginning to its end: the service, one agent or two, their callers, and what
// strikes them; then everything heals, everything held must become durable, the agent leaves in order, and
// the last accounts are checked.

#include "tests/sim/agent_host.hpp"
#include "tests/sim/api_caller.hpp"
#include "tests/sim/checkers/bounds_checker.hpp"
#include "tests/sim/checkers/conservation_checker.hpp"
#include "tests/sim/checkers/lines_checker.hpp"
#include "tests/sim/checkers/parking_checker.hpp"
#include "tests/sim/checkers/stream_checker.hpp"
#include "tests/sim/line_producers.hpp"
#include "tests/sim/plan.hpp"
#include "tests/sim/s2_service.hpp"

#include <memory>
#include <vector>

namespace sim {

class story {
public:
    story(const plan& of, trace& into);
    ~story();

    // Throws a verdict.
    void run();

    const fault_table& faults() { return world_.faults(); }

    net::duration lasted() const { return world_.now().time_since_epoch() - began_; }

    std::uint64_t events() const { return world_.events_happened(); }

    caller_tally callers() const;

    std::uint64_t envelopes() const { return checker_.envelopes(); }

    std::uint64_t settled_inputs() const { return settled_inputs_; }

    std::uint64_t tls_connections() const { return watch_.tls_connections; }

private:
    struct host {
        std::unique_ptr<agent_host> agent;
        std::unique_ptr<caller_context> context;
        std::uint64_t callers = 0;             // their process
        std::shared_ptr<standard_input> input; // of the agent that runs or ran last
    };

    static net::duration since_start(net::time_point when);

    void begin();
    void run_to(net::time_point when);
    void perform(const planned_act& act);
    void kill_and_restart(host& which, bool with_machine, net::duration later);
    void terminate_and_restart(host& which, bool twice, net::duration later);
    void watch_exit(host& which, std::uint64_t incarnation);
    void clone_machine();
    void copy_state();
    void start_service();
    void end_service(bool in_order, net::duration away);
    void spoil_disk(const planned_act& act);
    void meddle(fault what);
    net::task<> meddle(process& env, fault what);
    net::task<> meddle_with(net::task_group& connections, fault what, std::string stream);

    host& add_host(std::shared_ptr<disk> storage);
    std::unique_ptr<net::stream> open_input(host& which, process& agent);
    void end_input(standard_input& which);
    void settle_input(host& which);
    bool left_for_a_reason(const host& which) const;
    void start_agent(host& which);
    void watch_ring(host& which, const disk_watcher* copied_from = nullptr);
    void begin_shortage(host& which, const planned_act& act);
    void forbid_streams(const planned_act& act);
    void judge_exit(host& which);
    void start_callers_of(host& which);
    host& some_host();

    // The end (story_end.cpp)
    void heal();
    void stop_under_faults();
    void expect_all_durable(host& which);
    void expect_clean_exit(host& which);
    void check_accounts() const;
    void expect_no_agent_behind_its_input(host& which);
    std::string ask(host& which, std::string method, std::string target, net::duration within,
                    unsigned& status);

    plan plan_;
    world world_;
    net::duration began_;
    std::shared_ptr<model_store> store_;
    service_watch watch_;
    ledger book_;
    stream_checker checker_;
    conservation_checker conservation_;
    lines_checker lines_;
    parking_checker parking_;
    bounds_checker bounds_;
    machine service_machine_;
    machine elsewhere_;
    std::unique_ptr<s2_service> service_; // in its process
    std::uint64_t service_process_ = 0;
    std::vector<host> hosts_;
    bool stopping_ = false;                      // under faults, before things heal
    net::time_point told_to_leave_ = net::never; // from then on
    bool healing_ = false;
    std::uint64_t settled_inputs_ = 0;
    std::exception_ptr found_; // by a checker in the middle of an event
};

} // namespace sim
