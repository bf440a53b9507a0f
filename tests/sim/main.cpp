// Runs seeds: `ringtail_sim --seeds N [--from S]`, `ringtail_sim --seed S [--trace]`. Each seed runs twice, and
// both runs must take the same course. Exit codes: 127 a crash, 128 something never ended (or a seed took
// too long), 129 something is wrong; 1: a fault that is planned somewhere never fired.

#include "agent/log.hpp"
#include "tests/sim/log_to_story.hpp"
#include "tests/sim/story.hpp"

#include <CLI/CLI.hpp>
#include <sys/time.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace sim {
namespace {

constexpr auto seed_seconds_max = 60; // of this program's CPU: a slow seed is a failure

std::uint64_t current_seed = 0;

extern "C" void on_fatal(int which) {
    std::array<char, 128> text{};
    const int size = std::snprintf(
        text.data(), text.size(), "seed %llu FAILED: %s at %.6f s, after %llu events\n",
        static_cast<unsigned long long>(current_seed), which == SIGPROF ? "takes too long" : "crashed",
        world::seconds_now, static_cast<unsigned long long>(world::events_so_far));
    (void)!::write(STDOUT_FILENO, text.data(), static_cast<std::size_t>(size));
    ::_exit(which == SIGPROF ? exit_liveness : exit_crash);
}

void limit_time(int seconds) {
    const itimerval limit{{}, {seconds, 0}};
    ::setitimer(ITIMER_PROF, &limit, nullptr);
}

struct outcome {
    std::uint64_t hash = 0;
    net::duration lasted{};
    std::uint64_t events = 0;
    std::uint64_t envelopes = 0;
    std::array<std::uint64_t, fault_count> fired{};
};

outcome run_once(const plan& of, bool print) {
    trace told(print);
    story one(of, told);
    one.run();
    outcome result{told.hash(), one.lasted(), one.events(), one.envelopes(), {}};
    for (std::size_t index = 0; index < fault_count; ++index)
        result.fired[index] = one.faults().count(static_cast<fault>(index));
    return result;
}

struct totals {
    std::uint64_t seeds = 0;
    net::duration lasted{};
    std::uint64_t events = 0;
    std::uint64_t envelopes = 0;
    std::array<std::uint64_t, fault_count> fired{};
};

int run_seed(std::uint64_t seed, bool print, bool twice, totals& sums) {
    current_seed = seed;
    limit_time(seed_seconds_max);
    const plan of = draw_plan(seed);
    std::printf("%s\n", of.text().c_str());
    std::fflush(stdout);
    try {
        const outcome first = run_once(of, print);
        if (twice && run_once(of, false).hash != first.hash)
            throw verdict(exit_correctness, "two runs of this seed took different courses");
        ++sums.seeds;
        sums.lasted += first.lasted;
        sums.events += first.events;
        sums.envelopes += first.envelopes;
        for (std::size_t index = 0; index < fault_count; ++index)
            sums.fired[index] += first.fired[index];
        return 0;
    } catch (const verdict& why) {
        std::printf("seed %llu FAILED (%d): %s\n", static_cast<unsigned long long>(seed), why.exit_code,
                    why.what());
        return why.exit_code;
    } catch (const std::exception& why) {
        std::printf("seed %llu FAILED (%d): %s\n", static_cast<unsigned long long>(seed), exit_crash,
                    why.what());
        return exit_crash;
    }
}

void print_totals(const totals& sums) {
    std::printf(
        "%llu seeds, %.0f virtual seconds, %llu events, %llu envelopes stored\n",
        static_cast<unsigned long long>(sums.seeds), std::chrono::duration<double>(sums.lasted).count(),
        static_cast<unsigned long long>(sums.events), static_cast<unsigned long long>(sums.envelopes));
    for (std::size_t index = 0; index < fault_count; ++index)
        std::printf("fired %-22s %llu\n", std::string(name_of(static_cast<fault>(index))).c_str(),
                    static_cast<unsigned long long>(sums.fired[index]));
}

int run(int argc, char** argv) {
    std::uint64_t seeds = 1;
    std::uint64_t from = 1;
    bool print = false;
    bool once = false;
    bool all_fire = false;
    bool keep_going = false;
    CLI::App app("The whole agent in a simulated world");
    app.add_option("--seeds", seeds, "how many, one after the other")->capture_default_str();
    app.add_option("--seed,--from", from, "the (first) seed")->capture_default_str();
    app.add_flag("--trace", print, "tell what happens");
    app.add_flag("--once", once, "don't run each seed a second time");
    app.add_flag("--all-fire", all_fire, "fail if a fault never fired");
    app.add_flag("--keep-going", keep_going, "don't stop at the first failure");
    CLI11_PARSE(app, argc, argv);

    std::signal(SIGABRT, on_fatal);
    std::signal(SIGSEGV, on_fatal);
    std::signal(SIGPROF, on_fatal);
    std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);
    log_to_story();
    totals sums;
    int worst = 0;
    for (std::uint64_t seed = from; seed < from + seeds; ++seed) {
        const int code = run_seed(seed, print, !once, sums);
        worst = std::max(worst, code);
        if (code != 0 && !keep_going)
            break;
    }
    limit_time(0);
    print_totals(sums);
    if (worst == 0 && all_fire)
        for (std::size_t index = 0; index < fault_count; ++index)
            if (sums.fired[index] == 0) {
                std::printf("the fault %s never fired\n",
                            std::string(name_of(static_cast<fault>(index))).c_str());
                worst = 1;
            }
    return worst;
}

} // namespace
} // namespace sim

int main(int argc, char** argv) {
    return sim::run(argc, argv);
}
