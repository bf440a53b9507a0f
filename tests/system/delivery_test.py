"""What happens to a delivery when its world moves: killed in the middle of standard input, a ring that fills up while the
server is away, another place, SIGTERM in the middle of a line, the other intakes."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import support
from proxy import Proxy

NDJSON = {"content-type": "application/x-ndjson"}


def events_of(envelopes):
    return [json.loads(e) for e in envelopes]


def numbers(envelopes):
    return [e["event"]["data"]["n"] for e in envelopes if not support.is_own(e)]


def own_types(envelopes):
    return [e["event"]["type"] for e in envelopes if support.is_own(e)]


class delivery(support.TestCase):
    def start_reading(self, content, *args):
        """An agent on standard input, which is a file of that content."""
        source = self.directory / "input.ndjson"
        source.write_bytes(content)
        with open(source, "rb") as stdin:
            return self.agent("-", *args, stdin=stdin, wait=False)

    def status(self, agent):
        """Nothing as long as it does not answer."""
        try:
            return agent.call("GET", "/status")[1]
        except OSError:
            return None

    def killed_in_the_middle(self, storage, how_far):
        agent = self.start_reading(b"".join(line + b"\n" for line in support.generated(300_000)), *storage)
        first = support.until(lambda: (s := self.status(agent)) and s.get("published", 0) >= how_far and s, "events")
        agent.process.kill()
        agent.wait()
        return first["session_id"]

    def assert_a_prefix(self, envelopes, ends):
        seqs = [e["seq"] for e in envelopes]
        self.assertEqual(seqs, list(range(seqs[0], seqs[0] + len(seqs))))
        found = numbers(envelopes)
        self.assertEqual(found, list(range(len(found))))
        self.assertEqual(own_types(envelopes), ends)
        return len(found)


class killed_on_standard_input(delivery):
    def superseded(self, storage, read):
        old = self.killed_in_the_middle(storage, 20_000)
        done = support.run("run", "-", "--state-dir", self.state_dir, *storage, "--report", "-",
                           stdin=b"".join(line + b"\n" for line in support.generated(10)))
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        report = json.loads(done.stdout)
        self.assertNotEqual(report["session_id"], old)
        self.assertEqual((report["published"], report["durable"], report["backlog"]["events"]), (10, 10, 0))
        kept = events_of(read(old))
        self.assertGreaterEqual(self.assert_a_prefix(kept, ["session_started", "session_ended"]), 20_000)
        self.assertEqual(kept[-1]["event"]["data"]["reason"], "superseded")
        self.assertEqual(self.assert_a_prefix(events_of(read(report["session_id"])), ["session_started", "session_ended"]), 10)

    def resumed(self, storage, read):
        old = self.killed_in_the_middle(storage, 20_000)
        again = self.agent(*storage)
        self.assertEqual(again.call("GET", "/events/capture_session")[1]["id"], old)
        self.assertEqual(again.terminate(), 0, again.log())
        report = again.report()
        kept = events_of(read(old))
        count = self.assert_a_prefix(kept, ["session_started", "session_resumed", "session_ended"])
        self.assertGreaterEqual(count, 20_000)
        self.assertEqual((report["session_id"], report["published"], report["durable"], report["dropped"]), (old, count, count, 0))

    def reopened(self, storage, read):
        """With its own --session-id the resumed session goes on with what standard input brings."""
        old = self.killed_in_the_middle(storage, 20_000)
        done = support.run("run", "-", "--session-id", old, "--state-dir", self.state_dir, *storage, "--report", "-",
                           stdin=b'{"type":"console.log","data":{"n":-1}}\n')
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        kept = events_of(read(old))
        self.assertEqual(own_types(kept), ["session_started", "session_resumed", "session_ended"])
        found = numbers(kept)
        self.assertEqual((found[-1], found[:-1]), (-1, list(range(len(found) - 1))))
        self.assertEqual(json.loads(done.stdout)["published"], len(found))

    def official(self):
        lite = self.lite()
        basin = lite.create_basin()
        return lite.flags(basin), lambda session: lite.read_lines(basin, session)

    def test_superseded_embedded(self):
        self.superseded([], self.replay)

    def test_superseded_official(self):
        self.superseded(*self.official())

    def test_resumed_embedded(self):
        self.resumed([], self.replay)

    def test_resumed_official(self):
        self.resumed(*self.official())

    def test_reopened_official(self):
        self.reopened(*self.official())


class ring_full(delivery):
    RING = ["--ring-capacity", "16MiB", "--live-history", "1MiB"]

    def test_the_oldest_go_and_are_accounted_for(self):
        lite = self.lite()
        basin = lite.create_basin()
        agent = self.agent(*lite.flags(basin), *self.RING, "--ack-timeout", "1s")
        session = agent.start_session()
        self.assertEqual(agent.publish({"type": "console.log", "data": {"n": -1}})[0], 200)
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)
        lite.pause()
        body = b"".join(line + b"\n" for line in support.generated(10_000))
        for _ in range(10):  # some 40 MiB
            status, answer = agent.call("POST", "/events/publish", body, NDJSON)
            self.assertEqual((status, answer["accepted"]), (200, 10_000))
        before = agent.call("GET", "/status")[1]
        self.assertGreater(before["dropped"], 0)
        self.assertEqual(before["published"], before["durable"] + before["undelivered"] + before["dropped"])
        lite.resume()
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)
        self.assertEqual(agent.terminate(), 0, agent.log())
        report = agent.report()
        self.assertEqual((report["published"], report["undelivered"]), (100_001, 0))
        self.assertEqual(report["published"], report["durable"] + report["dropped"])
        expected, kept, dropped = 1, 0, 0
        for envelope in events_of(lite.read_lines(basin, session["storage"]["stream"])):
            if envelope["event"]["type"] == "events_dropped":
                gap = envelope["event"]["data"]
                self.assertEqual((gap["from_seq"], gap["reason"], envelope["seq"]), (expected, "capacity", gap["to_seq"]))
                self.assertEqual(gap["count"], gap["to_seq"] - gap["from_seq"] + 1)
                dropped += gap["count"]
                expected = gap["to_seq"] + 1
                continue
            self.assertEqual(envelope["seq"], expected)
            expected += 1
            kept += not support.is_own(envelope)
        self.assertEqual((kept, dropped), (report["durable"], report["dropped"]))

    def test_nobody_ever_answers(self):
        """Dropped before the first claim, and what is left is told and delivered by the next run."""
        lite = self.lite()
        basin = lite.create_basin()
        lite.pause()
        agent = self.agent(*lite.flags(basin), *self.RING, "--shutdown-timeout", "1s")
        session = agent.start_session()
        body = b"".join(line + b"\n" for line in support.generated(10_000))
        for _ in range(10):
            self.assertEqual(agent.call("POST", "/events/publish", body, NDJSON)[0], 200)
        self.assertEqual(agent.terminate(), 3, agent.log())
        report = agent.report()
        self.assertGreater(report["dropped"], 0)
        self.assertEqual(report["published"], 100_000)
        self.assertEqual(report["published"], report["durable"] + report["undelivered"] + report["dropped"])
        lite.resume()
        again = self.agent(*lite.flags(basin), *self.RING)
        self.assertEqual(again.terminate(), 0, again.log())
        envelopes = events_of(lite.read_lines(basin, session["storage"]["stream"]))
        self.assertEqual(sum(not support.is_own(e) for e in envelopes), report["undelivered"])
        covered = 1
        for envelope in envelopes:
            first = envelope["event"]["data"]["from_seq"] if envelope["event"]["type"] == "events_dropped" else envelope["seq"]
            self.assertEqual(first, covered)
            covered = envelope["seq"] + 1

    def test_standard_input_waits_instead(self):
        lite = self.lite()
        basin = lite.create_basin()
        lite.pause()
        agent = self.start_reading(b"".join(line + b"\n" for line in support.generated(100_000)), *lite.flags(basin), *self.RING)

        def stands_still():
            now = (self.status(agent) or {}).get("published", 0)
            time.sleep(0.3)
            return now > 10_000 and (self.status(agent) or {}).get("published", 0) == now
        support.until(stands_still, "the intake waits for room")
        self.assertEqual(self.status(agent)["dropped"], 0)
        lite.resume()
        self.assertEqual(agent.wait(), 0, agent.log())
        report = agent.report()
        self.assertEqual((report["published"], report["durable"], report["dropped"]), (100_000, 100_000, 0))
        stored = lite.read_lines(basin, report["s2_stream"])
        self.assert_published(list(support.generated(100_000)), stored, report["session_id"])


class lost_acks(delivery):
    """The records land, the acks don't: found by reading back, and whoever waits hears of it without a timeout's help."""

    def begin(self, *flags):
        self.server = self.lite()
        self.server.create_basin()
        self.wire = Proxy(self.server.port)
        self.addCleanup(self.wire.close)
        agent = self.agent("--s2-basin", "test-basin", "--s2-account-endpoint", self.wire.url, "--s2-basin-endpoint", self.wire.url,
                           "--ack-timeout", "1h", "--shutdown-timeout", "1h", "--batch-records", "1000", *flags)
        self.session = agent.start_session()["id"]
        agent.publish({"type": "console.log", "data": {"n": 0}})
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)
        self.wire.swallowing = True
        agent.publish(*[{"type": "console.log", "data": {"n": n}} for n in range(1, 2000)])
        self.landed(2002)  # the fence, session_started
        return agent

    def landed(self, records):
        where = f"s2://test-basin/{self.session}"
        support.until(lambda: int(self.server.s2("check-tail", where).split()[0]) >= records, "they land")

    def check(self):
        self.assertEqual(numbers(events_of(self.server.read_lines("test-basin", self.session))), list(range(2000)))

    def test_a_flush_that_waits(self):
        agent = self.begin()
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(agent.call("POST", "/events/flush?timeout=1h")))
        waiting.start()
        support.until(lambda: self.status(agent)["undelivered"] > 0, "it is owed")
        self.wire.cut()
        waiting.join(support.PATIENCE)
        self.assertEqual([status for status, _ in answers], [200], agent.log())
        status = self.status(agent)
        self.assertEqual((status["durable"], status["delivery"]["condition"]), (2000, "delivering"))
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.check()

    def test_a_teardown_that_waits(self):
        agent = self.begin()
        agent.process.send_signal(signal.SIGTERM)
        support.until(lambda: "end the capture session" in agent.log(), "the teardown")
        self.wire.cut()
        self.assertEqual(agent.wait(), 0, agent.log())
        self.assertEqual(agent.report()["durable"], 2000)
        self.check()


class places(delivery):
    def test_there_and_back_again(self):
        """A session that goes on elsewhere and comes back: each place has its own part, and replay puts them together."""
        here, there = self.lite(), self.lite()
        here.create_basin()
        there.create_basin()
        session, at = "0e5fbd2c-6c7b-4a52-9d0b-0c2f6f8f0002", 0
        for lite in (here, there, here):
            lines = b"".join(b'{"type":"console.log","data":{"n":%d}}\n' % n for n in range(at, at + 10))
            at += 10
            done = support.run("run", "-", "--session-id", session, "--state-dir", self.state_dir, *lite.flags("test-basin"),
                               "--report", "-", stdin=lines)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            self.assertEqual(json.loads(done.stdout)["durable"], at)
        self.assertEqual(numbers(events_of(here.read_lines("test-basin", session))), [*range(10), *range(20, 30)])
        self.assertEqual(numbers(events_of(there.read_lines("test-basin", session))), list(range(10, 20)))

    def test_replay_of_a_session_that_came_back(self):
        """Its first and its last part stand in one stream: each is read once, a session_continued before what it tells of."""
        there = self.lite()
        there.create_basin()
        session, env = "0e5fbd2c-6c7b-4a52-9d0b-0c2f6f8f0003", {"S2_ACCESS_TOKEN": "any"}
        for n, flags in enumerate(([], there.flags("test-basin"), [], there.flags("test-basin"))):
            done = support.run("run", "-", "--session-id", session, "--state-dir", self.state_dir, *flags,
                               stdin=b'{"type":"console.log","data":{"n":%d}}\n' % n, env=env)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
        done = support.run("replay", session, "--state-dir", self.state_dir, env=env)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        shown = [json.loads(e) for e in done.stdout.splitlines()]
        self.assertEqual([e["seq"] for e in shown if "seq" in e], list(range(1, 13)))
        continued = [n for n, e in enumerate(shown) if "seq" not in e]
        self.assertEqual(len(continued), 3)
        for n in continued:
            self.assertEqual((shown[n]["event"]["type"], shown[n]["event"]["data"]["from_seq"]),
                             ("session_continued", shown[n + 1]["seq"]))

    def test_what_was_recorded_for_another_place_is_held(self):
        here, there = self.lite(), self.lite()
        here.create_basin()
        there.create_basin()
        here.pause()
        done = support.run("run", "-", "--state-dir", self.state_dir, *here.flags("test-basin"), "--shutdown-timeout", "1s",
                           "--report", "-", stdin=b'{"type":"console.log","data":{"n":1}}\n')
        self.assertEqual(done.returncode, 3, done.stderr.decode())
        first = json.loads(done.stdout)
        done = support.run("run", "-", "--state-dir", self.state_dir, *there.flags("test-basin"), "--report", "-",
                           stdin=b'{"type":"console.log","data":{"n":2}}\n')
        self.assertEqual(done.returncode, 3, done.stderr.decode())
        self.assertIn(here.url, done.stderr.decode())
        second = json.loads(done.stdout)
        self.assertEqual((second["durable"], second["undelivered"], second["backlog"]["events"]), (1, 0, 1))
        self.assertEqual(numbers(events_of(there.read_lines("test-basin", second["s2_stream"]))), [2])
        here.resume()
        done = support.run("run", "-", "--state-dir", self.state_dir, *here.flags("test-basin"))
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertEqual(numbers(events_of(here.read_lines("test-basin", first["s2_stream"]))), [1])


class endings(delivery):
    def test_a_line_without_its_end_at_sigterm(self):
        read_end, write_end = os.pipe()
        agent = self.agent("-", stdin=read_end)
        os.close(read_end)
        os.write(write_end, b'{"type":"console.log","data":{"n":0}}\n{"type":"console.log","da')
        support.until(lambda: self.status(agent)["published"] == 1, "the first line")
        self.assertEqual(agent.terminate(), 0, agent.log())
        os.close(write_end)
        report = agent.report()
        self.assertEqual((report["published"], report["durable"], report["refused"]), (1, 1, 1))
        kept = events_of(self.replay())
        self.assertEqual(numbers(kept), [0])
        self.assertEqual(kept[-1]["event"]["data"]["reason"], "shutdown")

    def test_a_state_directory_that_is_taken_away(self):
        agent = self.agent("--shutdown-timeout", "1s")
        agent.start_session()
        agent.publish({"type": "console.log", "data": {"n": 0}})
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)
        shutil.rmtree(self.state_dir)
        agent.publish({"type": "console.log", "data": {"n": 1}})
        status, body = agent.call("POST", "/events/flush?timeout=1s")  # the store in it takes nothing any more
        self.assertEqual(status, 504, body)
        self.assertEqual(agent.terminate(), 5, agent.log())
        self.assertIn(f"the state directory {self.state_dir} was removed or moved away", agent.log())

    def test_standard_input_that_is_closed(self):
        command = ["sh", "-c", 'exec "$0" "$@" <&-', support.RINGTAIL, "run", "-", "--state-dir", self.state_dir]
        done = subprocess.run(command, capture_output=True, timeout=support.PATIENCE, env=support.clean_environment(),
                              check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(b"cannot read standard input: Bad file descriptor", done.stderr)

    def test_a_second_signal_cuts_it_short(self):
        lite = self.lite()
        basin = lite.create_basin()
        lite.pause()
        agent = self.agent(*lite.flags(basin), "--shutdown-timeout", "1h")
        agent.start_session()
        agent.publish({"type": "console.log", "data": {"n": 0}})
        agent.process.send_signal(signal.SIGTERM)
        support.until(lambda: "end the capture session" in agent.log(), "the teardown")
        agent.process.send_signal(signal.SIGINT)
        self.assertEqual(agent.wait(), 3, agent.log())

    def test_a_parked_sink_is_not_waited_for(self):
        lite = self.lite()
        agent = self.agent(*lite.flags("no-such-basin"), "--shutdown-timeout", "1h")
        agent.start_session()
        agent.publish({"type": "console.log", "data": {"n": 0}})
        status, body = agent.call("POST", "/events/flush?timeout=60s")
        self.assertEqual(status, 504, body)
        self.assertIn("no-such-basin", json.dumps(body))
        self.assertEqual(support.run("flush", "--state-dir", self.state_dir).returncode, 4)
        self.assertEqual(agent.terminate(), 4, agent.log())

    def test_a_basin_that_is_missing_from_the_start_costs_no_line(self):
        lite = self.lite()
        lines = b"".join(b'{"type":"console.log","data":{"n":%d}}\n' % number for number in range(3000))
        for number in range(5):  # the server's answer comes about as soon as the disk has the session
            done = support.run("run", "-", "--state-dir", self.directory / f"state-{number}", "--report", "-",
                               *lite.flags("no-such-basin"), stdin=lines)
            self.assertEqual(done.returncode, 4, done.stderr)
            report = json.loads(done.stdout)
            self.assertLessEqual(report["refused"], 1, report)  # the line that it left within
            self.assertEqual(report["undelivered"], report["published"], report)

    def test_what_stands_in_the_pipe_is_taken_by_a_run_that_is_refused(self):
        lite = self.lite()
        for number in range(40):  # the refusal comes about as soon as the first read
            done = support.run("run", "-", "--state-dir", self.directory / f"state-{number}", "--report", "-",
                               *lite.flags("no-such-basin"), stdin=b'{"type":"console.log","data":{"n":0}}')
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertEqual(json.loads(done.stdout)["published"], 1, done.stderr)

    def test_a_missing_basin_that_comes_heals_by_itself(self):
        lite = self.lite()
        agent = self.agent(*lite.flags("no-such-basin"))
        session = agent.start_session()
        agent.publish({"type": "console.log", "data": {"n": 0}})
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 504)
        lite.create_basin("no-such-basin")
        support.until(lambda: self.status(agent)["durable"] == 1, "healed")
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertEqual(numbers(events_of(lite.read_lines("no-such-basin", session["storage"]["stream"]))), [0])

    def test_what_delete_says_when_the_server_stands_still(self):
        lite = self.lite()
        basin = lite.create_basin()
        agent = self.agent(*lite.flags(basin))
        session = agent.start_session()
        lite.pause()
        agent.publish({"type": "console.log", "data": {"n": 0}})
        status, body = agent.call("DELETE", "/events/capture_session?timeout=500ms")
        self.assertEqual(status, 504, body)
        self.assertEqual(agent.call("GET", "/events/capture_session")[0], 404)
        lite.resume()
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertEqual(numbers(events_of(lite.read_lines(basin, session["storage"]["stream"]))), [0])


class unix_sockets(delivery):
    def test_ndjson_and_its_errors(self):
        path = self.directory / "in.sock"
        agent = self.agent("--start", "--ndjson-unix", path)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(support.PATIENCE)
            client.connect(str(path))
            client.sendall(b'{"type":"console.log","data":{"n":0}}\r\n\noops\n{"type":5}\n{"type":"console.log","data":{"n":1}}\n'
                           b'{"type":"x","data":"' + b"y" * (5 << 20) + b'"}\n{"type":"console.log","data":{"n":2}}')
            client.shutdown(socket.SHUT_WR)
            answer = b""
            while more := client.recv(65536):
                answer += more
        errors = [json.loads(line) for line in answer.splitlines()]
        self.assertEqual([e["line"] for e in errors], [3, 4, 6])
        self.assertTrue(all(e["code"] and e["message"] for e in errors))
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertEqual(agent.report()["refused"], 3)
        self.assertEqual(numbers(events_of(self.replay())), [0, 1, 2])

    def test_the_api(self):
        path = self.directory / "api.sock"
        agent = self.agent("--start", "--unix", path)
        done = support.run("publish", '{"type":"console.log","data":{"n":0}}', "--api", f"unix:{path}")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = subprocess.run(["curl", "-sS", "--unix-socket", str(path), "http://localhost/events/capture_session"],
                              capture_output=True, timeout=60)
        self.assertIn("id", json.loads(done.stdout), done.stderr)
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertEqual(numbers(events_of(self.replay())), [0])


if __name__ == "__main__":
    support.main()
