#include "agent/commands/bench_report.hpp"

#include "agent/config/units.hpp"

#include <boost/json/array.hpp>

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

namespace agent::commands {
namespace {

using namespace std::chrono_literals;

constexpr double mebibyte = 1024 * 1024;
constexpr std::size_t bar_columns = 40;

double seconds(net::duration value) {
    return std::chrono::duration<double>(value).count();
}

// To the microsecond, as JSON and people want it.
double milliseconds(net::duration value) {
    return std::round(seconds(value) * 1e6) / 1e3;
}

double per_second(double count, net::duration in) {
    return in > net::duration::zero() ? count / seconds(in) : 0;
}

std::string time_text(net::duration value) {
    const double ms = milliseconds(value);
    if (ms >= 10'000)
        return fmt::format("{:.1f} s", ms / 1000);
    return ms >= 100 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.{}f} ms", ms, ms >= 10 ? 1 : 2);
}

double bytes_each(const load_progress& of) {
    return of.published == 0 ? 0
                             : static_cast<double>(of.published_bytes) / static_cast<double>(of.published);
}

// From the begin to the last event that became durable.
net::duration time_taken(const load_progress& of) {
    return of.began ? of.last_durable_at - *of.began : net::duration::zero();
}

double cpu_micros_each(const load_progress& of) {
    const auto used = of.used_after.user - of.used_before.user + of.used_after.system - of.used_before.system;
    return of.durable == 0 ? 0 : seconds(used) * 1e6 / static_cast<double>(of.durable);
}

struct histogram_row {
    net::duration below;
    std::uint64_t count;
};

// Limits of 1, 2 and 5 in each decade, from the first with a count to the last.
std::vector<histogram_row> histogram(const latency_histogram& of) {
    std::vector<histogram_row> rows;
    std::uint64_t before = 0;
    net::duration decade = 10us;
    for (std::size_t i = 0; before < of.count(); ++i) {
        constexpr int steps[] = {1, 2, 5};
        const auto limit = decade * steps[i % 3];
        const auto below = of.count_below(limit);
        if (below > 0)
            rows.push_back({limit, below - before});
        before = below;
        if (i % 3 == 2)
            decade *= 10;
    }
    return rows;
}

std::string histogram_text(const latency_histogram& of) {
    const auto rows = histogram(of);
    std::uint64_t most = 1;
    for (const auto& row : rows)
        most = std::max(most, row.count);
    std::string text = "\n     below        events   share\n";
    for (const auto& row : rows) {
        const auto share = static_cast<double>(row.count) / static_cast<double>(of.count());
        const auto bar = (row.count * bar_columns + most - 1) / most;
        text += fmt::format("{:>10}  {:>12}  {:>5.1f} %  {}\n", duration_text(row.below), row.count,
                            share * 100, std::string(bar, '#'));
    }
    return text;
}

std::string load_text(const bench_options& asked) {
    const load_options& load = asked.load;
    const delivery_config& delivery = asked.agent.delivery;
    std::string text = fmt::format("events of {} bytes, ", load.event_bytes);
    text += load.schedule.per_second > 0 ? fmt::format("{}/s", load.schedule.per_second)
                                         : "as fast as they are taken";
    if (load.events)
        text += fmt::format(", {} of them", *load.events);
    if (load.duration)
        text += ", for " + duration_text(*load.duration);
    return text + fmt::format("; linger {}, {} records, {}, {} in flight", duration_text(delivery.linger),
                              delivery.batch_records, size_text(delivery.batch_bytes), delivery.in_flight);
}

std::string verdict_line(const bench_result& of) {
    return "verdict: " + (of.verdict ? of.verdict->text() : "none: " + of.no_verdict) + "\n";
}

} // namespace

std::string progress_line(const load_progress& now, std::uint64_t durable_before, net::duration passed,
                          net::duration since_begin) {
    const auto rate = per_second(static_cast<double>(now.durable - durable_before), passed);
    return fmt::format("{:>6.1f} s  {:.0f} events/s  {:.2f} MiB/s  {} durable, {} waiting  p50 {}  p99 {}\n",
                       seconds(since_begin), rate, rate * bytes_each(now) / mebibyte, now.durable,
                       now.published - now.durable, time_text(now.latency.percentile(0.5)),
                       time_text(now.latency.percentile(0.99)));
}

std::string table(const bench_options& asked, const bench_result& of) {
    const load_progress& load = of.load;
    std::string text;
    const auto row = [&text](std::string_view name, const std::string& value) {
        text += fmt::format("{:<10} {}\n", name, value);
    };
    row("target", of.target);
    row("load", load_text(asked));
    if (!load.began)
        return text + verdict_line(of);
    row("set-up", time_text(load.set_up) + " until the stream was connected, claimed and written to");
    const auto rate = per_second(static_cast<double>(load.durable), time_taken(load));
    row("delivered",
        fmt::format("{} of {} events in {:.2f} s: {:.0f} events/s, {:.2f} MiB/s", load.durable,
                    load.published, seconds(time_taken(load)), rate, rate * bytes_each(load) / mebibyte));
    if (load.not_offered > 0)
        row("behind", fmt::format("{} more events were due, and the ring had no room for them: the rate is "
                                  "more than the target takes",
                                  load.not_offered));
    if (load.durable == 0)
        return text + "\n" + verdict_line(of);
    row("cpu", fmt::format("{:.2f} µs per event, making and measuring it included{}; peak memory {:.1f} MiB",
                           cpu_micros_each(load), asked.agent.s2.basin.empty() ? ", and the store" : "",
                           static_cast<double>(load.used_after.peak_rss_bytes) / mebibyte));
    const latency_histogram& latency = load.latency;
    row("latency", fmt::format("p50 {}, p90 {}, p99 {}, p99.9 {}, max {}", time_text(latency.percentile(0.5)),
                               time_text(latency.percentile(0.9)), time_text(latency.percentile(0.99)),
                               time_text(latency.percentile(0.999)), time_text(latency.max())));
    row("", asked.load.schedule.per_second > 0
                ? "from when an event was due until it was durable"
                : "from publishing until durable: without --rate mostly the wait in the ring");
    text += histogram_text(latency) + "\n" + verdict_line(of);
    if (of.verdict)
        for (const auto& problem : of.verdict->problems())
            text += "  " + problem + "\n";
    return text;
}

boost::json::object to_json(const bench_options& asked, const bench_result& of) {
    using boost::json::object;
    const load_progress& load = of.load;
    const delivery_config& delivery = asked.agent.delivery;
    const auto rate = per_second(static_cast<double>(load.durable), time_taken(load));
    object json;
    json["target"] = of.target;
    json["session_id"] = load.session_id;
    json["event_bytes"] = asked.load.event_bytes;
    json["rate"] = asked.load.schedule.per_second;
    json["linger_ms"] = milliseconds(delivery.linger);
    json["batch_records"] = delivery.batch_records;
    json["batch_bytes"] = delivery.batch_bytes;
    json["in_flight"] = delivery.in_flight;
    json["set_up_ms"] = milliseconds(load.set_up);
    json["published"] = load.published;
    json["durable"] = load.durable;
    json["not_offered"] = load.not_offered;
    json["undelivered"] = of.undelivered;
    json["seconds"] = milliseconds(time_taken(load)) / 1000;
    json["events_per_second"] = rate;
    json["bytes_per_second"] = rate * bytes_each(load);
    json["cpu_us_per_event"] = cpu_micros_each(load);
    json["peak_rss_bytes"] = load.used_after.peak_rss_bytes;
    object latency{{"mean", milliseconds(load.latency.mean())}};
    for (const auto& [name, share] : {std::pair("p50", 0.5), {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}})
        latency[name] = milliseconds(load.latency.percentile(share));
    latency["max"] = milliseconds(load.latency.max());
    json["latency_ms"] = std::move(latency);
    boost::json::array rows;
    for (const auto& row : histogram(load.latency))
        rows.push_back(object{{"below_ms", milliseconds(row.below)}, {"count", row.count}});
    json["histogram"] = std::move(rows);
    if (of.verdict) {
        const auto found = of.verdict->found();
        json["verdict"] = object{{"good", of.verdict->good()},
                                 {"read", found.read},
                                 {"lost", found.lost},
                                 {"repeated", found.repeated},
                                 {"out_of_order", found.out_of_order},
                                 {"altered", found.altered},
                                 {"foreign", found.foreign},
                                 {"text", of.verdict->text()}};
    } else {
        json["verdict"] = nullptr;
        json["no_verdict"] = of.no_verdict;
    }
    json["kept"] = boost::json::array(of.kept.begin(), of.kept.end());
    json["exit"] = static_cast<int>(of.code);
    json["version"] = RINGTAIL_VERSION;
    return json;
}

} // namespace agent::commands
