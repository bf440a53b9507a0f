"""Catching up: what was held while the server stood still, from its return until all of it is durable."""

import functools
import time

import agents
import measures
import servers
import throughput
import writers
from events import Events
from report import Result

HELD_BYTES = 192 << 20  # of the ring's 256 MiB
BODY_BYTES = 4 << 20
EVENT_BYTES = 100_000   # of the large ones


def large_events():
    def write(out):
        out.write(b"".join(b'{"ts":%d,"type":"bench.large","category":"console","source":{"kind":"local_process"},"data":"%s"}\n'
                           % (number, (b"%d" % number * EVENT_BYTES)[:EVENT_BYTES])
                           for number in range(1000, 1200)))
    path = servers.kept_file("events-large.ndjson", write)
    return Events(path, 200)


def hold(agent, server, content, held_bytes):
    """Publishes so much while the server stands still; the session has its stream by then. Returns what was published."""
    agent.publish(content[:content.index(b"\n") + 1])
    agent.flush()
    server.pause()
    sent = at = 0
    while sent < held_bytes:
        body = content[at:at + BODY_BYTES]
        body = body[:body.rindex(b"\n") + 1]
        agent.publish(body)
        sent += len(body)
        at = at + len(body) if at + len(body) < len(content) else 0
    return sent


class CaughtUp:
    def __init__(self, sent, seconds, cpu, server_cpu):
        self.rate = sent / measures.MIB / seconds
        self.core_at_100 = cpu / sent * 100 * measures.MIB
        self.server_core_at_100 = server_cpu / sent * 100 * measures.MIB


def catch_up_once(events):
    content = events.path.read_bytes()
    with servers.lite(tls=True) as server, servers.scratch() as directory:
        with agents.Agent(directory, "--start", *server.flags(servers.BASIN)) as agent:
            sent = hold(agent, server, content, HELD_BYTES)
            cpu, server_cpu = measures.cpu_of(agent.process.pid), measures.cpu_of(server.process.pid)
            begun = time.monotonic()
            server.resume()
            agent.flush()
            seconds = time.monotonic() - begun
            return CaughtUp(sent, seconds, measures.cpu_of(agent.process.pid) - cpu,
                            measures.cpu_of(server.process.pid) - server_cpu)


def catch_up(bench):
    rows = []
    for what, events in (("events of 371 bytes", bench.events), ("events of 100 KB", large_events())):
        runs, beside = [], throughput.Case(writers.RUST, functools.partial(servers.lite, tls=True))
        size = events.path.stat().st_size
        for _ in range(bench.repeat):
            runs.append(catch_up_once(events))
            beside.runs.append(throughput.run_once(beside, events, False))
            bench.say(f"{what}: {runs[-1].rate:.0f} MiB/s, {runs[-1].core_at_100:.2f} of a core at 100 MiB/s")
        rate = measures.median([run.rate for run in runs])
        peer = beside.middle("rate") * size / events.count / measures.MIB
        rows.append([what, f"**{rate:.0f}**", f"{rate / peer:.2f}",
                     f"**{measures.median([run.core_at_100 for run in runs]):.2f}**",
                     f"{measures.median([run.server_core_at_100 for run in runs]):.2f}", f"{peer:.0f}"])
    return [Result("catch_up", f"Catching up with {HELD_BYTES >> 20} MiB after the server stood still, TLS",
                   ["held", "MiB/s", "times the Rust SDK's rate", "cores of the agent at 100 MiB/s", "cores of the server at 100 MiB/s",
                    "Rust SDK, nothing held, MiB/s"], rows,
                   f"From the server's return to the answer of a flush; medians of {bench.repeat} rounds. MiB of NDJSON.", [])]
