"""How soon a process is there, and how soon it is gone with everything durable."""

import functools
import signal

import agents
import catch_up
import latency
import measures
import servers
import throughput
import writers
from events import generated
from report import Result
from servers import support

STARTS = 20
STOPS = 10
HELD_BYTES = 64 << 20
BATCH_EVENTS = 50


def starts(bench):
    """Milliseconds from start to READY=1. The server's certificate is to be checked, and nobody listens there."""
    nobody = f"https://localhost:{support.free_port()}"
    flags = ["--start", "--s2-basin", servers.BASIN, "--s2-account-endpoint", nobody, "--s2-basin-endpoint", nobody]
    new, again = [], []
    for _ in range(STARTS):
        with servers.scratch() as directory:
            for found in (new, again):
                with agents.Agent(directory, *flags) as agent:
                    found.append(agent.ready_seconds * 1000)
    return new, again


def stops(bench):
    """Milliseconds from SIGTERM to the end: with a batch in flight, with nothing; and what an append takes there."""
    lines = bench.events.path.read_bytes().splitlines(keepends=True)[:BATCH_EVENTS]
    in_flight, nothing = [], []
    for _ in range(STOPS):
        for found, batch in ((in_flight, True), (nothing, False)):
            with servers.lite(tls=True) as server, servers.scratch() as directory:
                with agents.Agent(directory, "--start", *server.flags(servers.BASIN)) as agent:
                    agent.publish(b"".join(lines))
                    agent.flush()
                    if batch:
                        agent.publish(b"".join(lines))
                    found.append(agent.stop(signal.SIGTERM) * 1000)
    return in_flight, nothing


def append_ms():
    """The server's own time for an append of one record, nothing else going on."""
    bare = latency.BareAppend()
    bare.run(functools.partial(servers.lite, tls=True), 20, 5)
    return bare.answered_ms


def held(bench):
    """MiB/s from SIGTERM to the end with 64 MiB held, published while the server stood still."""
    found = []
    content = bench.events.path.read_bytes()
    for _ in range(bench.repeat):
        with servers.lite(tls=True) as server, servers.scratch() as directory:
            with agents.Agent(directory, "--start", "--shutdown-timeout", "60s", *server.flags(servers.BASIN)) as agent:
                sent = catch_up.hold(agent, server, content, HELD_BYTES)
                server.resume()
                found.append(sent / measures.MIB / agent.stop(signal.SIGTERM))
    return found


def start_stop(bench):
    new, again = starts(bench)
    in_flight, nothing = stops(bench)
    server = append_ms()
    rates = held(bench)

    def row(what, values, unit="ms"):
        return [what, f"{measures.median(values):.1f} {unit}", f"{min(values):.1f}", f"{max(values):.1f}", len(values)]
    agent = Result("start_stop", "Ringtail's start and stop",
                   ["what", "median", "least", "most", "times"],
                   [row("start to `READY=1`, new state directory", new),
                    row("start to `READY=1` after a kill -9", again),
                    row(f"SIGTERM to exit, a batch of {BATCH_EVENTS} in flight", in_flight),
                    row("SIGTERM to exit, all durable before", nothing),
                    row("the server's own time for an append (bare socket)", server),
                    row("SIGTERM to exit with 64 MiB held: delivered at", rates, "MiB/s")],
                   "Over TLS. A stop publishes `session_ended`, so it waits for an ack in any case.", [])
    one = [throughput.Case(writer, functools.partial(servers.lite, tls=True))
           for writer in (writers.RINGTAIL, writers.RUST, writers.CLI)]
    throughput.alternate(bench, one, generated(1))
    rows = [[case.label, f"{1000 / case.middle('rate'):.1f}", f"{case.middle('cpu_us') / 1000:.1f}"] for case in one]
    whole = Result("one_event", "One event: start, deliver, end", ["writer", "whole time ms", "CPU ms"], rows,
                   f"Over TLS, one event on standard input; medians of {bench.repeat} rounds.", [])
    return [agent, whole]
