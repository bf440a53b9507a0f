// What a story's machines are short of, which streams are forbidden, and who watches the rings.
#include "tests/sim/checkers/ring_checker.hpp"
#include "tests/sim/story.hpp"

namespace sim {

namespace {

constexpr unsigned always = 1000; // per mille

} // namespace

// Of an agent that has a disk to itself.
void story::watch_ring(host& which, const disk_watcher* copied_from) {
    auto& storage = which.agent->on().storage;
    storage->lacking = nullptr; // a twin's
    const auto wrong = [this](const std::string& what) {
        if (!found_)
            found_ = std::make_exception_ptr(verdict(exit_correctness, what));
    };
    const auto say = [this, name = which.agent->name()](const std::string& what) { world_.say(name, what); };
    auto watcher = std::make_shared<ring_checker>(*storage, book_, plan_.agent.ring_capacity, wrong, say);
    if (const auto* other = dynamic_cast<const ring_checker*>(copied_from))
        watcher->go_on_from(*other);
    storage->watcher = std::move(watcher);
    if (!plan_.agent.s2.token_file.empty())
        (void)storage->replace(plan_.agent.s2.token_file, service_token);
}

void story::begin_shortage(host& which, const planned_act& act) {
    auto& storage = which.agent->on().storage;
    if (!storage->lacking) {
        storage->lacking = std::make_shared<shortages>(world_.faults(), plan_.agent.state_dir);
        storage->lacking->on_first = [this, name = which.agent->name()](fault what) {
            world_.say(name, "meets: " + std::string(name_of(what)));
        };
    }
    ++which.agent->disturbances;
    storage->lacking->begin(act.what, world_.faults().source().chance(600) ? always : always * 3 / 10);
    world_.at(world_.now() + act.lasts, [this, what = act.what, host = which.agent.get()] {
        ++host->disturbances;
        world_.say(host->name(), "has again: " + std::string(name_of(what)));
        if (const auto& lacking = host->on().storage->lacking)
            lacking->end(what);
    });
}

// The newest stream, which its session writes now and another one soon; all but that; or any.
void story::forbid_streams(const planned_act& act) {
    std::vector<std::string> names;
    for (const auto& each : store_->streams())
        if (!each.deleted)
            names.push_back(each.basin + "/" + each.name);
    if (names.empty())
        return;
    auto& source = world_.faults().source();
    const auto until = world_.now() + act.lasts;
    const auto how = source.below(4);
    const auto any = source.below(names.size());
    for (std::size_t index = 0; index < names.size(); ++index) {
        const bool newest = index + 1 == names.size();
        if (how < 2 ? newest : how == 2 ? !newest : index == any) {
            world_.say("service", "forbids " + names[index]);
            watch_.refusals.add(act.what, world_.now(), until, names[index]);
        }
    }
}

// Who leaves early, unable to deliver, has delivered what could move. (A second signal may cut that short.)
void story::judge_exit(host& which) {
    const auto& agent = *which.agent;
    const auto code = *agent.exited;
    if ((code != agent::exit_code::parked && code != agent::exit_code::undelivered) || agent.signals() > 1 ||
        !agent.stopping() || world_.now() >= agent.stopping_since() + plan_.agent.shutdown_timeout)
        return;
    ++which.context->seen.early_exits;
    parking_.expect_only_refused_left(agent, which.context->index, agent.stopping_since(), world_.now(),
                                      "exit " + std::to_string(static_cast<int>(code)) +
                                          " before the shutdown timeout");
}

} // namespace sim
