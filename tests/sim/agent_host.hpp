#pragma once
// The agent, unchanged, on a simulated machine: started, signalled, killed, and what became of it.

#include "agent/service/service.hpp"
#include "tests/sim/process.hpp"

#include <memory>
#include <optional>
#include <string>

namespace sim {

class agent_host {
public:
    agent_host(world& in, std::unique_ptr<machine> on, agent::config how);

    const std::string& name() const { return machine_->name; }

    machine& on() const { return *machine_; }

    agent::config how;         // of the next start
    agent::history_setup past; // the same
    // The standard input of a process that is about to run.
    std::function<std::unique_ptr<net::stream>(process&)> make_input;

    void start();
    void kill(bool with_machine); // SIGKILL, or the machine's end with all its unsynced pages
    void signal();                // SIGTERM

    bool running() const { return process_ != 0; }

    bool ready() const { return running() && ready_; }

    // Rises with every start: a caller sees by it that its agent was another one meanwhile.
    std::uint64_t incarnation() const { return incarnation_; }

    // Whatever may excuse an answer that does not come in time.
    std::uint64_t disturbances = 0;
    std::optional<agent::exit_code> exited; // of the last one that left by itself

    // So many had to take the machine for one that had died.
    std::uint64_t starts_behind_a_crash() const { return starts_behind_a_crash_; }

    bool signalled() const { return signalled_; } // this incarnation

    unsigned signals() const { return signals_; } // it got

    bool stopping() const { return signalled_ || stopping_; } // also by itself

    net::time_point stopping_since() const { return stopping_since_; }

    // It may not be able to take a connection, for a while that is none of its own making.
    bool hampered() const {
        const auto& lacking = machine_->storage->lacking;
        return lacking && lacking->lacks(fault::descriptors_scarce);
    }

    std::function<void()> on_exit; // by itself

    // Takes over what runs in another world's host, which stands at the same instant.
    void adopt(world& into, world& from, agent_host& other);

private:
    void stops();
    static net::task<> live(process& env, std::shared_ptr<agent_host*> self, const agent::config& with);

    world* world_;
    std::unique_ptr<machine> machine_;
    std::unique_ptr<agent::config> running_with_; // the service refers to it
    agent::service* service_ = nullptr;           // lives in the process's frame
    std::uint64_t process_ = 0;
    std::uint64_t incarnation_ = 0;
    bool ready_ = false;
    bool signalled_ = false;
    unsigned signals_ = 0;
    bool stopping_ = false;
    net::time_point stopping_since_{};
    bool killed_ = false;       // since the last start,
    bool machine_died_ = false; // and with its machine
    std::uint64_t starts_behind_a_crash_ = 0;
    std::shared_ptr<agent_host*> self_; // the running program's way to whoever hosts it now
};

} // namespace sim
