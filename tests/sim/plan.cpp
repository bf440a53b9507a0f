#include "tests/sim/plan.hpp"

#include "tests/sim/line_producers.hpp"

#include <algorithm>

namespace sim {
namespace {

using namespace std::chrono_literals;

struct family {
    std::string_view name;
    unsigned per_mille; // of the seeds that have it
    std::vector<fault> ongoing;
    std::vector<fault> acts;
};

const std::vector<family>& families() {
    using enum fault;
    static const std::vector<family> all{
        {"network",
         450,
         {connection_refused, name_unresolved, connect_hangs, bytes_split, latency_spike, connection_stalls,
          connection_reset, half_close},
         {}},
        {"service",
         450,
         {reset_before_append, reset_during_append, reset_after_append, lost_ack, ack_after_reset,
          end_with_unacked, rst_stream, reconnect_advised, server_draining, error_500, error_503, error_504,
          rate_limited, slow_ack, never_answers},
         {}},
        {"windows", 100, {tiny_windows}, {}},
        {"refusals", 150, {token_refused, permission_denied, basin_missing}, {}},
        {"servers", 300, {}, {server_killed, server_stopped}},
        {"others",
         200,
         {},
         {other_fence, other_append, token_cleared, stream_deleted, stream_recreated, stream_trimmed}},
        {"agents", 400, {}, {agent_killed, agent_terminated, signalled_twice}},
        {"machine", 250, {}, {machine_crashed, machine_paused, wall_clock_jumped}},
        {"copies", 100, {}, {machine_cloned, state_copied}},
        {"disk", 150, {}, {disk_full, disk_error, disk_slow}},
        {"callers", 150, {caller_vanishes}, {}},
    };
    return all;
}

template <class T>
T pick(draw& source, std::initializer_list<T> of) {
    return *(of.begin() + source.below(of.size()));
}

net::duration length_of(fault what, draw& source) {
    switch (what) {
    case fault::machine_paused:
        return source.chance(500) ? source.between(1s, 20s) : net::duration(source.between(1min, 180min));
    case fault::wall_clock_jumped:
        return source.between(2s, 86400s);
    case fault::disk_full:
    case fault::disk_error:
    case fault::disk_slow:
        return source.between(500ms, 8s);
    default:
        return source.between(0ms, 6s);
    }
}

void draw_faults(plan& into, draw& source) {
    for (const auto& each : families()) {
        if (!source.chance(each.per_mille))
            continue;
        into.families.emplace_back(each.name);
        for (const auto what : each.ongoing)
            if (each.ongoing.size() == 1 || source.chance(450))
                into.rates.emplace_back(what, pick<unsigned>(source, {5, 20, 80, 250}));
        const auto strikes = each.acts.empty() ? 0 : source.between(1, each.name == "copies" ? 1 : 5);
        for (std::uint64_t count = 0; count < strikes; ++count) {
            const auto what = each.acts[source.below(each.acts.size())];
            into.acts.push_back({source.between(500ms, into.active_for), what, length_of(what, source)});
        }
    }
    std::stable_sort(into.acts.begin(), into.acts.end(),
                     [](const auto& a, const auto& b) { return a.after < b.after; });
}

// Draws from a source of its own, as whatever comes later: the older seeds keep their course.
void draw_refused_streams(plan& into, draw source) {
    if (!source.chance(200))
        return;
    into.families.emplace_back("streams");
    into.rates.emplace_back(fault::refused_stream, pick<unsigned>(source, {20, 80, 250}));
}

// Often enough that some hundred seeds meet them: connections are few.
void draw_windows(plan& into, draw source) {
    if (into.has("windows") || !source.chance(60))
        return;
    into.families.emplace_back("windows");
    into.rates.emplace_back(fault::tiny_windows, pick<unsigned>(source, {250, 500}));
}

void draw_tls(plan& into, draw source, bool calm) {
    into.tls = true;
    into.agent.s2.account_endpoint = into.agent.s2.basin_endpoint = "https://s2.sim:8080";
    if (calm || source.chance(300))
        return;
    into.families.emplace_back("tls");
    for (const auto what : {fault::bytes_damaged, fault::handshake_hangs, fault::foreign_certificate})
        if (source.chance(600))
            into.rates.emplace_back(what, what == fault::bytes_damaged
                                              ? pick<unsigned>(source, {2, 5, 20})
                                              : pick<unsigned>(source, {80, 250, 500}));
}

// Producers of lines: at the agent's standard input, or at its socket beside the publisher.
void draw_lines(plan& into, draw source, bool calm) {
    into.lines_only = source.chance(600);
    into.callers.changes_sessions = false; // without one, lines are refused
    if (into.lines_only) {
        into.agent.input = "-";
        into.agent.start = false;
        into.callers.publishes = false;
    } else {
        into.agent.ndjson_unix_path = ndjson_socket().host;
        into.callers.line_producers = source.between(1, 3);
    }
    if (calm)
        return;
    into.families.emplace_back("lines");
    for (const auto what : {fault::line_split, fault::bad_line})
        if (source.chance(700))
            into.rates.emplace_back(what, pick<unsigned>(source, {20, 80, 250}));
    if (source.chance(500)) {
        into.agent.categories.reset(static_cast<std::size_t>(agent::category::network));
        into.rates.emplace_back(fault::line_filtered, pick<unsigned>(source, {80, 250}));
    }
    if (source.chance(600))
        into.rates.emplace_back(fault::producer_vanishes, pick<unsigned>(source, {250, 500}));
    if (into.lines_only && source.chance(700))
        into.rates.emplace_back(fault::input_ends, 1000);
}

// Sessions come and go, and come back, all the time; few stay in the tables.
void draw_history(plan& into, draw source) {
    if (!into.callers.changes_sessions || !source.chance(600))
        return;
    into.callers.reopens_sessions = true;
    into.callers.session_lasts_max = pick<net::duration>(source, {500ms, 2s, 5s});
    into.sessions_kept = source.between(1, 4);
}

void draw_agent(plan& into, draw& source) {
    auto& how = into.agent;
    how.start = true;
    how.listen = net::endpoint::tcp("127.0.0.1", 10001);
    how.s2.basin = basin_name;
    how.s2.account_endpoint = how.s2.basin_endpoint = "http://s2.sim:8080";
    how.s2.token = s2::secret(std::string(service_token));
    how.s2.stream_template = source.chance(200) ? "fixed" : "{capture_session_id}";
    how.s2.compression = source.chance(800) ? s2::compression::none
                                            : pick(source, {s2::compression::zstd, s2::compression::gzip});
    how.delivery.linger = pick<net::duration>(source, {0ms, 20ms, 100ms, 100ms, 500ms});
    how.delivery.batch_records = pick<std::size_t>(source, {1, 5, 50, 50, 200});
    how.delivery.in_flight = pick<std::size_t>(source, {1, 2, 8, 8});
    how.delivery.ack_timeout = source.between(1s, 4s);
    how.delivery.connect_timeout = source.between(500ms, 3s);
    how.delivery.idle_close = pick<net::duration>(source, {1s, 30s});
    how.state_dir = "/state";
    how.ring_capacity = 16 << 20;
    how.live_history = pick<std::uint64_t>(source, {1 << 20, 8 << 20});
    how.shutdown_timeout = source.between(1s, 10s);
    if (source.chance(150))
        how.files = "/files";
}

} // namespace

plan draw_plan(std::uint64_t seed) {
    draw source(seed);
    plan made;
    made.seed = seed;
    made.active_for = source.between(5s, 40s);
    draw_agent(made, source);
    const bool calm = source.chance(80);
    if (!calm)
        draw_faults(made, source);
    if (!calm)
        draw_refused_streams(made, draw(seed).fork("REFUSED_STREAM"));
    if (!calm)
        draw_windows(made, draw(seed).fork("credit windows"));
    if (seed % 8 == 0)
        draw_tls(made, draw(seed).fork("TLS"), calm);
    made.create_stream_on_append = source.chance(700);
    made.stops_under_faults = source.chance(250);
    made.link.hostile = true;
    made.link.latency = source.between(50us, source.chance(300) ? 60ms : 3ms);
    made.link.jitter = made.link.latency / 2;
    made.link.window_bytes = pick<std::size_t>(source, {64 << 10, 256 << 10});
    if (made.link.latency <= 3ms && source.chance(300))
        made.link.window_bytes = 4096;
    if (made.has("windows")) // a few KiB per round trip: a thin link as it is
        made.link.latency = std::min<net::duration>(made.link.latency, 3ms);
    made.callers.gap_max = pick<net::duration>(source, {20ms, 200ms, 200ms, 2s});
    made.callers.events_max = pick<std::size_t>(source, {3, 20, 60});
    if (made.callers.gap_max < 50ms) { // many, for a shorter time
        made.callers.events_max = std::min<std::size_t>(made.callers.events_max, 20);
        made.active_for = std::min<net::duration>(made.active_for, 15s);
    }
    made.callers.flushes = source.chance(500);
    made.callers.watches = source.chance(350);
    made.callers.changes_sessions = source.chance(300);
    if (source.chance(80)) { // events so big that the ring is soon full
        made.capacity_may_drop = true;
        made.callers.data_bytes_max = 700'000;
        made.callers.events_max = 3;
        made.link.window_bytes = 256 << 10;
        made.callers.gap_max = std::max<net::duration>(made.callers.gap_max, 200ms);
        made.active_for = std::min<net::duration>(made.active_for, 10s);
    }
    if (seed % 8 == 4)
        draw_lines(made, draw(seed).fork("lines"), calm);
    // Not in every world that is calm otherwise: those are held to the linger.
    const auto has_one_of = [&made, seed, calm](std::string_view name, unsigned per_mille) {
        return !calm && !made.capacity_may_drop && draw(seed).fork(name).chance(per_mille);
    };
    if (has_one_of("forbidden", 90))
        draw_forbidden_streams(made, draw(seed).fork("forbidden streams"));
    else if (has_one_of("shortages", 160))
        draw_shortages(made, draw(seed).fork("what is short"));
    if (!made.has("forbidden") && has_one_of("facts", 90))
        draw_hidden_facts(made, draw(seed).fork("what is hidden"));
    draw_history(made, draw(seed).fork("history"));
    made.callers.may_lack_room = made.capacity_may_drop || made.has("disk");
    made.callers.may_park = made.has("refusals") || made.has("forbidden");
    made.callers.counts_tell = !made.has("copies") && !made.plans(fault::machine_crashed);
    made.callers.outsiders = made.has("others");
    return made;
}

bool plan::has(std::string_view family) const {
    return std::find(families.begin(), families.end(), family) != families.end();
}

bool plan::plans(fault what) const {
    return std::any_of(acts.begin(), acts.end(), [what](const auto& each) { return each.what == what; }) ||
           std::any_of(rates.begin(), rates.end(), [what](const auto& each) { return each.first == what; });
}

std::string plan::text() const {
    std::string line = "seed " + std::to_string(seed) + ":";
    for (const auto& each : families)
        line += " " + each;
    if (families.empty())
        line += " calm";
    for (const auto& each : rates)
        line += " " + std::string(name_of(each.first)) + "=" + std::to_string(each.second);
    for (const auto& each : acts)
        line += " " + std::string(name_of(each.what)) + "@" +
                std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(each.after).count());
    if (capacity_may_drop)
        line += " overrun";
    if (tls)
        line += " over TLS";
    if (sessions_kept > 0)
        line += " history beyond " + std::to_string(sessions_kept);
    if (lines_only)
        line += " from standard input";
    if (callers.line_producers > 0)
        line += " from a socket";
    return line;
}

} // namespace sim
