"""Few file descriptors: connections get what nothing else may need (product: Bounded), and what is accepted is delivered."""

import contextlib
import json
import os
import re
import socket
import subprocess
import urllib.request

import support
from publisher import NDJSON, UnixConnection

FEW = 64
ATTEMPTS = 200
PAD = "x" * 2400  # so that 33,000 events fill some forty segments


def with_limit(count):
    """A launcher: both limits, so that nobody can raise them again."""
    return ("sh", "-c", f'ulimit -n {count}; exec "$@"', "sh")


def line(n):
    return f'{{"type":"console.log","data":{{"n":{n},"pad":"{PAD}"}}}}\n'


def open_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class LocalStore:
    """`ringtail local` on a port that is already known to its client."""

    def __init__(self, port, directory):
        self.url = f"http://localhost:{port}"
        self.log_file = directory / "local.log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [support.RINGTAIL, "local", "--listen", f"127.0.0.1:{port}", "--store", str(directory / "local.db")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=support.clean_environment())
        support.until(self.has_basin, "a basin in ringtail local")

    def has_basin(self):
        if self.process.poll() is not None:
            raise AssertionError("ringtail local ended: " + self.log_file.read_text())
        body = json.dumps({"basin": "test-basin", "config": {"create_stream_on_append": True}}).encode()
        request = urllib.request.Request(self.url + "/v1/basins", body, {"content-type": "application/json"})
        with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status == 201
        return False

    def close(self):
        self.process.kill()
        self.process.wait()


