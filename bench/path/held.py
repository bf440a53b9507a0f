#!/usr/bin/env python3
"""What a publisher waits for while much is held: S2 is away, and others ask for the status, or segments roll over.

    bench/path/held.py PROGRAM [PROGRAM…]

Of each program (`ringtail`), one after the other, each with a state directory of its own in memory:
  status    200 MiB are held undelivered (256 MiB of ring). GET /status, CALLS times one by one: the median time of an
            answer, and the agent's CPU of one (schedstat of its main thread). Then once more beside a publisher that sends
            one event after the other: its longest wait.
  sessions  None, then SESSIONS sessions are held undelivered, a stream each. A publisher fills segments of 2 MiB, one
            event of 64 KiB after the other: its longest waits, which are those of roll-overs.
"""

import http.client
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

CALLS = 40
HELD_BYTES = 200 << 20
SESSIONS = 240
ROLL_OVERS = 12
ENVELOPE_BYTES = 110  # around an event, about
MEMORY = "/dev/shm"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Agent:
    def __init__(self, program):
        self.directory = tempfile.TemporaryDirectory(dir=MEMORY)
        self.port, nobody = free_port(), f"http://127.0.0.1:{free_port()}"
        log = open(pathlib.Path(self.directory.name) / "log", "w")
        self.process = subprocess.Popen(
            [program, "run", "--state-dir", f"{self.directory.name}/state", "--listen", f"127.0.0.1:{self.port}",
             "--ring-capacity", "256MiB", "--shutdown-timeout", "1s", "--s2-basin", "some-basin",
             "--s2-account-endpoint", nobody, "--s2-basin-endpoint", nobody],
            stdout=log, stderr=log, env={**os.environ, "S2_ACCESS_TOKEN": "any"})
        until = time.monotonic() + 20
        while True:
            try:
                if self.connection().ask("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            if time.monotonic() > until or self.process.poll() is not None:
                raise SystemExit(f"held: {program} is not ready: {open(log.name).read()}")
            time.sleep(0.05)

    def connection(self):
        return Connection(self.port)

    def cpu_ns(self):
        return int(pathlib.Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self.directory.cleanup()


class Connection:
    def __init__(self, port):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def ask(self, method, path, body=None, content_type="application/json"):
        self.http.request(method, path, body, {"content-type": content_type} if body else {})
        answer = self.http.getresponse()
        return answer.status, answer.read()

    def must(self, method, path, body=None, content_type="application/json"):
        status, said = self.ask(method, path, body, content_type)
        if status >= 300:
            raise SystemExit(f"held: {method} {path}: {status} {said[:300]}")
        return said

    def timed(self, *request):
        began = time.perf_counter()
        self.must(*request)
        return (time.perf_counter() - began) * 1000


def event(size):
    return json.dumps({"type": "t", "category": "console", "data": "x" * size}).encode()


def hold(to, total):
    line = event(1000) + b"\n"
    body = line * 1000
    for _ in range(total // (len(body) + 1000 * ENVELOPE_BYTES)):
        to.must("POST", "/events/publish", body, "application/x-ndjson")


def longest_wait_beside(agent, calls):
    publisher, waits, over = agent.connection(), [], threading.Event()

    def ask():
        asking = agent.connection()
        for _ in range(calls):
            asking.must("GET", "/status")
        over.set()
    asker = threading.Thread(target=ask)
    asker.start()
    body = event(100)
    while not over.is_set():
        waits.append(publisher.timed("POST", "/events/publish", body))
    asker.join()
    return max(waits), statistics.median(waits)


def status(program):
    with Agent(program) as agent:
        one = agent.connection()
        one.must("POST", "/events/capture_session", b"{}")
        hold(one, HELD_BYTES)
        held = json.loads(one.must("GET", "/status"))["undelivered_bytes"]
        before = agent.cpu_ns()
        times = [one.timed("GET", "/status") for _ in range(CALLS)]
        cpu = (agent.cpu_ns() - before) / CALLS / 1e6
        longest, middle = longest_wait_beside(agent, CALLS)
        print(f"  {held / (1 << 20):.0f} MiB held: a status takes {statistics.median(times):.2f} ms (median; {cpu:.2f} ms "
              f"CPU); a publisher beside waits {middle:.2f} ms, at most {longest:.2f} ms", flush=True)


def sessions(program, held):
    with Agent(program) as agent:
        one = agent.connection()
        for _ in range(held):
            one.must("POST", "/events/capture_session", b"{}")
            for _ in range(3):
                one.must("POST", "/events/publish", event(64 << 10))
            one.ask("DELETE", "/events/capture_session?timeout=0s")  # 504: it is not delivered, as is meant
        one.must("POST", "/events/capture_session", b"{}")
        body = event(64 << 10)
        waits, cpu = [], []
        for _ in range(32 * ROLL_OVERS):
            before = agent.cpu_ns()
            waits.append(one.timed("POST", "/events/publish", body))
            cpu.append((agent.cpu_ns() - before) / 1e6)
        waits.sort(), cpu.sort()
        print(f"  {held} sessions held: a publish of 64 KiB takes {statistics.median(waits):.2f} ms (median), the "
              f"longest {ROLL_OVERS // 2} of {ROLL_OVERS} roll-overs: "
              f"{', '.join(f'{wait:.2f}' for wait in waits[-ROLL_OVERS // 2:])} ms; "
              f"in CPU {', '.join(f'{took:.2f}' for took in cpu[-ROLL_OVERS // 2:])} ms", flush=True)


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return
    for program in sys.argv[1:]:
        print(program)
        status(program)
        for held in (0, SESSIONS):
            sessions(program, held)


main()
