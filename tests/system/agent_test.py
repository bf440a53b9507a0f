"""The agent with its API: publish, flush, teardown, a server that stands still, SSE, kill -9, and silence when idle."""

import json
import http.client
import os
import pathlib
import re
import signal
import subprocess
import time

import support

JSON = {"content-type": "application/json"}


def event(n, **more):
    return {"ts": 1_700_000_000_000_000 + n, "type": "console.log", "category": "console", "data": {"n": n}, **more}


def numbers(envelopes):
    """The producers' events by their number, in order."""
    parsed = [json.loads(e) for e in envelopes]
    return [e["event"]["data"]["n"] for e in parsed if not support.is_own(e)]


class embedded(support.TestCase):
    def test_publish_and_term_at_once(self):
        agent = self.agent()
        session = agent.start_session()
        done = subprocess.run(
            ["sh", "-c", 'curl -sS -o /dev/null -w "%{http_code}" --json "$1" "$2" && kill -TERM "$3"', "sh", json.dumps(event(7)),
             f"http://127.0.0.1:{agent.api_port}/events/publish", str(agent.process.pid)], capture_output=True, timeout=60)
        self.assertEqual(done.stdout, b"200", done.stderr)
        self.assertEqual(agent.wait(), 0, agent.log())
        self.assertEqual(numbers(self.replay(session["id"])), [7])
        agent.read_notifications()
        self.assertIn("STOPPING=1", agent.notified)
        self.assertEqual(agent.report()["exit"], 0)
        status = json.loads((self.state_dir / "status.json").read_text())
        self.assertEqual((status["exit"], status["undelivered"], status["state"]), (0, 0, "stopped"))

    def test_flush_answers_when_durable(self):
        agent = self.agent("--linger", "1h")
        session = agent.start_session()
        agent.publish(*[event(n) for n in range(10)])
        status, body = agent.call("POST", "/events/flush?timeout=30s")
        self.assertEqual(status, 200, body)
        self.assertGreaterEqual(body["durable_seq"], 11)
        self.assertEqual(numbers(self.replay(session["id"])), list(range(10)))  # while the agent runs
        done = support.run("flush", "--state-dir", self.state_dir)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_commands_find_the_agent(self):
        agent = self.agent("--start")
        for args in (["--type", "page.load", "--data", '{"n":1}'], ['{"type":"console.log","data":{"n":2}}']):
            done = support.run("publish", *args, "--state-dir", self.state_dir)
            self.assertEqual(done.returncode, 0, done.stderr)
        done = support.run("publish", "-", "--state-dir", self.state_dir,
                           stdin=b"".join(json.dumps(event(n)).encode() + b"\n" for n in range(3, 6)))
        self.assertEqual(json.loads(done.stdout), {"accepted": 3, "filtered": 0, "refused": 0}, done.stderr)
        done = support.run("publish", '{"type":""}', "--api", f"http://127.0.0.1:{agent.api_port}")
        self.assertEqual(done.returncode, 1)
        status = support.run("status", "--json", "--state-dir", self.state_dir)
        self.assertEqual((status.returncode, json.loads(status.stdout)["published"]), (0, 5))
        self.assertEqual(agent.terminate(), 0)
        status = support.run("status", "--json", "--state-dir", self.state_dir)
        self.assertEqual((status.returncode, json.loads(status.stdout)["state"]), (0, "stopped"))
        self.assertEqual(support.run("flush", "--state-dir", self.state_dir).returncode, 1)
        self.assertEqual(numbers(self.replay()), [1, 2, 3, 4, 5])

    def test_publish_says_each_bad_line_and_sends_its_neighbours(self):
        agent = self.agent("--start")
        lines = [json.dumps(event(1)), "", '{"type":"console.log","data":"%s"}' % ("x" * (9 << 20)), json.dumps(event(2)) + "\r",
                 "no json", json.dumps(event(3))]
        done = support.run("publish", "-", "--state-dir", self.state_dir, stdin="\n".join(lines).encode())
        said = done.stderr.decode()
        self.assertEqual((done.returncode, json.loads(done.stdout or "{}")), (1, {"accepted": 3, "filtered": 0, "refused": 2}), said)
        self.assertEqual(re.findall(r"line (\d+) refused", said), ["3", "5"])
        self.assertEqual(agent.terminate(), 0)
        self.assertEqual(numbers(self.replay()), [1, 2, 3])

    def test_publish_counts_the_bad_lines_that_it_does_not_name(self):
        agent = self.agent("--start")
        done = support.run("publish", "-", "--state-dir", self.state_dir, stdin=b"bad\n" * 150)
        said = done.stderr.decode()
        self.assertEqual((done.returncode, json.loads(done.stdout)["refused"]), (1, 150), said)
        self.assertEqual(len(re.findall(r"line \d+ refused", said)) + sum(map(int, re.findall(r"(\d+) more of lines", said))), 150)
        self.assertEqual(agent.terminate(), 0)

    def test_publish_from_a_pipe_is_live(self):
        agent = self.agent("--start")
        with subprocess.Popen([support.RINGTAIL, "publish", "-", "--state-dir", self.state_dir], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, env=support.clean_environment()) as publisher:
            self.addCleanup(publisher.kill)
            for n in (1, 2):
                publisher.stdin.write(json.dumps(event(n)).encode() + b"\n")
                publisher.stdin.flush()
                support.until(lambda: agent.call("GET", "/status")[1]["published"] == n, f"event {n}", patience=20)
            out, _ = publisher.communicate(json.dumps(event(3)).encode(), timeout=support.PATIENCE)
        self.assertEqual((publisher.returncode, json.loads(out)["accepted"]), (0, 3))
        self.assertEqual(agent.terminate(), 0)
        self.assertEqual(numbers(self.replay()), [1, 2, 3])

    def test_session_calls(self):
        agent = self.agent()
        self.assertEqual(agent.call("POST", "/events/publish", json.dumps(event(1)), JSON)[0], 409)
        session = agent.start_session(categories=["console"])
        self.assertEqual(agent.call("POST", "/events/capture_session", "{}", JSON)[0], 409)
        self.assertEqual(agent.call("GET", "/events/capture_session")[1]["id"], session["id"])
        status, body = agent.call("POST", "/events/publish", json.dumps({"type": "network.request"}), JSON)
        self.assertEqual((status, body), (200, {"filtered": True}))
        status, body = agent.call("POST", "/events/publish", json.dumps(event(2)), JSON)
        self.assertEqual((status, body["event"]["data"]), (200, {"n": 2}))
        status, body = agent.call("DELETE", "/events/capture_session?timeout=30s")
        self.assertEqual(status, 200, body)
        self.assertEqual([agent.call("GET", p)[0] for p in ("/healthz", "/readyz", "/status", "/nowhere")], [200, 200, 200, 404])
        kept = [json.loads(e) for e in self.replay(session["id"])]
        self.assertEqual([e["event"]["type"] for e in kept], ["session_started", "console.log", "session_ended"])
        self.assertEqual(kept[-1]["event"]["data"]["reason"], "stopped")
        self.assertEqual(agent.terminate(), 0)

    def test_killed_and_started_again(self):
        agent = self.agent("--linger", "1h")
        session = agent.start_session()
        status, body = agent.publish(*[event(n) for n in range(1000)])
        self.assertEqual((status, body["accepted"]), (200, 1000))
        agent.process.send_signal(signal.SIGKILL)
        agent.wait()
        again = self.agent()
        self.assertEqual(again.call("GET", "/events/capture_session")[1]["id"], session["id"])
        again.publish(event(1000))
        self.assertEqual(again.terminate(), 0, again.log())
        envelopes = self.replay(session["id"])
        self.assertEqual(numbers(envelopes), list(range(1001)))
        parsed = [json.loads(e) for e in envelopes]
        self.assertEqual([e["seq"] for e in parsed], list(range(1, len(parsed) + 1)))
        self.assertEqual([e["event"]["type"] for e in parsed if support.is_own(e)],
                         ["session_started", "session_resumed", "session_ended"])

    def test_the_token_leaves_no_trace(self):
        secret = "very-secret-token-0123456789"
        agent = self.agent("--start", "--log-level", "trace",
                           env={"S2_ACCESS_TOKEN": secret, "RINGTAIL_CORE_DUMPS": "1"})
        for name in ("environ", "cmdline"):
            self.assertNotIn(secret.encode(), pathlib.Path(f"/proc/{agent.process.pid}/{name}").read_bytes())
        self.assertNotIn(secret, json.dumps(agent.call("GET", "/status")[1]))
        self.assertEqual(agent.terminate(), 0)
        self.assertNotIn(secret, agent.log())
        for file in self.state_dir.rglob("*"):
            if file.is_file():
                self.assertNotIn(secret.encode(), file.read_bytes(), file)

    def test_idle_is_silent_alone(self):
        agent = self.agent("--idle-close", "1s", env={"RINGTAIL_CORE_DUMPS": "1"})
        agent.start_session()
        agent.publish(event(1))
        self.assertEqual(agent.call("POST", "/events/flush?timeout=30s")[0], 200)
        trace = self.directory / "trace"
        # From here on only the idle-close may happen; 20 s is what the contract is shown over.
        done = subprocess.run(["timeout", "-s", "INT", "20", "strace", "-f", "-tt", "-o", str(trace), "-p", str(agent.process.pid)],
                              capture_output=True, timeout=60)
        lines = trace.read_text().splitlines()
        self.assertTrue(lines, done.stderr)
        first = lines[0].split()[1]
        begin = sum(x * float(y) for x, y in zip((3600, 60, 1), first.split(":")))

        def late(line):
            at = sum(x * float(y) for x, y in zip((3600, 60, 1), line.split()[1].split(":")))
            return at - begin > 5 and "unfinished" not in line and "detached" not in line
        self.assertEqual([line for line in lines if late(line)], [])
        self.assertEqual(agent.terminate(), 0)


