"""All events from standard input to one stream, as fast as it goes: CPU per event, events a second, memory over time."""

import contextlib
import os
import time

import measures
import plot
import servers
import writers
from report import Result


class Case:
    """A writer and the server it writes to, and what its runs gave. `serve` makes the server of one run."""

    def __init__(self, writer, serve, label=None):
        self.writer, self.serve, self.label = writer, serve, label or writer.label
        self.runs = []

    def middle(self, what):
        return measures.median([getattr(run, what) for run in self.runs])


class Measured:
    """One run, per event. What the server and all other processes took stands beside what the writer took."""

    def __init__(self, run, events, server_cpu, other_cpu):
        self.samples = run.samples
        self.cpu_us, self.kernel_us = run.cpu / events * 1e6, run.system / events * 1e6
        self.server_us = server_cpu / events * 1e6
        self.all_us = self.cpu_us + self.server_us
        self.rate = events / run.seconds
        self.rss_peak_mib, self.anonymous_peak_mib = run.rss_peak / measures.MIB, run.anonymous_peak / measures.MIB
        self.other_cores = max(0, other_cpu) / run.seconds  # clock ticks may come out below nothing


def run_once(case, events, whole):
    writer = case.writer
    with case.serve() as server, servers.scratch() as directory, open(events.path, "rb") as stdin:
        server_cpu = (lambda: measures.cpu_of(server.process.pid)) if server else (lambda: 0)
        os.sync()  # what the run before left to be written is not this one's
        server_before, all_before = server_cpu(), measures.machine_cpu() - time.process_time()
        with open(directory / "log", "wb") as log:
            run = measures.measure(writer.command(server, directory), stdin, log, writer.environment(server, directory))
        server_took, all_took = server_cpu() - server_before, measures.machine_cpu() - time.process_time() - all_before
        if run.status != 0:
            raise SystemExit(f"bench: {case.label} ended with {run.status}:\n"
                             + (directory / "log").read_text(errors="replace"))
        wrong = writer.wrong(server, directory, events.path, events.count, whole)
        if wrong:
            raise SystemExit(f"bench: {case.label}: {wrong}")
    return Measured(run, events.count, server_took, all_took - server_took - run.cpu)


def alternate(bench, cases, events):
    """Every case once per round, each round beginning with another one. The first round reads back whole."""
    for number in range(bench.repeat):
        for place in range(len(cases)):
            case = cases[(number + place) % len(cases)]
            case.runs.append(run_once(case, events, whole=number == 0))
            bench.say(f"{case.label}: {case.runs[-1].cpu_us:.2f} µs, {case.runs[-1].rate:,.0f}/s")
    return cases


def conditions(bench, cases, events):
    others = measures.median([run.other_cores for case in cases for run in case.runs])
    return (f"{events.count:,} events, medians of {bench.repeat} rounds; other processes took {others:.2f} of {bench.cores} "
            "cores meanwhile.")


def span(case, what):
    values = [getattr(run, what) for run in case.runs]
    return f"{case.middle(what):.2f} ({min(values):.2f}–{max(values):.2f})"


def panels(cases):
    return [plot.bars("writer's CPU per event, µs", [(case.label, [run.cpu_us for run in case.runs]) for case in cases]),
            plot.bars("events per second", [(case.label, [run.rate for run in case.runs]) for case in cases]),
            plot.lines("resident memory over time (first round)", "s", "MiB",
                       [(case.label, [(at, rss / measures.MIB) for at, rss, _ in case.runs[0].samples]) for case in cases])]


def throughput(bench, name, title, tls):
    def serve():
        return servers.lite(tls=tls)
    cases = alternate(bench, [Case(writer, serve) for writer in
                              (writers.RINGTAIL, writers.RUST, writers.RUST_JEMALLOC, writers.RUST_SMALL, writers.CLI)], bench.events)
    peer = next(case for case in cases if case.writer is writers.RUST)
    rows = [[case.label, f"**{peer.middle('cpu_us') / case.middle('cpu_us'):.2f}**",
             f"**{case.middle('rate') / peer.middle('rate'):.2f}**", span(case, "cpu_us"), f"{case.middle('kernel_us'):.2f}",
             f"{case.middle('rate'):,.0f}", f"{case.middle('rss_peak_mib'):.1f}", f"{case.middle('anonymous_peak_mib'):.1f}",
             f"{case.middle('server_us'):.2f}"] for case in cases]
    return Result(name, title,
                  ["writer", "CPU: times less than Rust SDK", "events/s: times Rust SDK", "CPU µs/event (range)",
                   "of it kernel", "events/s", "peak RSS MiB", "peak anonymous MiB", "server's CPU µs/event"],
                  rows, conditions(bench, cases, bench.events), panels(cases))


def throughput_tls(bench):
    return [throughput(bench, "throughput_tls", "Throughput over TLS", True)]


def throughput_cleartext(bench):
    return [throughput(bench, "throughput_cleartext", "Throughput in cleartext", False)]


def no_server():
    return contextlib.nullcontext(None)
