#pragma once
// The simulated world: virtual time, one ordered heap of everything that is going to happen, and the
// processes that it happens to.
//
// 1. Time moves only from one event to the next; events at one instant happen in the order in which they were
//    made. After each the processes' loops are polled dry, in the order of their start.
// 2. Processes touch each other only through events (network.hpp), so nothing depends on who is polled first.
// 3. A process's events die with it. While its machine is paused they wait: timers keep their distance (its
//    monotonic clock stood still), what arrived meanwhile is there at once.

#include "tests/sim/faults.hpp"
#include "tests/sim/trace.hpp"

#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace sim {

class network;
class process;
struct machine;

// What ends a run: a checker's verdict, a wait that never ends, a crash.
struct verdict : std::runtime_error {
    verdict(int with, const std::string& why)
        : std::runtime_error(why)
        , exit_code(with) {}

    int exit_code;
};

constexpr int exit_crash = 127;
constexpr int exit_liveness = 128;
constexpr int exit_correctness = 129;

class world {
public:
    static constexpr std::uint64_t events_per_instant_max = 100'000;

    world(std::uint64_t seed, trace& into);
    ~world();
    world(const world&) = delete;
    world& operator=(const world&) = delete;

    net::time_point now() const { return now_; }

    draw& source() { return source_; }

    fault_table& faults() { return faults_; }

    network& net() { return *network_; }

    trace& story() { return trace_; }

    void say(std::string_view who, std::string_view what) { trace_.say(now_, who, what); }

    // An act of the world itself.
    void at(net::time_point when, std::function<void()> act);
    // Something that reaches a process; dropped when that has ended.
    void deliver(std::uint64_t to, net::time_point when, std::function<void()> act);
    // A timer of a process, at a time of its machine's monotonic clock: process::ring() is called with the
    // number returned.
    std::uint64_t alarm(process& of, net::time_point deadline);
    void cancel_alarm(std::uint64_t number) noexcept;

    // The first event happens. False: nothing is left, or the first one is later than `by` (now() is `by`
    // then).
    bool step(net::time_point by);
    // Until it holds, checked after each event; false: not by then.
    bool run_until(const std::function<bool()>& condition, net::time_point by);

    process& start(machine& on, std::string name);
    // At once, as by SIGKILL. `silent`: its peers are not told (the machine died).
    void end(process& which, bool silent = false);
    void end_all();
    void end_on(const machine& which); // all its processes, silently
    process* find(std::uint64_t id);

    std::string_view running() const { return running_; } // the name of the process that runs now

    void pause(machine& which);
    void resume(machine& which);

    // Takes a process out of another world that stands at the same instant, with all that waits for it: a
    // clone of a machine. Its connections are cut.
    process& adopt(world& from, process& which, machine& as);

    void check_after_each_event(std::function<void()> check) { checks_.push_back(std::move(check)); }

    static inline double seconds_now = 0; // of the world that runs, for a last word
    static inline std::uint64_t events_so_far = 0;

    std::uint64_t events_happened() const { return happened_; }

private:
    using event_id = std::pair<net::time_point, std::uint64_t>;

    struct event {
        std::uint64_t owner = 0; // 0: the world
        bool is_alarm = false;
        net::time_point deadline; // of an alarm, on the machine's clock
        std::function<void()> act;
    };

    event_id put(net::time_point when, event what);
    void poll_all();

    net::time_point now_{std::chrono::hours(1)};
    draw source_;
    fault_table faults_;
    trace& trace_;
    std::map<event_id, event> events_;
    std::map<std::uint64_t, net::time_point> alarms_; // where each stands in events_
    std::uint64_t next_event_ = 1;
    std::uint64_t next_process_ = 1;
    std::uint64_t happened_ = 0;
    net::time_point last_instant_{};
    std::uint64_t at_this_instant_ = 0;
    std::string_view running_ = "world";
    std::unique_ptr<network> network_;
    std::vector<std::unique_ptr<process>> processes_;
    std::vector<std::function<void()>> checks_;
    std::map<const machine*, std::vector<std::pair<event_id, event>>> waiting_; // of paused machines
};

} // namespace sim
