"""A publisher at a given rate that remembers what was accepted, and the account that the stream must give of it."""

import http.client
import json
import socket
import threading
import time

from support import PATIENCE, is_own

NDJSON = {"content-type": "application/x-ndjson"}
BATCH_MAX = 500  # what is due after a standstill is published in bodies of at most so many events
TURN = 0.01      # between two bodies


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=PATIENCE)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(self.path)
        except OSError:
            self.close()
            raise


class Batch:
    """Events first..first+count-1 of one publisher, in one body."""

    def __init__(self, first, count):
        self.first, self.count = first, count
        self.first_seq = self.last_seq = None  # what the agent answered

    def numbers(self):
        return range(self.first, self.first + self.count)


class Publisher:
    """Publishes `rate` events a second over one kept-alive connection to the agent's `--unix` socket, from its own thread.

    What was answered is in `accepted`; what was sent and never answered in `uncertain`. Each event is sent once. It goes on
    with the next agent on the same socket if `agent_may_die`; otherwise a call that fails is an error. An error ends the
    thread, and check() and stop() raise it with the agent's log and exit status. As a context manager: starts and stops.
    """

    def __init__(self, agent, path, rate, name="p", agent_may_die=False, ahead_max=None, pad=100):
        self.agent, self.path, self.rate, self.name = agent, path, rate, name
        self.agent_may_die = agent_may_die
        self.ahead_max = ahead_max  # undelivered events above which it waits
        self.pad = "x" * pad
        self.accepted, self.uncertain = [], []
        self.count = 0  # accepted events
        self.error = None
        self.stopping = threading.Event()
        self.next = 0
        self.connection = None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stopping.set()
        self.thread.join()
        if kind is None:
            self.check()
        elif self.error:
            print(self.describe(), flush=True)  # it may be why the test failed

    def stop(self):
        self.__exit__(None, None, None)

    def check(self):
        """True, or the error that ended the thread."""
        if self.error:
            raise AssertionError(self.describe()) from self.error
        return True

    def describe(self):
        return f"publisher {self.name}: {self.error!r}\n{self.agent.describe()}"

    def run(self):
        try:
            begin = time.monotonic()
            while not self.stopping.wait(TURN):
                if self.ahead_max is not None and self.agent.call("GET", "/status")[1]["undelivered"] > self.ahead_max:
                    begin = time.monotonic() - self.next / self.rate  # what was not due is not made up for
                    continue
                due = int((time.monotonic() - begin) * self.rate) - self.next
                if due > 0 and self.connected():
                    self.publish(Batch(self.next, min(due, BATCH_MAX)))
        except BaseException as error:  # whatever it is, the test hears of it
            self.error = error
        finally:
            self.disconnect()

    def connected(self):
        if self.connection:
            return True
        connection = UnixConnection(self.path)
        try:
            connection.connect()
        except OSError:
            if not self.agent_may_die:
                raise
            return False
        self.connection = connection
        return True

    def disconnect(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def publish(self, batch):
        body = "".join(f'{{"type":"console.log","data":{{"n":{n},"by":"{self.name}","pad":"{self.pad}"}}}}\n'
                       for n in batch.numbers())
        self.next += batch.count
        self.uncertain.append(batch)
        try:
            self.connection.request("POST", "/events/publish", body=body, headers=NDJSON)
            answer = self.connection.getresponse()
            status, text = answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.disconnect()
            if not self.agent_may_die:
                raise
            return
        said = json.loads(text)
        if (status, said.get("accepted")) != (200, batch.count):
            raise AssertionError(f"{status} {said}")
        batch.first_seq, batch.last_seq = said["first_seq"], said["last_seq"]
        self.uncertain.pop()
        self.accepted.append(batch)
        self.count += batch.count


def seqs_of(envelopes):
    return [e["seq"] for e in envelopes if "seq" in e]


def assert_account(test, envelopes, publisher, dropped=()):
    """One publisher's events in `envelopes`: every accepted one once, in order, under the seqs that were answered; of an
    uncertain batch its beginning or nothing. `dropped` are the (from_seq, to_seq) that the stream says it lacks.
    """
    mine = [(e["event"]["data"]["n"], e["seq"]) for e in envelopes
            if not is_own(e) and e["event"]["data"]["by"] == publisher.name]
    for what, values in (("numbers", [n for n, _ in mine]), ("seqs", [seq for _, seq in mine])):
        wrong = [pair for pair in zip(values, values[1:]) if pair[0] >= pair[1]]
        test.assertEqual(wrong, [], f"{what} do not rise, each once")
    seq_of = dict(mine)
    lacking, shifted = [], []
    for batch in publisher.accepted:
        for seq, n in enumerate(batch.numbers(), start=batch.first_seq):
            if n in seq_of:
                if seq_of.pop(n) != seq:
                    shifted.append(n)
            elif not any(first <= seq <= last for first, last in dropped):
                lacking.append(n)
        if batch.last_seq - batch.first_seq + 1 != batch.count:
            shifted.append(batch.first)
    test.assertEqual(lacking, [], f"{len(lacking)} of {publisher.count} accepted were lost")
    test.assertEqual(shifted, [], "not under the seqs that were answered")
    for batch in publisher.uncertain:
        there = [seq_of.pop(n, None) is not None for n in batch.numbers()]
        test.assertEqual(there, sorted(there, reverse=True), "of an unanswered batch its beginning, or nothing")
    test.assertEqual(seq_of, {}, "never published")
