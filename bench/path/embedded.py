"""The embedded store beside `s2 lite --local-root`: the same disk, the same clients."""

import functools

import latency
import plot
import servers
import writers
from report import Result
from throughput import Case, alternate, conditions, no_server, span


def embedded_store(bench):
    on_disk = functools.partial(servers.lite, on_disk=True)
    into_lite = [Case(writers.RUST, on_disk, "Rust SDK → `s2 lite`"), Case(writers.RINGTAIL, on_disk, "Ringtail → `s2 lite`")]
    into_ours = [Case(writers.RUST, servers.local, "Rust SDK → `ringtail local`"),
                 Case(writers.RINGTAIL, servers.local, "Ringtail → `ringtail local`")]
    inside = Case(writers.RINGTAIL_EMBEDDED, no_server, "Ringtail, store inside")
    cases = alternate(bench, [inside, *into_ours, *into_lite], bench.events)
    beside = dict(zip((*into_ours, inside), (*into_lite, into_lite[1])))  # with the same client
    rows = []
    for case in cases:
        peer = beside.get(case)
        rows.append([case.label, f"**{case.middle('rate') / peer.middle('rate'):.2f}**" if peer else "1",
                     f"**{peer.middle('all_us') / case.middle('all_us'):.2f}**" if peer else "1",
                     f"{case.middle('rate'):,.0f}", span(case, "all_us"), f"{case.middle('cpu_us'):.2f}",
                     f"{case.middle('server_us'):.2f}", f"{case.middle('rss_peak_mib'):.1f}"])
    return [Result("embedded_store", "The embedded store, on the disk, in cleartext",
                   ["client → store", "events/s: times `s2 lite` with the same client", "CPU of both: times less", "events/s",
                    "CPU of both µs/event (range)", "client's", "store's", "client's peak RSS MiB"],
                   rows, conditions(bench, cases, bench.events),
                   [plot.bars("events per second, durable", [(c.label, [run.rate for run in c.runs]) for c in cases]),
                    plot.bars("CPU of client and store per event, µs",
                              [(c.label, [run.all_us for run in c.runs]) for c in cases])])]


def embedded_latency(bench):
    """Each client's events into both stores, which differ in nothing else."""
    on_disk = functools.partial(servers.lite, on_disk=True)
    found = []
    for name, client in (("embedded_latency", writers.RINGTAIL), ("embedded_latency_rust", writers.RUST_SMALL)):
        ours = latency.Case(client, servers.local, f"{client.label} → `ringtail local`")
        theirs = latency.Case(client, on_disk, f"{client.label} → `s2 lite`")
        runs = latency.measure(bench, [ours, theirs], 1000)
        found.append(latency.result(bench, name, f"Publish to durable in a store on the disk, {client.label}", runs, theirs, 1000))
    return found
