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
from report import Result

COUNTS = (100_000, 1_000_000, 10_000_000)
BLOCK_EVENTS = 100_000
SIZES = (100, 1_000, 10_000, 100_000)
BYTES_A_SIZE = 100_000_000


def run_count(bench, count):
    """CPU in µs per event and peak memory for so many events from a pipe, into `ringtail local`, which keeps them on the disk."""
    writer, block = writers.RINGTAIL, bench.events_file(BLOCK_EVENTS)
    with servers.local() as server, servers.scratch() as directory:
        os.sync()
        feeding = subprocess.Popen(["cat", *[block] * (count // BLOCK_EVENTS)], stdout=subprocess.PIPE)
        with open(directory / "log", "wb") as log:
            run = measures.measure(writer.command(server, directory), feeding.stdout, log, writer.environment(server, directory))
        feeding.stdout.close()
        if run.status != 0 or feeding.wait() != 0:
            raise SystemExit(f"bench: {count} events: ended with {run.status}:\n{(directory / 'log').read_text()}")
        wrong = writer.wrong(server, directory, block, count, whole=False)
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
    """A file of events whose lines are `size` bytes long, about 100 MB of them, and their number."""
    path = servers.SCRATCH / f"events-of-{size}.ndjson"
    count = BYTES_A_SIZE // size
    if not path.exists():
        servers.SCRATCH.mkdir(parents=True, exist_ok=True)
        whole = path.with_suffix(".new")
        with open(whole, "w", encoding="ascii") as out:
            for number in range(count):
                event = {"ts": 1_750_000_000_000_000 + number, "type": "console.log",
                         "source": {"kind": "local_process"}, "data": f"{number:07}"}
                line = json.dumps(event, separators=(",", ":"))
                out.write(line[:-2] + "x" * (size - len(line) - 1) + line[-2:] + "\n")
        whole.rename(path)
    return path, count


class SizedBench:
    """What run_once() asks for, with other events."""

    def __init__(self, bench, path):
        self.repeat, self.cores, self.say, self.path = bench.repeat, bench.cores, bench.say, path

    def events_file(self, _):
        return self.path


def sizes(bench):
    rows, points = [], {"Ringtail": [], "Rust SDK": []}
    for size in SIZES:
        path, count = sized_events(size)
        cases = [throughput.Case(writer, functools.partial(servers.lite, tls=True))
                 for writer in (writers.RINGTAIL, writers.RUST)]
        throughput.alternate(SizedBench(bench, path), cases, count)
        ours, peers = cases
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
