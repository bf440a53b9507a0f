"""A ring that can't get another segment: what it holds stays, and whoever can wait, waits. Only a full disk costs something, and
no more than one segment each time."""

import http.client
import json
import shutil
import subprocess
import threading

import support

NDJSON = {"content-type": "application/x-ndjson"}
SEGMENT = 2 << 20


def lines(count, first=0):
    return [b'{"type":"console.log","data":{"n":%d,"pad":"%s"}}' % (n, b"x" * 400) for n in range(first, first + count)]


class Frozen:
    """A directory in which nothing can be made, renamed or removed; what is mapped of it stays writable."""

    def __init__(self, test, directory):
        self.directory = directory
        self.by_mount = support.own_mounts()
        if not self.by_mount and subprocess.run(["chattr", "+i", directory], capture_output=True).returncode != 0:
            test.skipTest("an unchangeable directory needs the right to mount, or chattr +i")
        if self.by_mount:
            subprocess.run(["mount", "--bind", directory, directory], check=True)
            subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=True)
        self.frozen = True
        test.addCleanup(self.thaw)

    def thaw(self):
        if self.frozen:
            subprocess.run(["umount", "-l", self.directory] if self.by_mount else ["chattr", "-i", self.directory], check=True)
        self.frozen = False


class ring_shortage(support.TestCase):
    RING = ["--ring-capacity", "16MiB", "--live-history", "1MiB", "--ack-timeout", "1s"]

    def setUp(self):
        support.own_mounts()  # before the agent, which must see what is mounted later
        self.server = self.lite()
        self.basin = self.server.create_basin()

    def publish(self, agent, count):
        """How many of the next lines were accepted, in one body; those that were not come again with the next call."""
        status, answer = agent.call("POST", "/events/publish", b"\n".join(lines(count, self.accepted)), NDJSON)
        self.assertIn(status, (200, 503), answer)
        self.accepted += answer["accepted"]
        if status == 503:
            self.assertEqual((answer["accepted"], answer["error"]["code"]), (0, "no_room"))
        return answer["accepted"]

    def refused(self, agent):
        """The refusal of one event: its message."""
        connection = http.client.HTTPConnection("127.0.0.1", agent.api_port, timeout=support.PATIENCE)
        self.addCleanup(connection.close)
        connection.request("POST", "/events/publish", lines(1, 10**9)[0])
        answer = connection.getresponse()
        body = json.loads(answer.read())
        self.assertEqual((answer.status, answer.getheader("retry-after"), body["error"]["code"]), (503, "1", "no_room"), body)
        return body["error"]["message"]

    def numbers(self, agent):
        """Of the session's stream, with what its events_dropped say."""
        kept, gaps = [], []
        for envelope in map(json.loads, self.server.read_lines(self.basin, agent.report()["s2_stream"])):
            if envelope["event"]["type"] == "events_dropped":
                gaps.append(envelope["event"]["data"])
            elif not support.is_own(envelope):
                kept.append(envelope["event"]["data"]["n"])
        return kept, gaps

    def test_an_unchangeable_directory_costs_nothing_that_is_held(self):
        self.accepted = 0
        agent = self.agent(*self.server.flags(self.basin), *self.RING)
        agent.start_session()
        self.assertEqual(self.publish(agent, 100), 100)
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)
        self.server.pause()
        self.assertEqual(self.publish(agent, 10_000), 10_000)  # 5 MiB: a third of the ring
        frozen = Frozen(self, self.state_dir / "ring")
        while self.publish(agent, 1000):
            pass
        for _ in range(50):
            self.assertIn("cannot make another segment", self.refused(agent))
            self.assertEqual(self.publish(agent, 1000), 0)
        status = agent.call("GET", "/status")[1]
        self.assertEqual((status["published"], status["dropped"]), (self.accepted, 0))
        frozen.thaw()
        self.assertEqual(self.publish(agent, 5000), 5000)
        self.server.resume()
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200, agent.log())
        self.assertEqual(agent.terminate(), 0, agent.log())
        report = agent.report()
        self.assertEqual((report["published"], report["durable"], report["dropped"]), (self.accepted, self.accepted, 0))
        self.assertEqual(self.numbers(agent), (list(range(self.accepted)), []))
        self.assertEqual(agent.log().count("cannot make another segment"), 1)  # once per change, not per publish

    def test_at_the_capacity_too(self):
        self.accepted = 0
        agent = self.agent(*self.server.flags(self.basin), *self.RING)
        agent.start_session()
        self.server.pause()

        def dropped():
            return agent.call("GET", "/status")[1]["dropped"]
        while not dropped():
            self.publish(agent, 1000)
        before = dropped()
        frozen = Frozen(self, self.state_dir / "ring")
        while self.publish(agent, 1000):
            pass
        for _ in range(50):
            self.assertIn("cannot recycle a segment", self.refused(agent))
        self.assertEqual(dropped(), before)
        frozen.thaw()
        self.server.resume()
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200, agent.log())
        self.assertEqual(agent.terminate(), 0, agent.log())
        kept, gaps = self.numbers(agent)
        self.assertEqual(kept, list(range(before, self.accepted)))
        self.assertEqual(sum(gap["count"] for gap in gaps), before + 1)  # session_started was among them
        report = agent.report()
        self.assertEqual((report["published"], report["durable"], report["dropped"]), (self.accepted, len(kept), before))

    def test_standard_input_waits_and_goes_on_unasked(self):
        agent = self.agent("-", *self.server.flags(self.basin), *self.RING, stdin=subprocess.PIPE)
        frozen = Frozen(self, self.state_dir / "ring")
        count = 20_000

        def feed():
            with agent.process.stdin as to:
                to.write(b"".join(line + b"\n" for line in lines(count)))
        feeding = threading.Thread(target=feed)
        feeding.start()
        support.until(lambda: "ring: cannot" in agent.log(), "it has no room")
        frozen.thaw()
        feeding.join(support.PATIENCE)
        self.assertEqual(agent.wait(), 0, agent.log())
        report = agent.report()
        self.assertEqual([report[name] for name in ("published", "durable", "dropped", "refused")], [count, count, 0, 0])
        self.assertEqual(self.numbers(agent), (list(range(count)), []))

    def test_a_full_disk_costs_one_segment_a_roll_over(self):
        self.accepted = 0
        disk = self.small_disk(64)
        agent = self.agent(*self.server.flags(self.basin), "--ack-timeout", "1s", state_dir=disk / "state")
        agent.start_session()
        self.server.pause()
        of_a_segment = SEGMENT // len(lines(1)[0])
        batch = of_a_segment // 2  # so that no batch meets two roll-overs
        dropped, drops = 0, 0
        while drops < 4:
            self.assertEqual(self.publish(agent, batch), batch)
            status = agent.call("GET", "/status")[1]
            self.assertEqual(status["published"], status["durable"] + status["undelivered"] + status["dropped"])
            more = status["dropped"] - dropped
            self.assertLessEqual(more, of_a_segment)
            drops += more > 0
            dropped += more
        self.assertLess(shutil.disk_usage(disk).free, SEGMENT)
        self.server.resume()
        self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200, agent.log())
        self.assertEqual(agent.terminate(), 0, agent.log())
        kept, gaps = self.numbers(agent)
        self.assertEqual(kept, list(range(dropped, self.accepted)))
        self.assertEqual(sum(gap["count"] for gap in gaps), dropped + 1)  # session_started was among them
        report = agent.report()
        self.assertEqual([report[name] for name in ("published", "durable", "undelivered", "dropped")],
                         [self.accepted, len(kept), 0, dropped])


if __name__ == "__main__":
    support.main()