class descriptors(support.TestCase):
    def setUp(self):
        self.api = self.directory / "api"
        self.ndjson = self.directory / "ndjson"

    def connect(self, address):
        """A connection that is held as long as the test runs, whatever the agent makes of it."""
        one = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX)
        self.addCleanup(one.close)
        one.settimeout(5)
        one.connect(address if isinstance(address, tuple) else str(address))
        return one

    def hold_connections(self, agent, count):
        held = []
        for n in range(count):
            address = (("127.0.0.1", agent.api_port), self.api, self.ndjson)[n % 3]
            with contextlib.suppress(OSError):  # the backlog may be full
                held.append(self.connect(address))
        return held

    def ask(self, connection, method, path, body=None, headers=None):
        connection.close()  # an idle one makes room for others, so each call has its own
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def publish_over_http(self, connection, numbers):
        accepted = 0
        for first in range(numbers.start, numbers.stop, 100):
            batch = range(first, min(first + 100, numbers.stop))
            status, said = self.ask(connection, "POST", "/events/publish", "".join(map(line, batch)), NDJSON)
            self.assertEqual((status, said.get("accepted")), (200, len(batch)), said)
            accepted += len(batch)
        return accepted

    def test_connections_take_nothing_that_the_ring_needs(self):
        port = support.free_port()  # nobody listens there yet
        url = f"http://localhost:{port}"
        agent = self.agent("--start", "--unix", self.api, "--ndjson-unix", self.ndjson, "--ring-capacity", "256MiB",
                           "--s2-basin", "test-basin", "--s2-account-endpoint", url, "--s2-basin-endpoint", url,
                           env={"S2_ACCESS_TOKEN": "any"}, launcher=with_limit(FEW))
        caller = UnixConnection(self.api)
        self.addCleanup(caller.close)
        session = self.ask(caller, "GET", "/events/capture_session")[1]
        producer = self.connect(self.ndjson)
        producer.settimeout(support.PATIENCE)

        def published():
            return self.ask(caller, "GET", "/status")[1]["published"]

        producer.sendall(line(0).encode())
        support.until(lambda: published() == 1, "the first event")
        self.hold_connections(agent, ATTEMPTS)
        accepted = self.publish_over_http(caller, range(1, 30_000))
        producer.sendall("".join(map(line, range(30_000, 33_000))).encode())
        support.until(lambda: published() == 33_000, "all events")
        self.assertEqual(accepted, 29_999)
        status = self.ask(caller, "GET", "/status")[1]
        self.assertEqual((status["undelivered"], status["dropped"], status["refused"]), (33_000, 0, 0), status)
        self.assertLessEqual(open_descriptors(agent.process.pid), FEW)
        self.assertGreater(len(list((self.state_dir / "ring").glob("*.seg"))), 24)

        store = LocalStore(port, self.directory)
        self.addCleanup(store.close)
        status, said = self.ask(caller, "POST", "/events/flush?timeout=100s")
        self.assertEqual(status, 200, (said, agent.log()))
        self.assertEqual(agent.terminate(), 0, agent.log())
        report = agent.report()
        self.assertEqual((report["published"], report["durable"], report["dropped"], report["refused"]),
                         (33_000, 33_000, 0, 0), report)
        done = support.run("replay", f"s2://test-basin/{session['storage']['stream']}",
                           env={"S2_ACCOUNT_ENDPOINT": url, "S2_BASIN_ENDPOINT": url, "S2_ACCESS_TOKEN": "any"})
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        envelopes = [json.loads(each) for each in done.stdout.splitlines()]
        self.assertEqual([e["event"]["data"]["n"] for e in envelopes if not support.is_own(e)], list(range(33_000)))
        self.assertRegex(agent.log(), rf"file descriptors: limit {FEW}, \d+ reserved, \d+ left for connections")

    def flags_of_all(self):
        return ["--start", "--live-history", "64MiB", "--unix", self.api, "--ndjson-unix", self.ndjson, "--files", self.directory / "files"]

    def test_the_least_limit_is_said_and_is_enough(self):
        """With the embedded store, the file sink, and every listener."""
        refused = self.agent(*self.flags_of_all(), wait=False, launcher=with_limit(16))
        self.assertEqual(refused.wait(), 5, refused.log())
        needed = int(re.search(r"needs a limit of at least (\d+), and it is 16", refused.log()).group(1))
        self.assertFalse(self.state_dir.exists())

        agent = self.agent(*self.flags_of_all(), launcher=with_limit(needed))
        caller = UnixConnection(self.api)
        self.addCleanup(caller.close)
        self.ask(caller, "GET", "/status")
        self.hold_connections(agent, ATTEMPTS)
        # Who has asked nothing makes room for one who does.
        over = UnixConnection(self.api)
        self.addCleanup(over.close)
        self.assertEqual(self.ask(over, "GET", "/status")[0], 200)
        self.assertEqual(self.publish_over_http(caller, range(5_000)), 5_000)
        self.assertEqual(self.ask(caller, "POST", "/events/flush?timeout=100s")[0], 200, agent.log())
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertNotRegex(agent.log(), r"Too many open files|\[(error|critical)\]")
        self.assertEqual(agent.report()["durable"], 5_000)
        written = (self.directory / "files" / "console.log").read_bytes().splitlines()
        self.assertEqual(len(written), 5_000)
        self.assertEqual(len(self.replay()), 5_002)

    def test_the_server_says_how_many_it_needs(self):
        done = subprocess.run([*with_limit(12), support.RINGTAIL, "local", "--listen", "127.0.0.1:0", "--store",
                               str(self.directory / "s.db")], capture_output=True, timeout=support.PATIENCE,
                              env=support.clean_environment())
        self.assertEqual(done.returncode, 5, done.stderr.decode())
        self.assertRegex(done.stderr.decode(), r"needs a limit of at least \d+, and it is 12")

    def test_a_soft_limit_is_raised(self):
        soft = ("sh", "-c", 'ulimit -Sn 40; ulimit -Hn 300; exec "$@"', "sh")
        agent = self.agent("--start", launcher=soft)
        self.assertIn("file descriptors: limit 300, ", agent.log())
        self.assertEqual(agent.terminate(), 0, agent.log())


if __name__ == "__main__":
    support.main()
