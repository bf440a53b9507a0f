#include "agent/commands/bench_options.hpp"

#include "agent/config/setting_reader.hpp"
#include "net/system/signals.hpp"

#include <array>

namespace agent::commands {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view load_group = "Load";
constexpr std::string_view result_group = "Result";
constexpr std::string_view default_stream = "bench/{capture_session_id}";

constexpr std::array own{
    setting{"rate", "RINGTAIL_BENCH_RATE", "EVENTS/s", "0: as fast as they are taken", load_group,
            "events per second; latency counts from when each was due"},
    setting{"size", "RINGTAIL_BENCH_SIZE", "SIZE", "371B", load_group, "of an event"},
    setting{"events", "RINGTAIL_BENCH_EVENTS", "N", "no end", load_group, "ends with so many"},
    setting{"duration", "RINGTAIL_BENCH_DURATION", "DURATION", "10s, none with --events", load_group,
            "ends then, whichever comes first"},
    setting{"s2-stream", "RINGTAIL_BENCH_S2_STREAM", "TEMPLATE", default_stream, load_group,
            "stream that it writes; never name one that an agent writes: it would lose it"},
    setting{"progress", "RINGTAIL_BENCH_PROGRESS", "", "on where standard error is a terminal", result_group,
            "a line each second, to standard error"},
    setting{"report", "RINGTAIL_BENCH_REPORT", "FILE|-", "none", result_group,
            "one JSON object; with - the table goes to standard error"},
    setting{"keep", "RINGTAIL_BENCH_KEEP", "", "off", result_group,
            "leaves the stream and the state directory, and says where"},
};

constexpr std::array<std::string_view, 20> shared{
    "s2-basin",      "s2-account-endpoint", "s2-basin-endpoint", "s2-token-file", "idle-close",
    "s2-ca",         "s2-insecure",         "s2-compression",    "linger",        "batch-records",
    "batch-bytes",   "in-flight",           "connect-timeout",   "ack-timeout",   "state-dir",
    "ring-capacity", "shutdown-timeout",    "log-level",         "log-format",    "config"};

constexpr std::array defaults{
    setting_default{"log-level", "warn"},
};

constexpr const char* about =
    "Load against an S2 endpoint (without a basin: against the embedded store), through the same ring, "
    "batches\n"
    "and append session as `ringtail run`; then the stream is read back and every event checked.\n"
    "Exit codes: 0 all durable and read back as published, 1 failure or a bad verdict, 2 usage, 3 "
    "undelivered at\n"
    "the deadline, 4 refused by S2, 5 state directory unusable.";

constexpr const char* footer =
    "The state directory gets a directory of the bench's own, which goes at the end, as the stream does "
    "after a\n"
    "good verdict; a stream that was there before is never deleted. The first interrupt ends the load, the\n"
    "second one does not wait for what is left.\n\n"
    "  ringtail bench --rate 1000                        latency into the embedded store\n"
    "  ringtail bench --s2-basin my-basin --rate 1000    the same into S2\n"
    "  ringtail bench --s2-basin my-basin --in-flight 16 throughput, with more batches on the way";

// What the configuration file may hold beyond the flags of this command is `ringtail run`'s. So is its
// stream: an agent may be writing there.
void leave_out_intakes(config& from) {
    const config none;
    from.input = none.input;
    from.session_id = none.session_id;
    from.categories = none.categories;
    from.start = false;
    from.listen.reset();
    from.unix_path.reset();
    from.ndjson_unix_path.reset();
    from.files.clear();
    from.report.clear();
    from.watchdog.reset();
}

void read_load(setting_reader& from, load_options& into) {
    std::uint64_t bytes = into.event_bytes;
    from.size("size", bytes, load_event_bytes_min, load_event_bytes_max);
    into.event_bytes = bytes;
    std::size_t rate = 0;
    from.count("rate", rate, 0, 10'000'000);
    into.schedule.per_second = rate;
    if (from.find("events")) {
        std::size_t events = 0;
        from.count("events", events, 1, 100'000'000'000);
        into.events = events;
    }
    if (from.find("duration") || !into.events) {
        net::duration duration = 10s;
        from.interval("duration", duration, 1ms, 24h);
        into.duration = duration;
    }
}

} // namespace

exit_code configure_bench(invocation& given, std::optional<bench_options>& into) {
    CLI::App app(about, "ringtail bench");
    app.footer(footer);
    const setting_flags own_flags(app, own);
    const setting_flags shared_flags(app, shared, defaults);
    std::optional<config> made;
    const exit_code code = configure(app, shared_flags, given, made);
    if (!made)
        return code;
    const auto gathered = own_flags.gather(given.environment, {});
    const auto& values = std::get<setting_values>(gathered); // without a file nothing can fail
    bench_options options;
    options.agent = std::move(*made);
    leave_out_intakes(options.agent);
    options.progress = net::standard_error_is_terminal();
    setting_reader from(values);
    read_load(from, options.load);
    const auto* stream = from.text("s2-stream");
    options.agent.s2.stream_template = stream ? *stream : default_stream;
    if (const auto wrong = invalid_stream_template(options.agent.s2.stream_template))
        from.refuse("s2-stream", *wrong);
    from.on("progress", options.progress);
    from.on("keep", options.keep);
    if (const auto* report = from.text("report"))
        options.report = *report;
    if (options.agent.s2.basin.empty() && options.agent.state_dir.empty())
        from.fail(
            "--state-dir: the embedded store in memory can't be read back once the load is over; name a "
            "directory (one on a tmpfs, such as /dev/shm, does without a disk)");
    if (from.failed())
        return complain("bench", from.error().message, from.error().code);
    into = std::move(options);
    return exit_code::durable;
}

} // namespace agent::commands
