"""How cost grows: with the number of events, and with their size."""

import functools
import json
import os
import subprocess

import measures
import plot
import servers
import throughput
import writers
from events import Events, generated
from report import Result

COUNTS = (100_000, 1_000_000, 10_000_000)
BLOCK_EVENTS = 100_000
SIZES = (100, 1_000, 10_000, 100_000)
BYTES_A_SIZE = 100_000_000


def run_count(bench, count):
    """CPU in µs per event and peak memory for so many events from a pipe, into `ringtail local`, which keeps them on the disk."""
    writer, block = writers.RINGTAIL, generated(BLOCK_EVENTS)
    with servers.local() as server, servers.scratch() as directory:
        os.sync()
        feeding = subprocess.Popen(["cat", *[block.path] * (count // BLOCK_EVENTS)], stdout=subprocess.PIPE)
        with open(directory / "log", "wb") as log:
            run = measures.measure(writer.command(server, directory), feeding.stdout, log, writer.environment(server, directory))
        feeding.stdout.close()
        if run.status != 0 or feeding.wait() != 0:
            raise SystemExit(f"bench: {count} events: ended with {run.status}:\n{(directory / 'log').read_text()}")
        wrong = writer.wrong(server, directory, block.path, count, whole=False)
        if wrong:
            raise SystemExit(f"bench: {count} events: {wrong}")
        return run


def counts(bench):
    rows, before = [], None
    for count in COUNTS:
        runs = [run_count(bench, count) for _ in range(bench.repeat if count < COUNTS[-1] else 1)]
        cpu = measures.median([run.cpu for run in runs])
        marginal = "" if before is None else f"**{(cpu - before[1]) / (count - before[0]) * 1e6:.2f}**"
        bench.say(f"{count:,} events: {cpu / count * 1e6:.2f} µs")
        rows.append([f"{count:,}", f"{cpu / count * 1e6:.2f}", marginal,
                     f"{count / measures.median([run.seconds for run in runs]):,.0f}",
                     f"{measures.median([run.rss_peak for run in runs]) / measures.MIB:.1f}",
                     f"{measures.median([run.anonymous_peak for run in runs]) / measures.MIB:.1f}"])
        before = (count, cpu)
    return Result("scaling_count", "Cost by the number of events",
                  ["events", "CPU µs/event", "for each event more than in the row above", "events/s", "peak RSS MiB",
                   "peak anonymous MiB"], rows,
                  f"Ringtail into `ringtail local` in cleartext, from a pipe; medians of {bench.repeat} rounds, the last row "
                  "one.", [])


def sized_events(size):
    """About 100 MB of events whose lines are `size` bytes long."""
    count = BYTES_A_SIZE // size

    def write(out):
        for number in range(count):
            event = {"ts": 1_750_000_000_000_000 + number, "type": "console.log", "source": {"kind": "local_process"},
                     "data": f"{number:07}"}
            line = json.dumps(event, separators=(",", ":"))
            out.write(f"{line[:-2]}{'x' * (size - len(line) - 1)}{line[-2:]}\n".encode())
    return Events(servers.kept_file(f"events-of-{size}.ndjson", write), count)


def sizes(bench):
    rows, points = [], {"Ringtail": [], "Rust SDK": []}
    for size in SIZES:
        events = sized_events(size)
        cases = [throughput.Case(writer, functools.partial(servers.lite, tls=True))
                 for writer in (writers.RINGTAIL, writers.RUST)]
        throughput.alternate(bench, cases, events)
        peers = cases[1]
        for case in cases:
            ns = case.middle("cpu_us") * 1000 / size
            points[case.label].append((size, ns))
            rows.append([f"{size:,}", case.label, f"**{peers.middle('cpu_us') / case.middle('cpu_us'):.2f}**",
                         f"{case.middle('cpu_us'):.2f}", f"{ns:.2f}", f"{ns * 1e-9 * 100 * measures.MIB:.2f}",
                         f"{case.middle('rate') * size / measures.MIB:.0f}", f"{case.middle('rss_peak_mib'):.1f}"])
    return Result("scaling_size", "Cost by the size of an event, over TLS",
                  ["bytes", "writer", "CPU: times less", "CPU µs/event", "CPU ns/byte", "cores at 100 MiB/s", "MiB/s",
                   "peak RSS MiB"], rows, f"{BYTES_A_SIZE // 1_000_000} MB in events of each size; medians of {bench.repeat} rounds.",
                  [plot.bars(f"CPU ns/byte, {label}", [(f"{size:,} bytes", [ns]) for size, ns in found])
                   for label, found in points.items()])


def scaling(bench):
    return [counts(bench), sizes(bench)]
