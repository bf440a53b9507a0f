"""Events at a steady rate into a writer's standard input, and their ages as a follower saw them."""

import fcntl
import json
import os
import pathlib
import subprocess
import sys
import time

import measures
import servers

PIPE_BYTES = 1 << 20  # so that a writer that stops reading for a while does not hold up the clock
WARM_UP_SECONDS = 1   # connections are opened then
FILLER = "x" * 220    # makes a line of about 370 bytes
F_SETPIPE_SZ = 1031


def line(number):
    """Its time is now: what the event's age is counted from."""
    return (f'{{"ts":{time.time_ns() // 1000},"type":"bench.paced","category":"console","source":{{"kind":"local_process"}},'
            f'"data":{{"n":{number},"level":"info","text":"{FILLER}"}}}}\n').encode()


def pace(rate, seconds, write):
    """Calls write(number) at each due time; what is late is made up for at once."""
    begun = time.monotonic()
    for number in range(int(rate * seconds)):
        wait = begun + number / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        write(number)


class Follower:
    def __init__(self, server, count, patience):
        self.process = subprocess.Popen(
            [sys.executable, "-B", pathlib.Path(__file__).with_name("follow.py"), str(server.port), servers.BASIN,
             servers.STREAM, str(count), str(patience), *(["--tls"] if server.tls else [])],
            stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "following\n":
            raise SystemExit("bench: the follower did not start")

    def ages_ms(self):
        """In the stream's order."""
        out, _ = self.process.communicate()
        if self.process.returncode != 0:
            raise SystemExit("bench: the follower failed")
        return [age / 1000 for age in json.loads(out)]


class Paced:
    """Ages in ms without the warm-up, sorted, and the writer's CPU per event in µs."""

    def __init__(self, ages_ms, warm_up, cpu_us):
        self.ages_ms = sorted(ages_ms[warm_up:])
        self.cpu_us = cpu_us

    def age(self, share):
        return measures.percentile(self.ages_ms, share)


def run_paced(writer, serve, rate, seconds):
    count, warm_up = int(rate * (seconds + WARM_UP_SECONDS)), int(rate * WARM_UP_SECONDS)
    with serve() as server, servers.scratch() as directory:
        server.s2("create-stream", f"s2://{servers.BASIN}/{servers.STREAM}")
        follower = Follower(server, count, seconds + 30)
        with open(directory / "log", "wb") as log:
            process = subprocess.Popen(writer.command(server, directory), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                       stderr=log, env=writer.environment(server, directory), bufsize=0)
        fcntl.fcntl(process.stdin, F_SETPIPE_SZ, PIPE_BYTES)
        pace(rate, seconds + WARM_UP_SECONDS, lambda number: process.stdin.write(line(number)))
        process.stdin.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"bench: {writer.label} ended with {process.returncode}:\n{(directory / 'log').read_text()}")
        return Paced(follower.ages_ms(), warm_up, (usage.ru_utime + usage.ru_stime) / count * 1e6)
