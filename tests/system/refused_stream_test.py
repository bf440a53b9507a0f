"""S2 refuses one stream and takes the others: that one holds up nobody, is named wherever something is left, and heals."""

import json
import os
import subprocess
import urllib.request

import support
from proxy import Proxy

BASIN = "test-basin"
OLD = "0e5fbd2c-6c7b-4a52-9d0b-0c2f6f8f00a1"
NEW = "0e5fbd2c-6c7b-4a52-9d0b-0c2f6f8f00b2"


class RefusingStore:
    """refusing_store (see there) on a free port."""

    def __init__(self, directory):
        self.directory = directory
        self.refusals = directory / "refusals"
        self.refusals.write_text("")
        program = os.environ.get("RINGTAIL_REFUSING_STORE", str(support.ROOT / "build/dev/tests/system/refusing_store"))
        self.process = subprocess.Popen([program, directory / "store.db", self.refusals, directory / "refused.log"],
                                        stdout=subprocess.PIPE, env=support.clean_environment())
        support.closed_on_failure(self, self.create_basin)

    def create_basin(self):
        self.url = self.process.stdout.readline().decode().strip()
        self.port = int(self.url.rsplit(":", 1)[1])
        with urllib.request.urlopen(urllib.request.Request(
                self.url + "/v1/basins", method="POST", headers={"content-type": "application/json", "authorization": "Bearer any"},
                data=json.dumps({"basin": BASIN, "config": {"create_stream_on_append": True}}).encode())) as answer:
            assert answer.status in (200, 201), answer.status

    def refuse(self, *rules):
        """Each "STREAM all", "STREAM append" or "STREAM read"."""
        new = self.refusals.with_suffix(".new")
        new.write_text("".join(rule + "\n" for rule in rules))
        new.rename(self.refusals)

    def refused(self):
        """How many requests were."""
        log = self.directory / "refused.log"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def line(n):
    return {"type": "console.log", "data": {"n": n}}


