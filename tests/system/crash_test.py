"""Real faults: the agent and the server killed, stopped and restarted, connections cut at random bytes, an outage, a full
disk, two agents on one stream.

A publisher remembers what was accepted; afterwards the official reader must find every accepted event once and in order.
Each run prints its seed; RINGTAIL_SEED repeats it. RINGTAIL_ROUNDS and RINGTAIL_OUTAGE (seconds) make the big forms of it:
scripts/soak.
"""

import json
import os
import random
import re
import shutil
import time

from proxy import Proxy
from publisher import Publisher, assert_account, seqs_of
from support import PATIENCE, SANITIZED, TestCase, is_own, main, until

SEED = int(os.environ.get("RINGTAIL_SEED", random.randrange(1 << 31)))
ROUNDS = os.environ.get("RINGTAIL_ROUNDS")
OUTAGE = float(os.environ.get("RINGTAIL_OUTAGE", 5))
CAUGHT_UP_MAX = 60.0          # seconds; a bound for a busy machine, what it took is printed
OWN_MEMORY_MAX = 64 << 20


class CrashTest(TestCase):
    def setUp(self):
        print(f"seed {SEED}", flush=True)
        self.rng = random.Random(SEED)
        self.api = self.directory / "api.sock"

    def start(self, *flags, **kwargs):
        return self.agent("--start", "--unix", self.api, *flags, **kwargs)

    def session(self, agent):
        return agent.call("GET", "/events/capture_session")[1]["id"]

    def server(self):
        server = self.lite(local_root=self.directory / "lite")
        return server, server.create_basin()

    def read(self, server, basin, stream):
        return [json.loads(line) for line in server.read_lines(basin, stream)]

    def flush(self, agent):
        status, body = agent.call("POST", "/events/flush?timeout=100s")
        self.assertEqual(status, 200, (body, agent.log()))

    def stop(self, agent):
        self.assertEqual(agent.terminate(), 0, agent.log())

    def continuations(self, server, basin, name):
        listed = [line.split(b"/", 3)[-1].split()[0].decode() for line in server.s2("list-streams", basin).splitlines()]
        found = [one for one in listed if one.startswith(name) and one != name]
        for one in found:
            self.assertRegex(one, "^" + re.escape(name) + "~[0-9a-f]{8}$")
        return found

    def read_all(self, server, basin, name):
        """The stream's and its continuations' envelopes by name."""
        return {one: self.read(server, basin, one) for one in [name, *self.continuations(server, basin, name)]}

    def assert_all_there(self, envelopes, publisher, report):
        """In the stream of one session, from its first envelope to its last, and in the agent's report."""
        self.assertEqual([e["event"] for e in envelopes if e["event"]["type"] == "events_dropped"], [])
        self.assertEqual(seqs_of(envelopes), list(range(1, len(envelopes) + 1)), "no gap")
        assert_account(self, envelopes, publisher)
        events = sum(not is_own(e) for e in envelopes)
        self.assertEqual([report[name] for name in ("published", "durable", "undelivered", "dropped")], [events, events, 0, 0])

    def result(self, publisher, text):
        print(f"result: {text}; {publisher.count} events accepted, 0 lost, 0 repeated", flush=True)

    def test_the_agent_is_killed_again_and_again(self):
        rounds = int(ROUNDS or 6)
        server, basin = self.server()
        flags = [*server.flags(basin), "--ring-capacity", "1GiB"]
        agent = self.start(*flags)
        session = self.session(agent)
        was_ready = 0
        with Publisher(agent, self.api, rate=2000, agent_may_die=True) as publisher:
            for one in range(rounds):
                if one % 5 == 1:  # while it starts
                    time.sleep(self.rng.uniform(0.0, 0.1))  # the instant of the kill is the test's input
                else:
                    agent.wait_ready()
                    was_ready += 1
                    time.sleep(self.rng.uniform(0.0, 0.7))
                publisher.check()
                agent.kill()
                agent.close()
                agent = publisher.agent = self.start(*flags, wait=False)
            agent.wait_ready()
            counted = publisher.count
            until(lambda: publisher.check() and publisher.count > counted, "events after the last kill")
        begin = time.monotonic()
        self.flush(agent)
        took = time.monotonic() - begin
        self.stop(agent)
        envelopes = self.read(server, basin, session)
        self.assert_all_there(envelopes, publisher, agent.report())
        resumed = sum(e["event"]["type"] == "session_resumed" for e in envelopes)
        self.assertTrue(was_ready <= resumed <= rounds, (was_ready, resumed))
        self.result(publisher, f"{rounds} kills of the agent, {rounds - was_ready} of them while it started, at the end "
                               f"delivered within {took:.1f} s")

    def test_the_server_is_killed_stopped_and_restarted_again_and_again(self):
        rounds = int(ROUNDS or 3)
        server, basin = self.server()
        agent = self.start("--ack-timeout", "1s", "--ring-capacity", "1GiB", *server.flags(basin))
        session = self.session(agent)
        stops = restarts = 0
        with Publisher(agent, self.api, rate=2000) as publisher:
            for one in range(rounds):
                time.sleep(self.rng.uniform(0.1, 0.8))
                server.kill()
                time.sleep(self.rng.uniform(0.0, 1.0))
                server.restart()
                time.sleep(self.rng.uniform(0.1, 0.8))
                if one % 2 == 0:
                    stops += 1
                    server.pause()
                    time.sleep(self.rng.uniform(0.1, 2.0))
                    server.resume()
                else:
                    restarts += 1
                    server.terminate(PATIENCE if ROUNDS else self.rng.uniform(0.0, 1.0))  # the big form: to its own end
                    server.restart()
                publisher.check()
        begin = time.monotonic()
        self.flush(agent)
        took = time.monotonic() - begin
        self.stop(agent)
        self.assert_all_there(self.read(server, basin, session), publisher, agent.report())
        self.result(publisher, f"{rounds} kills, {stops} stops and {restarts} restarts of the server, at the end delivered "
                               f"within {took:.1f} s")

    def test_both_fail_while_much_is_in_flight(self):
        """What was sent and never acknowledged fills several pages, and the agent is killed again while it reads them back."""
        rounds = int(ROUNDS or 3)
        server, basin = self.server()
        flags = ["--ring-capacity", "1GiB", *server.flags(basin)]
        agent = self.start(*flags)
        session = self.session(agent)
        with Publisher(agent, self.api, rate=4000, agent_may_die=True, pad=1000) as publisher:
            for _ in range(rounds):
                agent.wait_ready()
                counted = publisher.count
                until(lambda: publisher.check() and publisher.count > counted + 1000, "events")
                server.pause()
                time.sleep(self.rng.uniform(0.5, 1.0))
                agent.kill()
                agent.close()
                server.resume()
                agent = publisher.agent = self.start(*flags, wait=False)
                for _ in range(3):
                    time.sleep(self.rng.uniform(0.05, 0.3))
                    agent.kill()
                    agent.close()
                    agent = publisher.agent = self.start(*flags, wait=False)
            agent.wait_ready()
        self.flush(agent)
        self.stop(agent)
        self.assertEqual(self.continuations(server, basin, session), [], "nobody else wrote")
        self.assert_all_there(self.read(server, basin, session), publisher, agent.report())
        self.result(publisher, f"{rounds} stops of the server with {4 * rounds} kills of the agent")

    def test_connections_are_cut_at_random_bytes(self):
        wanted = int(ROUNDS or 6) * 5
        server, basin = self.server()
        proxy = Proxy(server.port)
        self.addCleanup(proxy.close)
        proxy.rng.seed(SEED)
        proxy.cut_after = (200, 600_000)
        agent = self.start("--s2-basin", basin, "--s2-account-endpoint", proxy.url, "--s2-basin-endpoint", proxy.url)
        session = self.session(agent)
        # A batch, sent and then read back, must now and then get through between two cuts.
        with Publisher(agent, self.api, rate=2000, ahead_max=500) as publisher:
            # Backoff may make the cuts rare: what counts is that there were some, and what is in the stream afterwards.
            end = time.monotonic() + wanted
            until(lambda: publisher.check() and (proxy.cuts >= wanted or (proxy.cuts >= 1 and time.monotonic() > end)), "cuts")
        proxy.stop_cutting()
        self.flush(agent)
        self.stop(agent)
        self.assert_all_there(self.read(server, basin, session), publisher, agent.report())
        self.result(publisher, f"{proxy.cuts} cut connections")

    def test_an_outage(self):
        server, basin = self.server()
        agent = self.start(*server.flags(basin))
        session = self.session(agent)
        memory = 0

        def look():
            nonlocal memory
            memory = max(memory, agent.own_memory())
            return publisher.check() and agent.call("GET", "/status")[1]

        with Publisher(agent, self.api, rate=1000) as publisher:
            until(lambda: look()["durable"] > 500, "delivery")
            server.kill()
            end = time.monotonic() + OUTAGE
            until(lambda: look() and time.monotonic() > end, "the outage's end", OUTAGE + 60)
            server.restart()
            begin = time.monotonic()
            owed = publisher.accepted[-1].last_seq
            until(lambda: look()["durable_seq"] >= owed, "what the outage held back")
            took = time.monotonic() - begin
            until(lambda: look()["undelivered"] < 1000, "what came meanwhile")
        self.stop(agent)
        self.assert_all_there(self.read(server, basin, session), publisher, agent.report())
        self.result(publisher, f"{OUTAGE:.0f} s without the server at 1000 events/s, caught up {took:.1f} s after its return, "
                               f"at most {memory / (1 << 20):.1f} MiB of own memory")
        self.assertLess(took, CAUGHT_UP_MAX)
        if not SANITIZED:
            self.assertLess(memory, OWN_MEMORY_MAX)

    def test_the_disk_is_full(self):
        """Capacity reached early: publishing goes on, the oldest go, and the stream says which."""
        disk = self.small_disk(64)  # of which 33 MiB are the tables, made at the start
        server, basin = self.server()
        flags = ["--ack-timeout", "1s", "--live-history", "1MiB", *server.flags(basin)]
        agent = self.start(*flags, state_dir=disk / "state")
        session = self.session(agent)

        def dropped(agent):
            status = agent.call("GET", "/status")[1]
            self.assertEqual(status["published"], status["durable"] + status["undelivered"] + status["dropped"])
            return status["dropped"]

        with Publisher(agent, self.api, rate=10_000, agent_may_die=True, pad=1000) as publisher:
            until(lambda: publisher.check() and publisher.count >= 1000, "events")
            self.flush(agent)
            server.kill()
            before = until(lambda: publisher.check() and dropped(agent), "the disk's end")
            agent.kill()  # what it does with a full disk must not need room either
            agent = publisher.agent = self.start(*flags, state_dir=disk / "state", wait=False)
            agent.wait_ready()
            until(lambda: publisher.check() and dropped(agent) > before + 5000, "more goes")
        server.restart()
        self.flush(agent)
        self.stop(agent)
        report = agent.report()
        envelopes = self.read(server, basin, session)
        expected, kept, gaps = 1, 0, []
        for envelope in envelopes:
            if envelope["event"]["type"] == "events_dropped":
                gap = envelope["event"]["data"]
                self.assertEqual((gap["from_seq"], gap["reason"], envelope["seq"]), (expected, "capacity", gap["to_seq"]))
                self.assertEqual(gap["count"], gap["to_seq"] - gap["from_seq"] + 1)
                gaps.append((gap["from_seq"], gap["to_seq"]))
            else:
                self.assertEqual(envelope["seq"], expected)
                kept += not is_own(envelope)
            expected = envelope["seq"] + 1
        self.assertGreater(len(gaps), 0)
        assert_account(self, envelopes, publisher, gaps)
        lacking = sum(last - first + 1 for first, last in gaps)  # no event of the agent's own was among them
        self.assertEqual([report[name] for name in ("published", "durable", "undelivered", "dropped")],
                         [kept + lacking, kept, 0, lacking])
        print(f"result: a full disk; {report['published']} events published, {kept} delivered, {report['dropped']} dropped "
              f"and said so in {len(gaps)} gaps", flush=True)

    def test_two_agents_on_one_stream(self):
        server, basin = self.server()
        sockets = [self.directory / f"{name}.sock" for name in ("a", "b")]
        agents = [self.agent("--start", "--unix", path, "--s2-stream", "shared", *server.flags(basin), state_dir=path.with_suffix(""))
                  for path in sockets]
        sessions = [self.session(agent) for agent in agents]
        with Publisher(agents[0], sockets[0], 1000, "a") as a, Publisher(agents[1], sockets[1], 1000, "b") as b:
            until(lambda: a.check() and b.check() and min(a.count, b.count) >= 3000, "events of both")
        for agent in agents:
            self.stop(agent)
        everything = self.read_all(server, basin, "shared")
        self.assertGreaterEqual(len(everything), 2, "one of them went on in a continuation")
        self.assert_in_streams(everything, "shared", [a, b])
        for session in sessions:
            for name, envelopes in everything.items():
                seqs = seqs_of(e for e in envelopes if e["capture_session_id"] == session)
                self.assertEqual(seqs, sorted(set(seqs)), name)
        self.result(a, f"two agents in {len(everything)} streams; {b.count} events accepted by the other")

    def assert_in_streams(self, everything, first, publishers):
        """Each accepted event, over all; none twice within one; each continuation says that it is one."""
        found = set()
        for name, envelopes in everything.items():
            here = [(e["event"]["data"]["by"], e["event"]["data"]["n"]) for e in envelopes if not is_own(e)]
            self.assertEqual(len(here), len(set(here)), f"twice in {name}")
            found |= set(here)
            if name != first:
                self.assertEqual(envelopes[0]["event"]["type"], "session_continued", name)
        for one in publishers:
            lacking = [n for batch in one.accepted for n in batch.numbers() if (one.name, n) not in found]
            self.assertEqual(lacking, [], one.name)

    def test_a_state_directory_that_exists_twice_ends_in_two_streams(self):
        server, basin = self.server()
        first = self.start(*server.flags(basin))
        session = self.session(first)
        with Publisher(first, self.api, 2000, "before", agent_may_die=True) as before:
            until(lambda: before.check() and before.count >= 1000, "events before the copy")
            first.kill()
        copy = self.directory / "copy"
        shutil.copytree(self.state_dir, copy)
        other = self.directory / "copy.sock"
        agents = [self.start(*server.flags(basin)), self.agent("--start", "--unix", other, *server.flags(basin), state_dir=copy)]
        with Publisher(agents[0], self.api, 1000, "a") as a, Publisher(agents[1], other, 1000, "b") as b:
            until(lambda: a.check() and b.check() and min(a.count, b.count) >= 2000, "events of both")
        for agent in agents:
            self.stop(agent)
        everything = self.read_all(server, basin, session)
        self.assertGreaterEqual(len(everything), 2, "one of them went on in a continuation")
        self.assert_in_streams(everything, session, [before, a, b])
        for name, envelopes in everything.items():
            seqs = seqs_of(envelopes)
            self.assertEqual(seqs, sorted(set(seqs)), name)

    def test_a_stream_deleted_under_the_agent_is_never_created_again(self):
        server, basin = self.server()
        agent = self.start(*server.flags(basin))
        session = self.session(agent)
        agent.publish({"type": "console.log", "data": {"n": 1}})
        self.assertEqual(agent.call("POST", "/events/flush")[0], 200)
        server.s2("delete-stream", f"s2://{basin}/{session}")
        agent.publish({"type": "console.log", "data": {"n": 2}})
        status, body = agent.call("POST", "/events/flush?timeout=30s")
        self.assertEqual(status, 200, (body, agent.log()))
        self.assertEqual(agent.terminate(), 0)
        continued = self.continuations(server, basin, session)
        self.assertEqual(len(continued), 1, continued)
        types = [e["event"]["type"] for e in self.read(server, basin, continued[0])]
        self.assertEqual(types, ["session_continued", "console.log", "session_ended"])


if __name__ == "__main__":
    main()
