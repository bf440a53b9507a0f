#!/usr/bin/env python3
"""Whole processes measured: Ringtail beside its peers, alternating, each against a server of its own. scripts/bench builds
what this needs and calls it.

    scripts/bench [scenario…] [--repeat R] [--events N] [--record]
"""

import argparse
import os
import sys

import catch_up
import embedded
import idle
import latency
import live_clients
import publish_http
import report
import scaling
import servers
import start_stop
import throughput
import writers
from events import generated

SCENARIOS = {
    "throughput_tls": throughput.throughput_tls,
    "throughput_cleartext": throughput.throughput_cleartext,
    "embedded_store": embedded.embedded_store,
    "embedded_latency": embedded.embedded_latency,
    "latency": latency.latency,
    "catch_up": catch_up.catch_up,
    "idle": idle.idle,
    "start_stop": start_stop.start_stop,
    "publish_http": publish_http.publish_http,
    "live_clients": live_clients.live_clients,
    "scaling": scaling.scaling,
}


class Bench:
    """What every scenario is told."""

    def __init__(self, events, repeat):
        self.repeat, self.cores = repeat, os.cpu_count()
        self.events = generated(events)

    @staticmethod
    def say(what):
        print(f"bench: {what}", file=sys.stderr, flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("scenario", nargs="*", help=f"all, or some of: {', '.join(SCENARIOS)}")
    arguments.add_argument("--repeat", type=int, default=5, metavar="R", help="rounds, of which medians are shown [5]")
    arguments.add_argument("--events", type=int, default=300_000, metavar="N", help="events of a throughput run [300000]")
    arguments.add_argument("--record", action="store_true", help="put tables and plots into bench/README.md, bench/results")
    given = arguments.parse_args()
    unknown = [name for name in given.scenario if name not in SCENARIOS]
    if unknown:
        arguments.error(f"no scenario {unknown[0]}; there are: {', '.join(SCENARIOS)}")
    writers.check_installed()
    commit = report.commit()  # before --record changes files
    bench = Bench(given.events, given.repeat)
    for name in given.scenario or SCENARIOS:
        bench.say(name)
        where = report.machine(commit)
        for result in SCENARIOS[name](bench):
            report.publish(result, where, given.record)


if __name__ == "__main__":
    main()
