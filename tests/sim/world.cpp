#include "tests/sim/world.hpp"

#include "tests/sim/network.hpp"
#include "tests/sim/process.hpp"

#include <algorithm>

namespace sim {

world::world(std::uint64_t seed, trace& into)
    : source_(seed)
    , faults_(source_.fork("faults"))
    , trace_(into)
    , network_(std::make_unique<network>(*this)) {}

// Processes first: their frames hold ends of connections.
world::~world() {
    end_all();
}

void world::end_all() {
    for (const auto& one : processes_)
        one->die(true);
    processes_.clear();
}

world::event_id world::put(net::time_point when, event what) {
    const event_id id{std::max(when, now_), next_event_++};
    events_.emplace(id, std::move(what));
    return id;
}

void world::at(net::time_point when, std::function<void()> act) {
    put(when, {0, false, {}, std::move(act)});
}

void world::deliver(std::uint64_t to, net::time_point when, std::function<void()> act) {
    put(when, {to, false, {}, std::move(act)});
}

std::uint64_t world::alarm(process& of, net::time_point deadline) {
    const auto when = net::saturating_add(deadline, of.on().paused_for);
    const auto id = put(when, {of.id(), true, deadline, {}});
    alarms_.emplace(id.second, id.first);
    return id.second;
}

void world::cancel_alarm(std::uint64_t number) noexcept {
    const auto found = alarms_.find(number);
    if (found == alarms_.end())
        return;
    events_.erase({found->second, number});
    alarms_.erase(found);
}

void world::end_on(const machine& which) {
    for (const auto& one : processes_)
        if (&one->on() == &which)
            one->die(true);
    std::erase_if(processes_, [&which](const auto& one) { return &one->on() == &which; });
}

process* world::find(std::uint64_t id) {
    const auto found =
        std::find_if(processes_.begin(), processes_.end(), [id](const auto& one) { return one->id() == id; });
    return found == processes_.end() ? nullptr : found->get();
}

bool world::step(net::time_point by) {
    for (;;) {
        if (events_.empty() || events_.begin()->first.first > by) {
            now_ = std::max(now_, by);
            return false;
        }
        auto node = events_.extract(events_.begin());
        event& what = node.mapped();
        now_ = std::max(now_, node.key().first);
        process* owner = what.owner == 0 ? nullptr : find(what.owner);
        if (what.owner != 0 && !owner)
            continue;
        if (owner && owner->on().paused) {
            waiting_[&owner->on()].emplace_back(node.key(), std::move(what));
            continue;
        }
        if (what.is_alarm && owner->now() < what.deadline) { // the machine slept since it was set
            node.key().first = net::saturating_add(what.deadline, owner->on().paused_for);
            alarms_[node.key().second] = node.key().first;
            events_.insert(std::move(node));
            continue;
        }
        ++happened_;
        events_so_far = happened_;
        seconds_now = std::chrono::duration<double>(now_.time_since_epoch()).count();
        at_this_instant_ = now_ == last_instant_ ? at_this_instant_ + 1 : 0;
        last_instant_ = now_;
        if (at_this_instant_ > events_per_instant_max)
            throw verdict(exit_liveness,
                          "time stands still: " + std::string(owner ? owner->name() : "the world") +
                              " is busy without end");
        trace_.mix(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
        trace_.mix(what.owner * 2 + (what.is_alarm ? 1 : 0));
        if (what.is_alarm) {
            alarms_.erase(node.key().second);
            owner->ring(node.key().second);
        } else {
            what.act();
        }
        poll_all();
        for (const auto& check : checks_)
            check();
        return true;
    }
}

bool world::run_until(const std::function<bool()>& condition, net::time_point by) {
    poll_all();
    while (!condition())
        if (!step(by))
            return condition();
    return true;
}

void world::poll_all() {
    for (bool again = true; again;) {
        again = false;
        for (std::size_t index = 0; index < processes_.size(); ++index)
            if (!processes_[index]->on().paused) {
                running_ = processes_[index]->name();
                again = processes_[index]->poll() || again;
                running_ = "world";
            }
    }
    for (std::size_t index = 0; index < processes_.size();) // those whose program has returned
        if (processes_[index]->finished()) {
            processes_[index]->die(false);
            processes_.erase(processes_.begin() + static_cast<std::ptrdiff_t>(index));
        } else {
            ++index;
        }
}

process& world::start(machine& on, std::string name) {
    processes_.push_back(std::make_unique<process>(*this, on, std::move(name), next_process_++));
    return *processes_.back();
}

void world::end(process& which, bool silent) {
    const auto id = which.id();
    which.die(silent);
    std::erase_if(processes_, [id](const auto& one) { return one->id() == id; });
}

void world::pause(machine& which) {
    which.paused = true;
    which.paused_since = now_;
}

void world::resume(machine& which) {
    which.paused = false;
    which.paused_for += now_ - which.paused_since;
    auto held = waiting_.extract(&which);
    if (!held.empty())
        for (auto& [id, what] : held.mapped()) {
            const auto when =
                std::max(now_, what.is_alarm ? net::saturating_add(what.deadline, which.paused_for) : now_);
            if (what.is_alarm)
                alarms_[id.second] = when;
            events_.emplace(event_id{when, id.second}, std::move(what));
        }
    poll_all();
}

process& world::adopt(world& from, process& which, machine& as) {
    const auto found = std::find_if(from.processes_.begin(), from.processes_.end(),
                                    [&](const auto& one) { return one.get() == &which; });
    processes_.push_back(std::move(*found));
    from.processes_.erase(found);
    processes_.back()->move_to(*this, as, next_process_++);
    return *processes_.back();
}

} // namespace sim