class refused_stream(support.TestCase):
    def begin(self, rule="all"):
        """A store, and a state directory in which OLD holds five events that the store refuses."""
        self.store = RefusingStore(self.directory)
        self.addCleanup(self.store.close)
        self.env = {"S2_ACCESS_TOKEN": "any"}
        self.flags = self.flags_of(self.store.url)
        self.store.refuse(f"{OLD} {rule}")
        done = support.run("run", "-", "--session-id", OLD, "--state-dir", self.state_dir, *self.flags, "--report", "-",
                           env=self.env, stdin=b"".join(json.dumps(line(n)).encode() + b"\n" for n in range(5)))
        self.assertEqual(done.returncode, 4, done.stderr.decode())
        self.assertEqual(json.loads(done.stdout)["undelivered"], 5)

    @staticmethod
    def flags_of(url):
        return ["--s2-basin", BASIN, "--s2-account-endpoint", url, "--s2-basin-endpoint", url]

    def stored(self, session):
        """The numbers of its producers' events, and the types of its own."""
        done = support.run("replay", f"s2://{BASIN}/{session}", *self.flags[2:], "--state-dir", self.directory / "reader", env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        envelopes = [json.loads(e) for e in done.stdout.splitlines()]
        return ([e["event"]["data"]["n"] for e in envelopes if not support.is_own(e)],
                [e["event"]["type"] for e in envelopes if support.is_own(e)])

    def assert_named(self, streams, name, events):
        self.assertEqual([(s["stream"], s["events"], s["state"]) for s in streams], [(name, events, "parked")])
        self.assertIn("permission_denied", streams[0]["reason"])
        self.assertIn(BASIN, streams[0]["place"])

    def assert_heals(self):
        self.store.refuse()
        done = support.run("run", "-", "--state-dir", self.state_dir, *self.flags, env=self.env)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertEqual(self.stored(OLD)[0], list(range(5)))

    def test_a_flush_delivers_all_else_and_names_it(self):
        for rule in ("all", "append"):
            with self.subTest(rule):
                self.state_dir = self.directory / f"state-{rule}"
                self.begin(rule)
                agent = self.agent("--session-id", NEW, *self.flags, env=self.env)
                for known in range(3):  # at first it is not known to be refused
                    agent.publish(*[line(20 * known + n) for n in range(20)])
                    status, body = agent.call("POST", "/events/flush?timeout=1h")
                    self.assertEqual(self.stored(NEW)[0], list(range(20 * (known + 1))))
                    self.assertEqual((status, body["error"]["code"]), (504, "streams_parked"), body)
                    self.assertIn(OLD, body["error"]["message"])
                    self.assertEqual(body["left"]["events"], 5, body)
                    self.assert_named(body["left"]["streams"], OLD, 5)
                done = support.run("flush", "--state-dir", self.state_dir)
                self.assertEqual(done.returncode, 4, done.stderr.decode())
                status = agent.call("GET", "/status")[1]
                self.assertEqual((status["durable"], status["undelivered"], status["delivery"]["condition"]), (60, 0, "delivering"))
                self.assert_named(status["delivery"]["streams"], OLD, 5)
                agent.publish(line(60))
                status, body = agent.call("DELETE", "/events/capture_session?timeout=1h")
                self.assertEqual((status, body["undelivered"], body["durable"]), (504, 0, 61), body)
                self.assert_named(body["left"]["streams"], OLD, 5)
                self.store.refuse()
                self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)
                self.assertEqual(agent.terminate(), 0, agent.log())
                self.assertEqual(self.stored(OLD)[0], list(range(5)))
                self.store.close()
                for left in ("store.db", "store.db-wal", "store.db-shm", "refused.log"):
                    (self.directory / left).unlink(missing_ok=True)

    def test_a_signal_delivers_the_last_events_of_all_else(self):
        self.begin()
        wire = Proxy(self.store.port)
        wire.delay = 0.05
        self.addCleanup(wire.close)
        # The place is the endpoint's: the old session is of the same agent, and so behind the same wire.
        self.state_dir = self.directory / "slow"
        flags = self.flags_of(wire.url)
        agent = self.agent("--session-id", OLD, *flags, "--shutdown-timeout", "1h", env=self.env)
        agent.publish(*[line(n) for n in range(5)])
        agent.call("DELETE", "/events/capture_session?timeout=1h")
        agent.start_session(id=NEW)
        agent.publish(*[line(n) for n in range(20)])
        self.assertEqual(agent.call("POST", "/events/flush?timeout=1h")[0], 504)
        agent.publish(*[line(n) for n in range(20, 60)])
        self.assertEqual(agent.terminate(), 4, agent.log())
        self.assertEqual(self.stored(NEW), (list(range(60)), ["session_started", "session_ended"]))
        report = agent.report()
        self.assertEqual((report["durable"], report["undelivered"], report["exit"]), (60, 0, 4))
        self.assert_named(report["delivery"]["streams"], OLD, 5)
        self.assert_named(json.loads((self.state_dir / "status.json").read_text())["delivery"]["streams"], OLD, 5)
        self.assertIn(OLD, agent.log().splitlines()[-1])
        self.assertIn("permission_denied", agent.log().splitlines()[-1])

    def test_standard_input_is_read_to_its_end(self):
        self.begin()
        count = 200_000
        done = support.run("run", "-", "--session-id", NEW, "--state-dir", self.state_dir, *self.flags, "--report", "-",
                           env=self.env, stdin=b"".join(each + b"\n" for each in support.generated(count)))
        self.assertEqual(done.returncode, 4, done.stderr.decode())
        report = json.loads(done.stdout)
        self.assertEqual((report["published"], report["durable"], report["undelivered"]), (count, count, 0))
        self.assertEqual(report["backlog"]["events"], 5)
        self.assert_named(report["delivery"]["streams"], OLD, 5)
        found, own = self.stored(NEW)
        self.assertEqual((found, own), (list(range(count)), ["session_started", "session_ended"]))
        self.assertIn(OLD, done.stderr.decode().splitlines()[-1])
        self.assert_heals()

    def test_where_the_active_sessions_stream_is_refused_the_old_one_is_delivered(self):
        self.begin()
        self.store.refuse(f"{NEW} all")
        agent = self.agent("--session-id", NEW, *self.flags, env=self.env)
        agent.publish(*[line(n) for n in range(20)])
        status, body = agent.call("POST", "/events/flush?timeout=1h")
        self.assertEqual(self.stored(OLD)[0], list(range(5)))
        self.assertEqual((status, body["error"]["code"]), (504, "streams_parked"), body)
        self.assert_named(body["left"]["streams"], NEW, 20)
        status = agent.call("GET", "/status")[1]["delivery"]
        self.assertEqual(status["condition"], "streams_parked")
        self.assertIn(NEW, status["reason"])
        self.assertEqual(agent.terminate(), 4, agent.log())
        self.assertIn(NEW, agent.log().splitlines()[-1])
        self.assert_heals()
        self.assertEqual(self.stored(NEW)[0], list(range(20)))

    def test_it_heals_by_itself(self):
        self.begin()
        agent = self.agent("--session-id", NEW, *self.flags, env=self.env)
        agent.publish(line(0))
        self.assertEqual(agent.call("POST", "/events/flush?timeout=1h")[0], 504)
        self.store.refuse()
        support.until(lambda: agent.call("GET", "/status")[1]["backlog"]["events"] == 0, "healed")
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertEqual(self.stored(OLD)[0], list(range(5)))


if __name__ == "__main__":
    support.main()
