// Runs seeds: `ringtail_sim --seeds N [--from S]`, `ringtail_sim --seed S [--trace]`. Each seed runs twice, and
// both runs must take the same course. Exit codes: 127 a crash, 128 something never ended (or a seed took
// too long), 129 something is wrong.

#include "agent/host/log.hpp"
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

// What one life showed, or many together.
struct account {
    std::uint64_t seeds = 0;
    net::duration lasted{};
    std::uint64_t events = 0;
    std::uint64_t envelopes = 0;
    std::array<std::uint64_t, fault_count> fired{};
    caller_tally callers;
    std::uint64_t settled_inputs = 0;
    std::uint64_t tls_connections = 0;

    void add(const account& other) {
        seeds += other.seeds;
        lasted += other.lasted;
        events += other.events;
        envelopes += other.envelopes;
        for (std::size_t index = 0; index < fault_count; ++index)
            fired[index] += other.fired[index];
        callers.add(other.callers);
        settled_inputs += other.settled_inputs;
        tls_connections += other.tls_connections;
    }
};

// Its hash; what it showed goes into `shown`.
std::uint64_t run_once(const plan& of, bool print, account& shown) {
    trace told(print);
    story one(of, told);
    one.run();
    shown = {1,  one.lasted(),  one.events(),         one.envelopes(),
             {}, one.callers(), one.settled_inputs(), one.tls_connections()};
    for (std::size_t index = 0; index < fault_count; ++index)
        shown.fired[index] = one.faults().count(static_cast<fault>(index));
    return told.hash();
}

int run_seed(std::uint64_t seed, bool print, bool twice, account& sums) {
    current_seed = seed;
    limit_time(seed_seconds_max);
    const plan of = draw_plan(seed);
    std::printf("%s\n", of.text().c_str());
    std::fflush(stdout);
    try {
        account first;
        account second;
        const auto hash = run_once(of, print, first);
        if (twice && run_once(of, false, second) != hash)
            throw verdict(exit_correctness, "two runs of this seed took different courses");
        sums.add(first);
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

void print_count(const char* how, std::string_view what, std::uint64_t count) {
    std::printf("%s %-22s %llu\n", how, std::string(what).c_str(), static_cast<unsigned long long>(count));
}

void print_totals(const account& sums) {
    std::printf(
        "%llu seeds, %.0f virtual seconds, %llu events, %llu envelopes stored\n",
        static_cast<unsigned long long>(sums.seeds), std::chrono::duration<double>(sums.lasted).count(),
        static_cast<unsigned long long>(sums.events), static_cast<unsigned long long>(sums.envelopes));
    for (std::size_t index = 0; index < fault_count; ++index)
        print_count("fired", name_of(static_cast<fault>(index)), sums.fired[index]);
    print_count("seen", "answers", sums.callers.answers);
    print_count("seen", "durable_flushes", sums.callers.durable_flushes);
    print_count("seen", "early_answers", sums.callers.early_answers);
    print_count("seen", "early_exits", sums.callers.early_exits);
    print_count("seen", "watched_envelopes", sums.callers.watched_envelopes);
    print_count("seen", "answered_lines", sums.callers.answered_lines);
    print_count("seen", "reopened", sums.callers.reopened);
    print_count("seen", "settled_inputs", sums.settled_inputs);
    print_count("seen", "tls_connections", sums.tls_connections);
}

int run(int argc, char** argv) {
    std::uint64_t seeds = 1;
    std::uint64_t from = 1;
    bool print = false;
    bool once = false;
    bool keep_going = false;
    CLI::App app("The whole agent in a simulated world");
    app.add_option("--seeds", seeds, "how many, one after the other")->capture_default_str();
    app.add_option("--seed,--from", from, "the (first) seed")->capture_default_str();
    app.add_flag("--trace", print, "tell what happens");
    app.add_flag("--once", once, "don't run each seed a second time");
    app.add_flag("--keep-going", keep_going, "don't stop at the first failure");
    CLI11_PARSE(app, argc, argv);

    std::signal(SIGABRT, on_fatal);
    std::signal(SIGSEGV, on_fatal);
    std::signal(SIGPROF, on_fatal);
    std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);
    log_to_story();
    account sums;
    int worst = 0;
    for (std::uint64_t seed = from; seed < from + seeds; ++seed) {
        const int code = run_seed(seed, print, !once, sums);
        worst = std::max(worst, code);
        if (code != 0 && !keep_going)
            break;
    }
    limit_time(0);
    print_totals(sums);
    return worst;
}

} // namespace
} // namespace sim

int main(int argc, char** argv) {
    return sim::run(argc, argv);
}
