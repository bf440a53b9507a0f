"""All events from standard input to one stream, as fast as it goes: CPU per event, events a second, memory over time."""

import measures
import plot
import servers
import writers
from report import Result

WRITERS = (writers.RINGTAIL, writers.RUST, writers.RUST_SMALL, writers.CLI)


class Measured:
    """One writer's run against a server of its own."""

    def __init__(self, writer, run, events, server_cpu, other_cpu):
        self.writer, self.run = writer, run
        self.cpu_us = run.cpu / events * 1e6
        self.kernel_us = run.system / events * 1e6
        self.rate = events / run.seconds
        self.server_us = server_cpu / events * 1e6
        self.other_cores = other_cpu / run.seconds


def run_once(bench, writer, server, events, read_back=False):
    with servers.scratch() as directory, open(bench.events_file(events), "rb") as stdin:
        log_file = directory / "log"
        before_server, before_all = measures.cpu_of(server.process.pid), measures.machine_cpu()
        with open(log_file, "wb") as log:
            run = measures.measure(writer.command(server, directory), stdin, log, writer.environment(server, directory))
        server_cpu = measures.cpu_of(server.process.pid) - before_server
        other_cpu = measures.machine_cpu() - before_all - server_cpu - run.cpu
        if run.status != 0:
            raise SystemExit(f"bench: {writer.label} ended with {run.status}:\n{log_file.read_text(errors='replace')}")
    tail = servers.tail(server)
    if tail != writer.expected_tail(events):
        raise SystemExit(f"bench: {writer.label}: the stream ends at {tail}, not at {writer.expected_tail(events)}")
    wrong = writers.wrong_read_back(server, bench.events_file(events)) if read_back else None
    if wrong:
        raise SystemExit(f"bench: {writer.label}: read back: {wrong}")
    return Measured(writer, run, events, server_cpu, other_cpu)


def alternate(bench, chosen, serve, events):
    """Every writer once per round, each round beginning with another one: {writer: [Measured]}."""
    found = {writer: [] for writer in chosen}
    for number in range(bench.repeat):
        for place in range(len(chosen)):
            writer = chosen[(number + place) % len(chosen)]
            with serve() as server:
                read_back = number == 0 and writer is writers.RINGTAIL
                measured = run_once(bench, writer, server, events, read_back)
            bench.say(f"{writer.label}: {measured.cpu_us:.2f} µs, {measured.rate:,.0f}/s"
                      + (", read back whole" if read_back else ""))
            found[writer].append(measured)
    return found


def middle(runs, what):
    return measures.median([getattr(run, what) for run in runs])


def throughput(bench, name, title, tls):
    found = alternate(bench, WRITERS, lambda: servers.lite(tls=tls), bench.events)
    base = found[writers.BASELINE]
    rows = []
    for writer, runs in found.items():
        cpu, rate = middle(runs, "cpu_us"), middle(runs, "rate")
        rows.append([
            writer.label, f"**{middle(base, 'cpu_us') / cpu:.2f}**", f"**{rate / middle(base, 'rate'):.2f}**",
            f"{cpu:.2f} ({min(r.cpu_us for r in runs):.2f}–{max(r.cpu_us for r in runs):.2f})",
            f"{middle(runs, 'kernel_us'):.2f}", f"{rate:,.0f}",
            f"{measures.median([r.run.rss_peak for r in runs]) / measures.MIB:.1f}",
            f"{measures.median([r.run.anonymous_peak for r in runs]) / measures.MIB:.1f}",
            f"{middle(runs, 'server_us'):.2f}",
        ])
    others = measures.median([run.other_cores for runs in found.values() for run in runs])
    return Result(
        name, title,
        ["writer", "CPU: times less than Rust SDK", "events/s: times Rust SDK", "CPU µs/event (range)", "of it kernel",
         "events/s", "peak RSS MiB", "peak anonymous MiB", "server's CPU µs/event"],
        rows,
        f"{bench.events:,} events, medians of {bench.repeat} rounds; other processes took {others:.2f} of {bench.cores} cores.",
        [plot.bars("CPU per event, µs", [(w.label, [r.cpu_us for r in runs]) for w, runs in found.items()]),
         plot.bars("events per second", [(w.label, [r.rate for r in runs]) for w, runs in found.items()]),
         plot.lines("resident memory over time", "s", "MiB",
                    [(w.label, [(at, rss / measures.MIB) for at, rss, _ in runs[0].run.samples])
                     for w, runs in found.items()])])


def throughput_tls(bench):
    return throughput(bench, "throughput_tls", "Throughput over TLS", True)


def throughput_cleartext(bench):
    return throughput(bench, "throughput_cleartext", "Throughput in cleartext", False)
