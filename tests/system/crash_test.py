"""Real crashes: the agent and the server killed, connections cut at random bytes, a state directory that exists twice.

A publisher remembers what was accepted (the seqs that the agent answered with); afterwards the official reader must find every
accepted event once and in order. Each run prints its seed; RINGTAIL_SEED repeats it.
"""

import collections
import http.client
import json
import os
import random
import shutil
import socket
import threading
import time
import unittest

from support import Agent, Lite, TestCase, free_port, is_own, main, until

SEED = int(os.environ.get("RINGTAIL_SEED", random.randrange(1 << 31)))
ROUNDS = int(os.environ.get("RINGTAIL_ROUNDS", 6))


class Publisher(threading.Thread):
    """Publishes batches over HTTP without pause and remembers the numbers of those that were accepted."""

    def __init__(self, agent, numbers, name="p", ahead_max=None):
        super().__init__(daemon=True)
        self.ahead_max = ahead_max  # events that S2 may lack before the next batch
        self.agent, self.numbers, self.name_ = agent, numbers, name
        self.accepted = []   # answered
        self.uncertain = []  # sent, and the answer never came
        self.stopping = False

    def run(self):
        while not self.stopping:
            if self.ahead_max and self.agent.call("GET", "/status")[1]["undelivered"] > self.ahead_max:
                time.sleep(0.02)
                continue
            batch = [next(self.numbers) for _ in range(20)]
            events = [{"type": "console.log", "data": {"n": n, "by": self.name_, "pad": "x" * 150}} for n in batch]
            try:
                status, body = self.agent.publish(*events)
            except (OSError, http.client.HTTPException):
                self.uncertain += batch
                return
            if status == 200 and body.get("accepted") == len(batch):
                self.accepted += batch
            else:
                self.uncertain += batch
                return
            time.sleep(0.005)

    def stop(self):
        self.stopping = True
        self.join()


class Proxy:
    """A TCP proxy that cuts its connections after a random number of bytes."""

    def __init__(self, target, rng, cut_after):
        self.target, self.rng, self.cut_after = target, rng, cut_after
        self.cuts = 0
        self.cutting = True
        self.closed = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.closed:
            try:
                client, _ = self.listener.accept()
            except OSError:
                continue  # this one was gone before it was accepted, or the proxy is closed
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            budget = [self.rng.randrange(*self.cut_after)]
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(a, b, budget), daemon=True).start()

    def pump(self, source, sink, budget):
        try:
            while data := source.recv(4096):
                if self.cutting and len(data) >= budget[0]:
                    sink.sendall(data[:budget[0]])
                    self.cuts += 1
                    break
                budget[0] -= len(data) if self.cutting else 0
                sink.sendall(data)
        except OSError:
            pass
        for one in (source, sink):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.closed = True
        self.listener.close()


