// Time: a Google Benchmark program (--benchmark_filter=ring, …).
// Instructions: with --instructions, under `valgrind --tool=callgrind --collect-atstart=no`, one round of each
// part is counted into a dump of its own that carries the part's name, and standard output gets a line of
// JSON with what the round did.

#include "bench/micro/part.hpp"

#include <benchmark/benchmark.h>
#include <valgrind/callgrind.h>

#include <cstdio>
#include <string>

namespace {

using bench::part;

void measure_time(benchmark::State& state, const part& which) {
    const auto round = which.prepare();
    round(); // buffers grow once
    bench::work done;
    const auto allocated = bench::allocations();
    for ([[maybe_unused]] auto each : state) {
        const auto one = round();
        done.events += one.events;
        done.bytes += one.bytes;
    }
    const auto allocations = static_cast<double>(bench::allocations() - allocated);
    state.SetItemsProcessed(static_cast<std::int64_t>(done.events));
    state.SetBytesProcessed(static_cast<std::int64_t>(done.bytes));
    state.counters["per_event"] = benchmark::Counter(
        static_cast<double>(done.events), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
    state.counters["allocations_per_event"] = allocations / static_cast<double>(done.events);
}

void count_instructions(const part& which) {
    const auto round = which.prepare();
    round();
    const auto allocated = bench::allocations();
    CALLGRIND_TOGGLE_COLLECT;
    const auto done = round();
    CALLGRIND_TOGGLE_COLLECT;
    const auto allocations = bench::allocations() - allocated;
    const std::string name(which.name);
    CALLGRIND_DUMP_STATS_AT(name.c_str());
    std::printf("{\"part\":\"%s\",\"events\":%llu,\"bytes\":%llu,\"allocations\":%llu}\n", name.c_str(),
                static_cast<unsigned long long>(done.events), static_cast<unsigned long long>(done.bytes),
                static_cast<unsigned long long>(allocations));
}

} // namespace

int main(int count, char** arguments) {
    if (count == 2 && std::string_view(arguments[1]) == "--instructions") {
        if (!RUNNING_ON_VALGRIND) {
            std::fputs("--instructions counts under callgrind only: scripts/budget runs it so\n", stderr);
            return 2;
        }
        for (const auto& which : bench::parts())
            count_instructions(which);
        return 0;
    }
    benchmark::Initialize(&count, arguments);
    if (benchmark::ReportUnrecognizedArguments(count, arguments))
        return 2;
    for (const auto& which : bench::parts())
        benchmark::RegisterBenchmark(std::string(which.name).c_str(), measure_time, which)
            ->Unit(benchmark::kMillisecond);
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