class sse(support.TestCase):
    class Client:
        def __init__(self, agent, path="/events/stream", headers=None):
            self.connection = http.client.HTTPConnection("127.0.0.1", agent.api_port, timeout=support.PATIENCE)
            self.connection.request("GET", path, headers=headers or {})
            self.answer = self.connection.getresponse()
            assert self.answer.status == 200, self.answer.read()

        def next(self):
            """(id, data) of the next event; comments are passed over."""
            fields = {}
            while True:
                line = self.answer.readline().decode().rstrip("\n").rstrip("\r")
                if not line and fields:
                    return fields.get("id"), json.loads(fields["data"])
                if line and not line.startswith(":"):
                    name, value = line.split(":", 1)
                    fields[name] = value.removeprefix(" ")

        def close(self):
            self.connection.close()

    def test_last_event_id_misses_and_repeats_nothing(self):
        agent = self.agent()
        agent.start_session()
        got, last = [], None
        client = self.Client(agent, "/events/stream?replay=all")
        for n in range(200):
            agent.publish(event(n))
            if n % 20 == 19:  # goes away in the middle and comes back
                while len(got) < n - 5:
                    last, envelope = client.next()
                    if not support.is_own(envelope):
                        got.append(envelope["event"]["data"]["n"])
                client.close()
                client = self.Client(agent, headers={"Last-Event-ID": last})
        while len(got) < 200:
            last, envelope = client.next()
            if not support.is_own(envelope):
                got.append(envelope["event"]["data"]["n"])
        client.close()
        self.assertEqual(got, list(range(200)))
        self.assertEqual(agent.terminate(), 0)

    def test_a_client_that_stops_reading_delays_nobody(self):
        agent = self.agent("--ring-capacity", "16MiB", "--live-history", "1MiB")
        session = agent.start_session()
        slow = self.Client(agent, "/events/stream?replay=all")
        slow.next()  # session_started
        body = b"".join(line + b"\n" for line in support.generated(20_000))
        for _ in range(10):  # some 80 MiB, while the slow one reads nothing
            status, answer = agent.call("POST", "/events/publish", body, {"content-type": "application/x-ndjson"})
            self.assertEqual((status, answer["accepted"]), (200, 20_000))
            # The ring holds two such bodies, and drops the oldest where the store is slower than we are.
            self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)
        # What it missed is said: the seqs that it gets and the gaps that it is told of have no hole between them.
        expected, gaps = 2, 0
        while expected < 200_002:
            _, envelope = slow.next()
            if envelope["event"]["type"] == "events_dropped":
                data = envelope["event"]["data"]
                self.assertEqual(data["from_seq"], expected)
                expected, gaps = data["to_seq"] + 1, gaps + 1
            else:
                self.assertEqual(envelope["seq"], expected)
                expected += 1
        slow.close()
        self.assertGreater(gaps, 0)
        self.assertEqual(agent.terminate(), 0)
        self.assertEqual(len(self.replay(session["id"], "--type", "console.log")), 200_000)


