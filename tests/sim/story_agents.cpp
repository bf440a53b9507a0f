// The agents of a story: what they start with, and what becomes of one that leaves, is killed or is stopped.
#include "tests/sim/model_history.hpp"
#include "tests/sim/story.hpp"

#include <boost/json.hpp>

namespace sim {

using namespace std::chrono_literals;

namespace {

std::unique_ptr<machine> make_machine(std::string name, std::shared_ptr<disk> storage) {
    auto made = std::make_unique<machine>();
    made->name = std::move(name);
    made->storage = std::move(storage);
    return made;
}

} // namespace

story::host& story::add_host(std::shared_ptr<disk> storage) {
    const auto index = hosts_.size();
    auto& added = hosts_.emplace_back();
    auto on = make_machine("agent-" + std::to_string(index), std::move(storage));
    added.agent = std::make_unique<agent_host>(world_, std::move(on), plan_.agent);
    added.context.reset(
        new caller_context{world_, *added.agent, book_, conservation_, parking_, plan_.callers, index, {}});
    if (plan_.sessions_kept > 0) {
        const auto open = [context = added.context.get()](net::environment& env,
                                                          const std::filesystem::path& file) {
            return model_history::open(env, file, [context] { context->history_unread = true; });
        };
        added.agent->past = {open, {}, plan_.sessions_kept, 2 * plan_.sessions_kept};
    }
    added.agent->on_exit = [this, index] { judge_exit(hosts_[index]); };
    if (added.agent->on().storage)
        watch_ring(added);
    added.context->plan.until = net::time_point(began_) + plan_.active_for;
    if (plan_.agent.input)
        added.agent->make_input = [this, index](process& agent) { return open_input(hosts_[index], agent); };
    return added;
}

// Another program writes into it at every start, as in a pipeline that is started again.
std::unique_ptr<net::stream> story::open_input(host& which, process& agent) {
    process& producer = world_.start(which.agent->on(), which.agent->name() + "-producer");
    auto ends = world_.net().pair(producer, agent, link_profile{});
    which.input = std::make_shared<standard_input>(producer);
    auto to = std::make_shared<std::unique_ptr<net::stream>>(std::move(ends.first));
    producer.run([context = which.context.get(), input = which.input, to](process& env) {
        return feed_standard_input(env, *context, input, std::move(*to));
    });
    return std::move(ends.second);
}

void story::end_input(standard_input& which) {
    which.over = true;
    if (world_.find(which.producer))
        which.changed.notify();
}

// What the agent that ran last says of its input, where it left by itself.
void story::settle_input(host& which) {
    using enum agent::exit_code;
    const auto input = std::exchange(which.input, nullptr);
    if (!input)
        return;
    end_input(*input);
    const auto code = which.agent->exited.value_or(failure);
    const bool unwritable = plan_.has("disk") || (plan_.has("shortages") && !healing_);
    if (code == failure || code == unusable || !input->written || unwritable)
        return;
    const auto status = which.agent->on().storage->read("/state/status.json");
    if (!status)
        throw verdict(exit_correctness, which.agent->name() + " left no status.json");
    const auto told = boost::json::parse(*status);
    const auto* exit = told.as_object().if_contains("exit");
    if (plan_.has("shortages") && (!exit || *exit != static_cast<int>(code)))
        return; // it could not be written then, and is an earlier one's
    const bool left_early = code == parked && parking_.may_leave_input(world_.now());
    const bool to_the_end = input->written->ended && !which.agent->signalled() && !left_early;
    lines_.settle(*input->written, *status, to_the_end, world_.now());
    if (code == durable)
        conservation_.expect_durable(which.context->index, world_.now(), "exit 0 behind an input");
    settled_inputs_ += to_the_end ? 1 : 0;
}

void story::start_agent(host& which) {
    settle_input(which);
    which.agent->start();
    watch_exit(which, which.agent->incarnation());
}

void story::start_callers_of(host& which) {
    process& callers = world_.start(which.agent->on(), which.agent->name() + "-callers");
    which.callers = callers.id();
    start_callers(callers, *which.context);
}

story::host& story::some_host() {
    return hosts_[world_.faults().source().below(hosts_.size())];
}

// An agent that left by itself for a reason that this world gave it is started again, as an init system does.
void story::watch_exit(host& which, std::uint64_t incarnation) {
    const auto index = static_cast<std::size_t>(&which - hosts_.data());
    world_.at(world_.now() + 500ms, [this, index, incarnation] {
        auto& again = hosts_[index];
        if (again.agent->incarnation() != incarnation || healing_)
            return;
        if (again.agent->exited && left_for_a_reason(again))
            return start_agent(again);
        if (again.agent->exited && !again.agent->signalled())
            throw verdict(exit_correctness, again.agent->name() + " left by itself with exit code " +
                                                std::to_string(static_cast<int>(*again.agent->exited)));
        watch_exit(again, incarnation);
    });
}

bool story::left_for_a_reason(const host& which) const {
    using enum agent::exit_code;
    const auto code = *which.agent->exited;
    if (code == unusable)
        return plan_.has("disk") || plan_.has("shortages");
    if (!which.input || which.agent->signalled())
        return false;
    const bool ended = which.input->written && which.input->written->ended;
    if (code == parked)
        return parking_.may_leave_input(world_.now()) || (ended && plan_.callers.may_park);
    return ended && (code == durable || code == undelivered);
}

void story::kill_and_restart(host& which, bool with_machine, net::duration later) {
    if (!which.agent->running())
        return;
    world_.faults().fired(with_machine ? fault::machine_crashed : fault::agent_killed);
    const auto index = static_cast<std::size_t>(&which - hosts_.data());
    if (with_machine) {
        world_.end_on(which.agent->on());
        book_.machine_crashes.emplace_back(index, world_.now());
    }
    which.agent->kill(with_machine);
    const auto incarnation = which.agent->incarnation();
    world_.at(world_.now() + later, [this, index, incarnation, with_machine] {
        auto& again = hosts_[index];
        if (again.agent->incarnation() != incarnation)
            return;
        start_agent(again);
        if (with_machine)
            start_callers_of(again);
    });
}

void story::terminate_and_restart(host& which, bool twice, net::duration later) {
    auto& agent = *which.agent;
    if (!agent.running() || agent.on().paused)
        return;
    world_.faults().fired(twice ? fault::signalled_twice : fault::agent_terminated);
    agent.signal();
    const auto index = static_cast<std::size_t>(&which - hosts_.data());
    const auto incarnation = agent.incarnation();
    if (twice)
        world_.at(world_.now() + 100ms, [this, index, incarnation] {
            auto& again = *hosts_[index].agent;
            if (again.incarnation() == incarnation && again.running())
                again.signal();
        });
    const auto bound = plan_.agent.shutdown_timeout + 8s;
    const auto paused_before = agent.on().paused_for;
    world_.at(world_.now() + bound + later, [this, index, incarnation, paused_before] {
        auto& again = hosts_[index];
        if (again.agent->incarnation() != incarnation)
            return;
        if (again.agent->running() && !again.agent->on().paused &&
            again.agent->on().paused_for == paused_before && again.agent->on().helper_delay_max < 10ms)
            throw verdict(exit_liveness, again.agent->name() + " did not leave after its signal");
        if (!again.agent->running())
            start_agent(again);
    });
}

} // namespace sim
