#include "tests/sim/agent_host.hpp"

namespace sim {
namespace {

constexpr net::duration uptime_min = std::chrono::seconds(2); // of a machine that has just booted
constexpr net::duration uptime_max = std::chrono::seconds(20);

} // namespace

agent_host::agent_host(world& in, std::unique_ptr<machine> on, agent::config with)
    : how(std::move(with))
    , world_(&in)
    , machine_(std::move(on))
    , self_(std::make_shared<agent_host*>(this)) {}

void agent_host::start() {
    ++incarnation_;
    ++disturbances;
    exited.reset();
    ready_ = false;
    signalled_ = false;
    signals_ = 0;
    stopping_ = false;
    running_with_ = std::make_unique<agent::config>(how);
    process& fresh = world_->start(*machine_, name());
    process_ = fresh.id();
    fresh.bear_what_lacks();
    if (killed_ && (machine_died_ || fresh.boot_id().empty()))
        ++starts_behind_a_crash_;
    killed_ = machine_died_ = false;
    fresh.on_notify = [self = self_](std::string_view state) {
        if (state == "READY=1")
            (*self)->ready_ = true;
        if (state == "STOPPING=1")
            (*self)->stops();
    };
    if (make_input)
        fresh.give_input(make_input(fresh));
    world_->say(name(), "starts");
    fresh.run([self = self_, with = running_with_.get()](process& env) { return live(env, self, *with); });
}

net::task<> agent_host::live(process& env, std::shared_ptr<agent_host*> self, const agent::config& with) {
    agent::history_setup past = (*self)->past;
    agent::service one(env, with, nullptr, std::move(past));
    (*self)->service_ = &one;
    const auto code = co_await one.run();
    auto& host = **self;
    host.service_ = nullptr;
    host.process_ = 0;
    host.exited = code;
    ++host.disturbances;
    host.world_->say(host.name(), "exits with " + std::to_string(static_cast<int>(code)));
    if (host.on_exit)
        host.on_exit();
}

void agent_host::stops() {
    if (!stopping_ && !signalled_)
        stopping_since_ = world_->now();
    stopping_ = true;
}

void agent_host::kill(bool with_machine) {
    ++disturbances;
    killed_ = true;
    machine_died_ = machine_died_ || with_machine;
    world_->say(name(), with_machine ? "the machine crashes" : "is killed");
    if (process* running = world_->find(process_))
        world_->end(*running, with_machine);
    process_ = 0;
    service_ = nullptr;
    if (!with_machine)
        return;
    auto& faults = world_->faults();
    if (faults.strikes(fault::nothing_written_back)) {
        faults.fired(fault::nothing_written_back);
        machine_->storage->crash_unwritten();
    } else {
        machine_->storage->crash(faults.source());
    }
    machine_->boot_id += "+";
    if (machine_->paused)
        return;
    // The monotonic clock begins anew with the next boot.
    machine_->paused_for =
        world_->now().time_since_epoch() - draw(world_->events_happened()).between(uptime_min, uptime_max);
    faults.fired(fault::clock_restarted);
}

void agent_host::signal() {
    ++disturbances;
    if (!stopping())
        stopping_since_ = world_->now();
    signals_ += 1;
    signalled_ = true;
    world_->say(name(), "gets SIGTERM");
    if (service_)
        service_->on_signal();
}

void agent_host::adopt(world& into, world& from, agent_host& other) {
    process* taken = from.find(other.process_);
    if (!taken)
        throw verdict(exit_crash, "there is no agent to clone");
    ++incarnation_;
    ++disturbances;
    world_ = &into;
    process_ = into.adopt(from, *taken, *machine_).id();
    running_with_ = std::move(other.running_with_);
    service_ = std::exchange(other.service_, nullptr);
    ready_ = other.ready_;
    stopping_ = other.stopping_;
    stopping_since_ = other.stopping_since_;
    other.process_ = 0;
    other.machine_->storage = std::make_shared<disk>(); // its own went with it
    self_ = other.self_;
    *self_ = this;
    other.self_ = std::make_shared<agent_host*>(&other);
}

} // namespace sim
