// Families that came later: what a machine is short of, streams that are refused beside others that work, facts of
// the machine that are hidden. Each draws from a source of its own.
#include "tests/sim/plan.hpp"
#include "tests/sim/shortages.hpp"

#include <algorithm>

namespace sim {

using namespace std::chrono_literals;

namespace {

template <class T>
T pick(draw& source, std::initializer_list<T> of) {
    return *(of.begin() + source.below(of.size()));
}

void sort_acts(plan& into) {
    std::stable_sort(into.acts.begin(), into.acts.end(),
                     [](const auto& a, const auto& b) { return a.after < b.after; });
}

} // namespace

// Mostly while S2 is away, so that the ring holds what it has not. Events so big that segments fill, and a ring that
// has room for all of them.
void draw_shortages(plan& into, draw source) {
    using enum fault;
    into.families.emplace_back("shortages");
    auto& callers = into.callers;
    callers.data_bytes_max = std::max<std::size_t>(callers.data_bytes_max, 60'000);
    callers.events_max = std::min<std::size_t>(callers.events_max, 8);
    callers.gap_max = std::min<net::duration>(std::max<net::duration>(callers.gap_max, 100ms), 200ms);
    into.link.latency = std::min<net::duration>(into.link.latency, 3ms);
    into.link.jitter = into.link.latency / 2;
    into.link.window_bytes = 256 << 10;
    into.active_for = std::clamp<net::duration>(into.active_for, 12s, 20s);
    into.agent.live_history = 1 << 20;
    if (!into.capacity_may_drop)
        into.agent.ring_capacity = pick<std::uint64_t>(source, {16 << 20, 64 << 20});
    const auto spells = source.between(2, 4);
    for (std::uint64_t count = 0; count < spells; ++count) {
        const auto what =
            pick(source, {descriptors_scarce, mappings_scarce, allocation_fails, directory_read_only,
                          rename_refused, rename_refused, unlink_refused, unlink_refused});
        // Where S2 has all but the newest, segments are recycled.
        const bool of_names = what == rename_refused || what == unlink_refused;
        const auto begins = source.between(2s, into.active_for - 1s);
        into.acts.push_back({begins, what, source.between(1s, 8s)});
        if (source.chance(of_names ? 350 : 700)) {
            const auto before = std::min(begins - 500ms, source.between(0ms, 5s));
            into.acts.push_back({begins - before, server_killed, before + source.between(1s, 8s)});
        }
        if (source.chance(150))
            into.acts.push_back({begins + source.between(0ms, 3s), agent_killed, source.between(0ms, 2s)});
    }
    sort_acts(into);
}

// Sessions change while a stream is forbidden: what it is owed waits beside the stream of the next session. In most
// worlds nothing else is wrong, so that what could move must have moved.
void draw_forbidden_streams(plan& into, draw source) {
    if (source.chance(700)) {
        into.families.clear();
        into.rates.clear();
        into.acts.clear();
    }
    into.families.emplace_back("forbidden");
    into.agent.s2.stream_template = "{capture_session_id}";
    into.active_for = std::max<net::duration>(into.active_for, 20s);
    into.callers.flushes = true;
    into.callers.changes_sessions = !into.lines_only && into.callers.line_producers == 0;
    const auto spells = source.between(1, 3);
    for (std::uint64_t count = 0; count < spells; ++count) {
        const auto begins = source.between(1s, into.active_for - 3s);
        into.acts.push_back({begins, fault::stream_forbidden, source.between(5s, 25s)});
        if (into.lines_only || source.chance(500)) {
            const auto what = source.chance(500) ? fault::agent_killed : fault::agent_terminated;
            into.acts.push_back({begins + source.between(500ms, 4s), what, source.between(0ms, 1s)});
        }
    }
    if (source.chance(500))
        into.stops_under_faults = true;
    sort_acts(into);
}

void draw_hidden_facts(plan& into, draw source) {
    using enum fault;
    into.families.emplace_back("facts");
    if (source.chance(800))
        into.rates.emplace_back(boot_id_hidden, pick<unsigned>(source, {1000, 1000, 500}));
    if (source.chance(400)) {
        into.agent.s2.token_file = std::string(token_path);
        into.rates.emplace_back(fingerprint_hidden, pick<unsigned>(source, {1000, 300}));
    }
    if (source.chance(700))
        into.rates.emplace_back(nothing_written_back, pick<unsigned>(source, {1000, 500}));
    for (const auto what : {machine_crashed, machine_crashed, agent_killed})
        if (source.chance(600))
            into.acts.push_back({source.between(700ms, into.active_for), what, source.between(0ms, 4s)});
    sort_acts(into);
}

} // namespace sim