class CrashTest(TestCase):
    def setUp(self):
        super().setUp()
        print(f"seed {SEED}", flush=True)
        self.rng = random.Random(SEED)

    def numbers(self):
        n = 0
        while True:
            yield n
            n += 1

    def read(self, server, basin, stream):
        return [json.loads(line) for line in server.read_lines(basin, stream)]

    def assert_in_order_once(self, envelopes, accepted, uncertain):
        seqs = [e["seq"] for e in envelopes if "seq" in e]
        self.assertEqual(seqs, sorted(set(seqs)), "seqs rise, each once")
        found = collections.Counter(e["event"]["data"]["n"] for e in envelopes if not is_own(e))
        twice = [n for n, count in found.items() if count > 1]
        self.assertEqual(twice, [], "repeated")
        missing = [n for n in accepted if n not in found]
        self.assertEqual(missing, [], f"lost {len(missing)} of {len(accepted)}")
        strange = set(found) - set(accepted) - set(uncertain)
        self.assertEqual(strange, set(), "never published")
        dropped = [e for e in envelopes if e["event"]["type"] == "events_dropped"]
        self.assertEqual(dropped, [])

    def test_the_agent_is_killed_again_and_again(self):
        server = self.lite()
        basin = server.create_basin()
        accepted, uncertain, numbers = [], [], self.numbers()
        session = None
        for _ in range(ROUNDS):
            agent = self.agent("--start", *server.flags(basin))
            session = session or agent.call("GET", "/events/capture_session")[1]["id"]
            publisher = Publisher(agent, numbers)
            publisher.start()
            time.sleep(self.rng.uniform(0.0, 0.7))  # the instant of the kill is the test's input
            agent.process.kill()
            agent.process.wait()
            publisher.stop()
            accepted += publisher.accepted
            uncertain += publisher.uncertain
        last = self.agent("--start", *server.flags(basin))
        self.assertEqual(last.terminate(), 0, last.log())
        self.assertGreater(len(accepted), 0)
        envelopes = self.read(server, basin, session)
        self.assert_in_order_once(envelopes, accepted, uncertain)
        self.assertEqual([e["seq"] for e in envelopes], list(range(1, len(envelopes) + 1)), "no gap")
        resumed = sum(e["event"]["type"] == "session_resumed" for e in envelopes)
        self.assertEqual(resumed, ROUNDS)

    def test_the_server_is_killed_and_stopped_again_and_again(self):
        root = self.directory / "lite"
        server = self.lite(local_root=root)
        basin = server.create_basin()
        port = server.port
        agent = self.agent("--start", "--ack-timeout", "1s", *server.flags(basin))
        session = agent.call("GET", "/events/capture_session")[1]["id"]
        publisher = Publisher(agent, self.numbers())
        publisher.start()
        for _ in range(ROUNDS):
            time.sleep(self.rng.uniform(0.1, 0.8))
            if self.rng.random() < 0.3:
                server.pause()
                time.sleep(self.rng.uniform(0.1, 2.0))
                server.resume()
                continue
            server.process.kill()
            server.process.wait()
            time.sleep(self.rng.uniform(0.0, 1.0))
            server.restart()
        publisher.stop()
        status, body = agent.call("POST", "/events/flush?timeout=60s")
        self.assertEqual(status, 200, (body, agent.log()))
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertEqual(publisher.uncertain, [], "publishers don't notice S2")
        self.assertEqual(server.port, port)
        self.assert_in_order_once(self.read(server, basin, session), publisher.accepted, [])

    def test_connections_are_cut_at_random_bytes(self):
        server = self.lite()
        basin = server.create_basin()
        proxy = Proxy(server.port, self.rng, (200, 600_000))
        self.addCleanup(proxy.close)
        through = f"http://127.0.0.1:{proxy.port}"
        agent = self.agent("--start", "--s2-basin", basin, "--s2-account-endpoint", through, "--s2-basin-endpoint", through)
        session = agent.call("GET", "/events/capture_session")[1]["id"]
        # A batch, sent and then read back, must now and then get through between two cuts.
        publisher = Publisher(agent, self.numbers(), ahead_max=500)
        publisher.start()
        # Backoff may make the cuts rare: what counts is that there were some, and what is in the stream afterwards.
        end = time.monotonic() + 30
        until(lambda: proxy.cuts >= 5 * ROUNDS or (proxy.cuts >= 1 and time.monotonic() > end), "cuts")
        publisher.stop()
        proxy.cutting = False
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200, agent.log())
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assert_in_order_once(self.read(server, basin, session), publisher.accepted, [])

    def test_a_state_directory_that_exists_twice_ends_in_two_streams(self):
        server = self.lite()
        basin = server.create_basin()
        first = self.agent("--start", *server.flags(basin))
        session = first.call("GET", "/events/capture_session")[1]["id"]
        numbers = self.numbers()
        before = Publisher(first, numbers, "before")
        before.start()
        until(lambda: len(before.accepted) >= 200, "events before the copy")
        first.process.kill()
        first.process.wait()
        before.stop()
        copy = self.directory / "copy"
        shutil.copytree(self.state_dir, copy)
        agents = [self.agent("--start", *server.flags(basin)), self.agent("--start", *server.flags(basin), state_dir=copy)]
        publishers = [Publisher(agent, self.numbers(), name) for agent, name in zip(agents, ("a", "b"))]
        for one in publishers:
            one.start()
        until(lambda: all(len(one.accepted) >= 400 for one in publishers), "events of both")
        for one in publishers:
            one.stop()
        for agent in agents:
            self.assertEqual(agent.terminate(), 0, agent.log())
        streams = [line.split(b"/", 3)[-1].split()[0].decode() for line in server.s2("list-streams", basin).splitlines()]
        mine = [name for name in streams if name == session or name.startswith(session + "~")]
        self.assertGreaterEqual(len(mine), 2, "one of them went on in a continuation")
        everything = {name: self.read(server, basin, name) for name in mine}
        for name, envelopes in everything.items():
            seqs = [e["seq"] for e in envelopes if "seq" in e]
            self.assertEqual(seqs, sorted(set(seqs)), name)
            if name != session:
                self.assertEqual(envelopes[0]["event"]["type"], "session_continued", name)
        found = {(e["event"]["data"]["by"], e["event"]["data"]["n"])
                 for envelopes in everything.values() for e in envelopes if not is_own(e)}
        for one in [before, *publishers]:
            self.assertEqual([n for n in one.accepted if (one.name_, n) not in found], [], one.name_)

    def test_a_stream_deleted_under_the_agent_is_never_created_again(self):
        server = self.lite()
        basin = server.create_basin()
        agent = self.agent("--start", *server.flags(basin))
        session = agent.call("GET", "/events/capture_session")[1]["id"]
        agent.publish({"type": "console.log", "data": {"n": 1}})
        self.assertEqual(agent.call("POST", "/events/flush")[0], 200)
        server.s2("delete-stream", f"s2://{basin}/{session}")
        agent.publish({"type": "console.log", "data": {"n": 2}})
        status, body = agent.call("POST", "/events/flush?timeout=30s")
        self.assertEqual(status, 200, (body, agent.log()))
        self.assertEqual(agent.terminate(), 0)
        streams = [line.split(b"/", 3)[-1].split()[0].decode() for line in server.s2("list-streams", basin).splitlines()]
        continued = [name for name in streams if name.startswith(session + "~")]
        self.assertEqual(len(continued), 1, streams)
        types = [e["event"]["type"] for e in self.read(server, basin, continued[0])]
        self.assertEqual(types, ["session_continued", "console.log", "session_ended"])


if __name__ == "__main__":
    main()
