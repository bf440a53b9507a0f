"""From publish to durable at a steady rate, over TLS: 1,000 events a second, and 10 with no linger."""

import functools
import json
import time

import follow
import measures
import paced
import plot
import servers
import writers
from report import Result

SECONDS = 20


class BareAppend:
    """The server's own time: one record at a time appended by a bare socket, nothing before and nothing behind it."""

    label = "bare socket, one append per event"

    def __init__(self):
        self.answered_ms = []

    def run(self, serve, rate, seconds):
        count, warm_up = int(rate * (seconds + paced.WARM_UP_SECONDS)), int(rate * paced.WARM_UP_SECONDS)
        with serve() as server:
            server.s2("create-stream", f"s2://{servers.BASIN}/{servers.STREAM}")
            follower = paced.Follower(server, count, seconds + 30)
            connection = follow.connect(server.port, server.tls, 30)
            cpu = time.process_time()
            paced.pace(rate, seconds + paced.WARM_UP_SECONDS, lambda number: self.append(connection, paced.line(number)))
            cpu = time.process_time() - cpu
            connection.close()
            return paced.Paced(follower.ages_ms(), warm_up, cpu / count * 1e6)

    def append(self, connection, line):
        body = json.dumps({"records": [{"body": line.decode().rstrip()}]})
        begun = time.monotonic()
        connection.request("POST", f"/v1/streams/{servers.STREAM}/records", body,
                           {"s2-basin": servers.BASIN, "content-type": "application/json", "authorization": "Bearer any"})
        answer = connection.getresponse()
        answer.read()
        self.answered_ms.append((time.monotonic() - begun) * 1000)
        follow.quick_ack(connection)
        if answer.status != 200:
            raise SystemExit(f"bench: the bare append was answered with {answer.status}")


class Case:
    """A writer or a BareAppend, and the server of each of its runs."""

    def __init__(self, client, serve, label=None):
        self.client, self.serve, self.label = client, serve, label or client.label

    def run(self, rate):
        if isinstance(self.client, BareAppend):
            return self.client.run(self.serve, rate, SECONDS)
        return paced.run_paced(self.client, self.serve, rate, SECONDS)


def measure(bench, cases, rate):
    """{case: [Paced]}"""
    found = {case: [] for case in cases}
    for number in range(bench.repeat):
        for place in range(len(cases)):
            case = cases[(number + place) % len(cases)]
            run = case.run(rate)
            bench.say(f"{case.label}, {rate}/s: p50 {run.age(0.5):.1f} ms, p99 {run.age(0.99):.1f} ms")
            found[case].append(run)
    return found


def result(bench, name, title, found, peer, rate, more=""):
    def middle(case, share):
        return measures.median([run.age(share) for run in found[case]])
    rows = []
    for case, runs in found.items():
        p50, p99 = middle(case, 0.5), middle(case, 0.99)
        rows.append([case.label, f"**{p50 / middle(peer, 0.5):.2f}**", f"**{p99 / middle(peer, 0.99):.2f}**", f"{p50:.2f}",
                     f"{middle(case, 0.9):.2f}", f"{p99:.2f}", f"{max(run.ages_ms[-1] for run in runs):.1f}",
                     f"{measures.median([run.cpu_us for run in runs]):.1f}"])
    return Result(name, title,
                  ["writer", "p50: of the peer's", "p99: of the peer's", "p50 ms", "p90 ms", "p99 ms", "max ms",
                   "CPU µs/event"],
                  rows, f"{rate:,} events/s for {SECONDS} s, medians of {bench.repeat} rounds; the peer is: {peer.label}.{more}",
                  [plot.distribution("age on arrival, ms", "ms", [(case.label, [age for run in runs for age in run.ages_ms])
                                                                  for case, runs in found.items()])])


def latency(bench):
    over_tls = functools.partial(servers.lite, tls=True)
    peer = Case(writers.RUST_SMALL, over_tls)
    steady = measure(bench, [
        Case(writers.RINGTAIL, over_tls), peer,
        Case(writers.Ringtail("Ringtail, 1000 records, 5 ms", "--batch-records", "1000", "--linger", "5ms"), over_tls),
        Case(writers.RustSdk("Rust SDK (1000 records, 5 ms)"), over_tls),
        Case(writers.S2Append("`s2 append` (1000 records, 5 ms)"), over_tls)], 1000)
    bare, small = BareAppend(), Case(writers.RustSdk("Rust SDK, no linger", "--linger-ms", "0"), over_tls)
    sparse = measure(bench, [
        Case(writers.Ringtail("Ringtail, no linger", "--linger", "0"), over_tls), small,
        Case(writers.S2Append("`s2 append`, no linger", "--linger", "0s"), over_tls), Case(bare, over_tls)], 10)
    answered = measures.median(bare.answered_ms)
    return [result(bench, "latency", "Publish to durable at 1,000 events/s, TLS", steady, peer, 1000),
            result(bench, "latency_no_linger", "Publish to durable at 10 events/s without linger, TLS", sparse, small, 10,
                   f" The bare socket had its answers after {answered:.2f} ms (median).")]
