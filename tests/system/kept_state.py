"""State directories as released versions left them, kept in tests/data, and how such a one is made:

    RINGTAIL=program-of-that-version tests/system/kept_state.py tests/data/kept/COMMIT-active.tar.xz

The archive holds an agent's state directory (`agent`), the store of the server that it delivered to (`store.db`, of
`ringtail local` of the same version) and what must be found in the end (`expected.json`). The agent was killed. It left:

- a session that ended and was delivered;
- one whose stream was taken over by another writer, so that it lies in a stream and a continuation; of that, 300 events were
  acknowledged, 100 arrived and their acks did not, 100 were sent and did not arrive, 1000 were never sent. It is active, or
  (made with the word `ended` behind the archive's name) it ended, and a third one is active that S2 does not know yet;
- a ring of several segments.

A place is a basin and its endpoint's host and port, so the server must be found again where it was: at an address of the
loopback network that nobody else uses.
"""

import contextlib
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import urllib.request

import support
from proxy import Proxy
from support import until

HOST, PORT = "127.67.83.84", 18341
URL = f"http://{HOST}:{PORT}"
BASIN = "kept-basin"
FLAGS = ["--s2-basin", BASIN, "--s2-account-endpoint", URL, "--s2-basin-endpoint", URL]
FIRST, SECOND, THIRD = (f"{n}{n}{n}{n}{n}{n}{n}{n}-2222-4333-8444-555555555555" for n in (1, 2, 3))
PAD = "x" * 3000  # so that the ring has several segments


class Store:
    """`ringtail local` on a store's file."""

    def __init__(self, file, directory, host="127.0.0.1", port=None):
        self.host, self.port = host, port or support.free_port()
        self.log_file = pathlib.Path(directory) / "store.log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [support.RINGTAIL, "local", "--listen", f"{self.host}:{self.port}", "--store", str(file)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=support.clean_environment())
        support.closed_on_failure(self, lambda: until(self.healthy, "ringtail local /health"))

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=support.PATIENCE)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"s2-basin": BASIN, "content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        assert answer.status < 300, (method, path, answer.status, text)
        return json.loads(text or b"null")

    def healthy(self):
        if self.process.poll() is not None:
            raise AssertionError("ringtail local ended: " + self.log_file.read_text(errors="replace"))
        try:
            with urllib.request.urlopen(f"http://{self.host}:{self.port}/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def streams(self):
        return sorted(one["name"] for one in self.ask("GET", "/v1/streams")["streams"])

    def envelopes(self, stream):
        """All of one stream, commands left out."""
        tail = self.ask("GET", f"/v1/streams/{stream}/records/tail")["tail"]["seq_num"]
        found, at = [], 0
        while at < tail:
            page = self.ask("GET", f"/v1/streams/{stream}/records?seq_num={at}&count=1000")["records"]
            assert page, (stream, at, tail)
            found += [json.loads(record["body"]) for record in page if not record.get("headers")]
            at = page[-1]["seq_num"] + 1
        return found

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Holding(Proxy):
    """At the fixed address. Can also keep from the server what clients send, as a network that takes bytes and carries none."""

    def __init__(self, target):
        self.withholding = False
        self.withheld = 0  # bytes
        super().__init__(target, (HOST, PORT))

    def pump(self, source, sink, answers, budget):
        if answers:
            return super().pump(source, sink, answers, budget)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.withholding:
                    self.withheld += len(data)
                else:
                    sink.sendall(data)
        self.shut(source, sink)


def make(archive, ended_in_flight):
    directory = pathlib.Path(tempfile.mkdtemp(prefix="rt-kept-"))
    with contextlib.ExitStack() as left:
        leave_state(directory, ended_in_flight, left)
    subprocess.run(["tar", "-C", directory, "--sparse", "--owner=0", "--group=0", "-cJf", archive, "agent", "expected.json",
                    *[one.name for one in directory.glob("store.db*")]], check=True)
    print(archive, os.path.getsize(archive), "bytes;", sorted(one.name for one in (directory / "agent").rglob("*")))


def leave_state(directory, ended_in_flight, left):
    store = Store(directory / "store.db", directory)
    left.callback(store.close)
    store.ask("POST", "/v1/basins", {"basin": BASIN, "config": {"create_stream_on_append": True}})
    proxy = Holding(store.port)
    agent = support.Agent(directory / "agent", *FLAGS, "--linger", "10ms", "--ack-timeout", "60s", parent=directory)
    left.callback(agent.close)
    number = 0
    accepted = {session: [] for session in (FIRST, SECOND, THIRD)}

    def publish(session, count):
        nonlocal number
        for _ in range(0, count, 50):
            events = [{"type": "console.log", "data": {"n": number + i, "pad": PAD}} for i in range(50)]
            status, said = agent.publish(*events)
            assert (status, said["accepted"]) == (200, 50), (status, said)
            accepted[session] += [[seq, number + i] for i, seq in enumerate(range(said["first_seq"], said["last_seq"] + 1))]
            number += 50

    def flush():
        status, said = agent.call("POST", "/events/flush?timeout=30s")
        assert status == 200, (status, said, agent.log())

    agent.start_session(id=FIRST)
    publish(FIRST, 50)
    assert agent.call("DELETE", "/events/capture_session?timeout=30s")[0] == 200
    agent.start_session(id=SECOND)
    publish(SECOND, 300)
    flush()
    store.ask("POST", f"/v1/streams/{SECOND}/records",
              {"records": [{"headers": [["", "fence"]], "body": "another-writer"}]})
    publish(SECOND, 300)
    flush()
    continued = next(name for name in store.streams() if name.startswith(SECOND + "~"))
    proxy.swallowing = True
    there = len(store.envelopes(continued))
    publish(SECOND, 100)
    until(lambda: len(store.envelopes(continued)) == there + 100, "batches that arrived")
    proxy.withholding = True
    publish(SECOND, 100)
    until(lambda: proxy.withheld > 100 * len(PAD), "batches that did not")
    publish(SECOND, 1000)
    if ended_in_flight:
        agent.call("DELETE", "/events/capture_session?timeout=0s")
        agent.start_session(id=THIRD)
        publish(THIRD, 250)
    agent.kill()
    store.close()
    version = subprocess.run([support.RINGTAIL, "version"], capture_output=True, text=True, check=True).stdout.strip()
    expected = {"version": version, "accepted": accepted, "active": THIRD if ended_in_flight else SECOND}
    (directory / "expected.json").write_text(json.dumps(expected))


def unpack(archive, into):
    """What must be found in the end; the archives are our own."""
    with tarfile.open(archive) as packed:
        packed.extractall(into)
    return json.loads((pathlib.Path(into) / "expected.json").read_text())


if __name__ == "__main__":
    make(sys.argv[1], ended_in_flight="ended" in sys.argv[2:])