class official(support.TestCase):
    def test_publish_and_term_at_once(self):
        lite = self.lite()
        basin = lite.create_basin()
        agent = self.agent(*lite.flags(basin))
        session = agent.start_session()
        self.assertEqual(agent.publish(event(1))[0], 200)
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertEqual(numbers(lite.read_lines(basin, session["storage"]["stream"])), [1])

    def test_a_server_that_stands_still_then_the_next_run(self):
        for paused_before_the_first_claim in (True, False):
            with self.subTest(paused_before_the_first_claim):
                self.state_dir = self.directory / str(paused_before_the_first_claim)
                lite = self.lite()
                basin = lite.create_basin()
                if paused_before_the_first_claim:
                    lite.pause()
                agent = self.agent(*lite.flags(basin), "--shutdown-timeout", "2s")
                session = agent.start_session()
                agent.publish(event(0))
                if not paused_before_the_first_claim:
                    self.assertEqual(agent.call("POST", "/events/flush?timeout=60s")[0], 200)
                    lite.pause()
                agent.publish(*[event(n) for n in range(1, 50)])
                begin = time.monotonic()
                self.assertEqual(agent.terminate(), 3, agent.log())
                self.assertLess(time.monotonic() - begin, 30)
                report = agent.report()
                self.assertEqual((report["exit"], report["published"]), (3, 50))
                self.assertEqual(report["undelivered"], 50 if paused_before_the_first_claim else 49)
                self.assertEqual(report["durable"] + report["undelivered"], 50)
                lite.resume()
                again = self.agent(*lite.flags(basin))
                status, body = again.call("POST", "/events/flush?timeout=60s")
                self.assertEqual(status, 200, body)
                self.assertEqual(again.terminate(), 0, again.log())
                stored = lite.read_lines(basin, session["storage"]["stream"])
                self.assertEqual(numbers(stored), list(range(50)))
                seqs = [json.loads(e)["seq"] for e in stored]
                self.assertEqual(seqs, sorted(set(seqs)))

    def test_killed_while_sending(self):
        lite = self.lite()
        basin = lite.create_basin()
        agent = self.agent(*lite.flags(basin), "--linger", "1ms")
        session = agent.start_session()
        count = 0
        for _ in range(5):
            for _ in range(20):
                status, body = agent.publish(*[event(n) for n in range(count, count + 50)])
                self.assertEqual((status, body["accepted"]), (200, 50))
                count += 50
            agent.process.send_signal(signal.SIGKILL)
            agent.wait()
            agent = self.agent(*lite.flags(basin), "--linger", "1ms")
        self.assertEqual(agent.terminate(), 0, agent.log())
        self.assertEqual(numbers(lite.read_lines(basin, session["storage"]["stream"])), list(range(count)))

    def test_local_serves_the_official_command_line(self):
        if not os.path.exists(support.RINGTAIL):
            self.fail("no ringtail")
        self.lite().close()  # only to skip without s2
        port = support.free_port()
        server = subprocess.Popen([support.RINGTAIL, "local", "--listen", f"127.0.0.1:{port}", "--state-dir", str(self.state_dir)],
                                  stderr=subprocess.PIPE, env=support.clean_environment())
        self.addCleanup(server.wait)
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.kill)
        url = f"http://127.0.0.1:{port}"

        def healthy():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            try:
                connection.request("GET", "/health")
                return connection.getresponse().status == 200
            except OSError:
                return False
            finally:
                connection.close()
        support.until(healthy, "ringtail local /health")
        env = support.clean_environment(HOME=self.directory, S2_ACCOUNT_ENDPOINT=url, S2_BASIN_ENDPOINT=url, S2_ACCESS_TOKEN="any")

        def s2(*args, stdin=b""):
            done = subprocess.run(["s2", *args], input=stdin, capture_output=True, timeout=60, env=env)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            return done
        s2("create-basin", "test-basin", "--create-stream-on-append")
        s2("create-stream", "s2://test-basin/a/b")
        s2("append", "s2://test-basin/a/b", stdin=b"one\ntwo\nthree\n")
        self.assertEqual(s2("read", "s2://test-basin/a/b", "-s", "0", "-n", "3").stdout, b"one\ntwo\nthree\n")
        self.assertTrue(re.match(rb"3 @ \d+", s2("check-tail", "s2://test-basin/a/b").stdout))
        self.assertIn(b"a/b", s2("list-streams", "test-basin").stdout)
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(60), 0)


if __name__ == "__main__":
    support.main()
