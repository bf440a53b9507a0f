"""What a process costs that has nothing to do: memory, and wake-ups."""

import http.client
import json
import os
import subprocess
import time

import follow
import measures
import paced
import servers
import writers
from report import Result
from servers import support

SETTLE_SECONDS = 1  # in which what goes on after an ack has ended
WATCHED_SECONDS = 10


def wake_ups(pid):
    """Context switches of all its threads: each is one return from waiting, or from having been put off the processor."""
    found = [measures.status_of(f"{pid}/task/{thread}") for thread in os.listdir(f"/proc/{pid}/task")]
    return sum(one["voluntary_ctxt_switches"] + one["nonvoluntary_ctxt_switches"] for one in found if one)


def stream_tail(server):
    """0 before the stream exists."""
    connection = follow.connect(server.port, server.tls, 10)
    try:
        connection.request("GET", f"/v1/streams/{servers.STREAM}/records/tail",
                           headers={"s2-basin": servers.BASIN, "authorization": "Bearer any"})
        answer = connection.getresponse()
        body = answer.read()
        return json.loads(body)["tail"]["seq_num"] if answer.status == 200 else 0
    except http.client.HTTPException as error:
        raise SystemExit(f"bench: check-tail: {error}") from error
    finally:
        connection.close()


class Idle:
    def __init__(self, status, wake_ups_per_s):
        self.rss_mib, self.anonymous_mib = status["VmRSS"] / measures.MIB, status["RssAnon"] / measures.MIB
        self.wake_ups_per_s = wake_ups_per_s


def idle_once(writer):
    """One event is durable, the append session stays open, then nothing happens."""
    with servers.lite(tls=True) as server, servers.scratch() as directory:
        with open(directory / "log", "wb") as log:
            process = subprocess.Popen(writer.command(server, directory), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                       stderr=log, env=writer.environment(server, directory), bufsize=0)
        process.stdin.write(paced.line(0))
        durable = 1 + max(0, writer.own_records - 1)  # session_ended comes at the end
        support.until(lambda: stream_tail(server) == durable, f"{writer.label}: one event durable")
        time.sleep(SETTLE_SECONDS)
        before, begun = wake_ups(process.pid), time.monotonic()
        time.sleep(WATCHED_SECONDS)
        woken = max(0, wake_ups(process.pid) - before)  # a thread that ended takes its count with it
        found = Idle(measures.status_of(process.pid), woken / (time.monotonic() - begun))
        process.stdin.close()
        if process.wait(60) != 0:
            raise SystemExit(f"bench: {writer.label} ended with {process.returncode}:\n{(directory / 'log').read_text()}")
        return found


def idle(bench):
    rows = []
    for writer in (writers.RINGTAIL, writers.RUST, writers.CLI):
        runs = [idle_once(writer) for _ in range(bench.repeat)]
        rss, anonymous, woken = (measures.median([getattr(run, what) for run in runs])
                                 for what in ("rss_mib", "anonymous_mib", "wake_ups_per_s"))
        bench.say(f"{writer.label}: {rss:.1f} MiB, {woken:.1f}/s")
        rows.append([writer.label, f"{anonymous:.1f}", f"{rss:.1f}", f"{woken:.2f}"])
    return [Result("idle", "Idle with an open append session, TLS",
                   ["writer", "anonymous RSS MiB", "RSS MiB", "wake-ups per second"], rows,
                   f"After one durable event, over {WATCHED_SECONDS} s; medians of {bench.repeat} rounds.", [])]
