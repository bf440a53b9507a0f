"""A running agent with its HTTP API, for the scenarios that talk to it."""

import http.client
import os
import select
import socket
import subprocess
import time

from servers import support

NDJSON = {"content-type": "application/x-ndjson"}


def seconds_to_exit(process, begun, patience=120):
    """From `begun` (monotonic) to the process's end."""
    descriptor = os.pidfd_open(process.pid)
    try:
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        if not poller.poll(patience * 1000):
            raise SystemExit(f"bench: process {process.pid} did not end within {patience} s")
        seconds = time.monotonic() - begun
    finally:
        os.close(descriptor)
    process.wait()
    return seconds


class Agent:
    """`ringtail run` on a state directory; `ready_seconds` is from its start to READY=1. As a context manager it is killed
    at the end if it still lives."""

    def __init__(self, directory, *flags):
        self.port = support.free_port()
        self.log_file = directory / "log"
        path = directory / "notify"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(self.log_file, "wb") as log:
            notify.bind(str(path))
            notify.settimeout(support.PATIENCE)
            begun = time.monotonic()
            self.process = subprocess.Popen(
                [support.RINGTAIL, "run", "--state-dir", directory / "state", "--listen", f"127.0.0.1:{self.port}", *flags],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
                env=support.clean_environment(HOME=directory, NOTIFY_SOCKET=path, S2_ACCESS_TOKEN="any"))
            while b"READY=1" not in notify.recv(4096):
                pass
            self.ready_seconds = time.monotonic() - begun

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def publish(self, body):
        """NDJSON; every line must be taken."""
        self.post("/events/publish", body, NDJSON)

    def flush(self):
        self.post("/events/flush?timeout=60s")

    def post(self, target, body=None, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=support.PATIENCE)
        try:
            connection.request("POST", target, body, headers)
            answer = connection.getresponse()
            said = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise SystemExit(f"bench: {target} was answered with {answer.status} {said.decode()}")

    def stop(self, signal_number):
        """Seconds from the signal to the end, which must be a clean one."""
        begun = time.monotonic()
        self.process.send_signal(signal_number)
        seconds = seconds_to_exit(self.process, begun)
        if self.process.returncode != 0:
            raise SystemExit(f"bench: the agent ended with {self.process.returncode}:\n{self.log_file.read_text()}")
        return seconds
