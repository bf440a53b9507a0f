"""Bad input and a bad world: each gets a clear message and the documented status or exit code, and costs its neighbours
nothing."""

import http.client
import json
import os
import shutil
import socket

import support

GOOD = b'{"type":"console.log","category":"console","ts":%d,"data":{"n":%d}}'


def good(n):
    return GOOD % (1_700_000_000_000_000 + n, n)


BAD_LINES = {
    "not JSON": b"hello",
    "number with a leading zero deep inside data": b'{"type":"x","data":{"a":01}}',
    "half a literal inside data": b'{"type":"x","data":{"a":tru}}',
    "an unclosed array inside data": b'{"type":"x","data":[1,2}',
    "a number as type": b'{"type":5}',
    "no type": b'{"category":"console"}',
    "an empty type": b'{"type":""}',
    "an unknown category": b'{"type":"x","category":"nonsense"}',
    "a forged source, cdp": b'{"type":"x","source":{"kind":"cdp"}}',
    "a forged source, kernel_api": b'{"type":"x","source":{"kind":"kernel_api"}}',
    "invalid UTF-8": b'{"type":"x","data":"\xff\xfe"}',
    "a lone surrogate in the type": b'{"type":"\\ud800"}',
    "nesting beyond the limit": b'{"type":"x","data":' + b"[" * 70 + b"]" * 70 + b"}",
    "a NUL byte": b'{"type":"x","data":"\0"}',
    "a member twice": b'{"type":"x","type":"y"}',
    "an unknown member": b'{"type":"x","nonsense":1}',
    "a negative ts": b'{"type":"x","ts":-1}',
    "a fractional ts": b'{"type":"x","ts":1.5}',
    "a line of 5 MiB": b'{"type":"x","data":"' + b"y" * (5 << 20) + b'"}',
    "an envelope over the limit without data": b'{"type":"x","url":"' + b"u" * 1_100_000 + b'"}',
    "something behind the object": b'{"type":"x"} {}',
    "an array": b"[1]",
}


class input_lines(support.TestCase):
    def deliver(self, content):
        done = support.run("run", "-", "--state-dir", self.state_dir, "--report", "-", stdin=content)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        envelopes = [json.loads(e) for e in self.replay()]
        return json.loads(done.stdout), [e for e in envelopes if not support.is_own(e)], done.stderr.decode(errors="replace")

    def test_each_bad_line_costs_its_neighbours_nothing(self):
        lines = [good(0)]
        for n, bad in enumerate(BAD_LINES.values(), start=1):
            lines += [bad, good(n)]
        report, events, log = self.deliver(b"\n".join(lines) + b"\n")
        self.assertEqual([e["event"]["data"]["n"] for e in events], list(range(len(BAD_LINES) + 1)))
        self.assertEqual((report["published"], report["refused"]), (len(BAD_LINES) + 1, len(BAD_LINES)))
        self.assertIn("line", log)

    def test_each_bad_event_by_http(self):
        agent = self.agent("--start")
        for name, bad in BAD_LINES.items():
            with self.subTest(name):
                status, body = agent.call("POST", "/events/publish", bad, {"content-type": "application/json"})
                self.assertIn(status, (400, 413), body)
                self.assertTrue(body["error"]["code"] and body["error"]["message"], body)
        status, body = agent.call("POST", "/events/publish", b"\n".join([good(1), b"oops", good(2)]),
                                  {"content-type": "application/x-ndjson"})
        self.assertEqual((status, body["accepted"], body["refused"], body["errors"][0]["line"]), (200, 2, 1, 2))
        status, _ = agent.call("POST", "/events/publish", b"oops\noops", {"content-type": "application/x-ndjson"})
        self.assertEqual(status, 400)
        self.assertEqual(agent.terminate(), 0)

    def test_a_body_that_breaks_its_framing(self):
        agent = self.agent("--start")
        for kind, accepted in (("application/x-ndjson", 1), ("application/json", None)):
            with socket.create_connection(("127.0.0.1", agent.api_port), timeout=support.PATIENCE) as connection:
                line = good(1) + b"\n"
                connection.sendall(b"POST /events/publish HTTP/1.1\r\nhost: localhost\r\ncontent-type: %s\r\n"
                                   b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\nzz\r\n" % (kind.encode(), len(line), line))
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                body = json.loads(answer.read())
            self.assertEqual((answer.status, body["error"]["code"], body.get("accepted")), (400, "bad_body", accepted))
        self.assertEqual(agent.terminate(), 0)
        self.assertEqual(agent.report()["published"], 1)

    def test_what_looks_bad_and_is_not(self):
        lines = [b"", good(0) + b"\r", b"", b'{"type":"x","data":{"a":1,"a":2,"s":"\\ud800"}}', b"  " + good(1) + b"  ",
                 b'{"type":"x","data":' + b"[" * 50 + b"]" * 50 + b"}", b'{"type":"made.up"}']
        report, events, _ = self.deliver(b"\n".join(lines))
        self.assertEqual((report["published"], report["refused"]), (5, 0))
        self.assertEqual(events[-1]["event"]["category"], "system")

    def test_data_keeps_its_bytes(self):
        line = b'{"ts":1,"type":"x","category":"page","data":{"b":1.50e+3,"a":"\\u00e9\\/","n":0.10,"big":123456789012345678901}}'
        self.deliver(line)
        self.assertTrue(any(b'"data":{"b":1.50e+3,"a":"\\u00e9\\/","n":0.10,"big":123456789012345678901}' in e for e in self.replay()))

    def test_envelopes_around_the_limit(self):
        def line(size):
            session = "0e5fbd2c-6c7b-4a52-9d0b-0c2f6f8f0001"
            empty = b'{"ts":1,"type":"x","category":"page","data":""}'
            overhead = len(support.envelope_for(empty.decode(), session, 2))
            return empty[:-2] + b"z" * (size - overhead) + b'"}'
        report, events, _ = self.deliver(b"\n".join([line(999_999), line(1_000_000), line(1_000_001), line(1_500_000)]))
        self.assertEqual(report["published"], 4)
        self.assertEqual([len(e) for e in self.replay()][1:3], [999_999, 1_000_000])
        self.assertEqual([e["event"].get("truncated") for e in events], [None, None, True, True])
        self.assertEqual([e["event"]["data"] for e in events[2:]], [None, None])


class world(support.TestCase):
    def refused(self, *args, code, says, stdin=good(1), env=None):
        done = support.run("run", "-", *args, stdin=stdin, env=env)
        text = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, code, text)
        for word in says:
            self.assertIn(word, text)
        return text

    def test_usage(self):
        state = ["--state-dir", self.state_dir]
        self.refused(*state, "--ring-capacity", "8MiB", code=2, says=["--ring-capacity", "16MiB"])
        self.refused(*state, "--ring-capacity", "16MiB", "--live-history", "9MiB", code=2, says=["twice"])
        self.refused(*state, "--lingr", "1s", code=2, says=["--linger"])
        self.refused(*state, "--linger", "1", code=2, says=["--linger", "unit"])
        self.refused(*state, "--listen", "0.0.0.0:1", code=2, says=["--api-token-file"])
        config = self.directory / "c.toml"
        config.write_text('lingr = "1s"\n')
        self.refused(*state, "--config", config, code=2, says=["lingr", "linger", str(config)])
        self.assertEqual(support.run("rnu").returncode, 2)
        self.assertIn("run", support.run("rnu").stderr.decode())
        self.assertEqual(support.run().returncode, 2)
        for command in ("run", "replay", "tail", "publish", "flush", "status", "check", "local"):
            done = support.run(command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn(b"--state-dir", done.stdout)
        self.assertEqual(support.run("version").stdout.split()[0], b"ringtail")

    def test_usage_of_an_agents_address(self):
        for command in (["flush"], ["status"], ["publish", '{"type":"a"}']):
            for address in ("foo", "https://127.0.0.1:1", "unix:", ""):
                done = support.run(*command, "--api", address)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(f"--api: '{address}' is not an agent's address", done.stderr.decode())
            done = support.run(*command, env={"RINGTAIL_API": "foo"})
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("RINGTAIL_API: 'foo'", done.stderr.decode())
            done = support.run(*command, "--state-dir", self.state_dir)
            self.assertEqual(done.returncode, 1, done.stderr)
        for timeout, code in (("2h", 2), ("61m", 2), ("5", 2), ("1h", 1)):
            done = support.run("flush", "--timeout", timeout, "--api", f"unix:{self.directory}/none")
            self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn("1h", support.run("flush", "--timeout", "2h").stderr.decode())

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            done = support.run("run", "--state-dir", self.state_dir, "--listen", address, "--report", "-")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(json.loads(done.stdout)["exit"], 1)
        self.assertIn(address, done.stderr.decode())
        self.assertIn("in use", done.stderr.decode().lower())

    def test_a_locked_state_directory(self):
        agent = self.agent()
        self.refused("--state-dir", self.state_dir, code=5, says=[str(self.state_dir), str(agent.process.pid)])
        self.assertEqual(agent.terminate(), 0)

    def test_a_state_directory_that_is_a_file(self):
        self.state_dir.write_text("x")
        self.refused("--state-dir", self.state_dir, code=5, says=[str(self.state_dir)])

    def test_a_full_disk_at_start(self):
        """Wherever the room ends while the files are made, it is said, and nothing half-made is in the way later."""
        disk = self.small_disk(64)
        state = disk / "state"
        for left in (0, 4 << 10, 8 << 10, 1 << 20, 4 << 20, 16 << 20):
            with open(disk / "filler", "wb") as filler:
                os.posix_fallocate(filler.fileno(), 0, shutil.disk_usage(disk).free - left)
            self.refused("--state-dir", state, code=5, says=[str(state), "No space left on device", "free some space"])
            (disk / "filler").unlink()
        done = support.run("run", "-", "--state-dir", state, stdin=good(1) + b"\n")
        self.assertEqual(done.returncode, 0, done.stderr.decode())

    def s2_flags(self, url, basin="test-basin"):
        return ["--s2-basin", basin, "--s2-account-endpoint", url, "--s2-basin-endpoint", url]

    def test_an_endpoint_that_does_not_resolve(self):
        self.refused("--state-dir", self.state_dir, *self.s2_flags("http://no-such-host.invalid:1"), "--shutdown-timeout", "1s",
                     code=3, says=["no-such-host.invalid"])
        done = support.run("check", "--state-dir", self.state_dir, *self.s2_flags("http://no-such-host.invalid:1"))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(b"no-such-host.invalid", done.stdout)

    def test_a_wrong_certificate(self):
        lite = self.lite(tls="self")
        lite.create_basin()
        text = self.refused("--state-dir", self.state_dir, *self.s2_flags(lite.url), "--shutdown-timeout", "1s", code=3,
                            says=["certificate"])
        self.assertNotIn("any", text.split())
        done = support.run("check", "--state-dir", self.state_dir, *self.s2_flags(lite.url))
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(b"certificate", done.stdout)

    def test_a_certificate_for_another_name(self):
        lite = self.lite(tls="ca")
        lite.create_basin()
        url = lite.url.replace("localhost", "127.0.0.1")
        self.refused("--state-dir", self.state_dir, *self.s2_flags(url), "--s2-ca", lite.ca, "--shutdown-timeout", "1s", code=3,
                     says=["certificate"])

    def test_a_missing_basin(self):
        lite = self.lite()
        self.refused("--state-dir", self.state_dir, *self.s2_flags(lite.url, "no-such-basin"), code=4, says=["no-such-basin"])
        done = support.run("check", "--state-dir", self.state_dir, *self.s2_flags(lite.url, "no-such-basin"))
        self.assertEqual(done.returncode, 4, done.stdout)
        # It heals: the basin comes, and the next run delivers what this one left.
        lite.create_basin("no-such-basin")
        done = support.run("run", "-", "--state-dir", self.state_dir, *self.s2_flags(lite.url, "no-such-basin"))
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        streams = lite.s2("list-streams", "no-such-basin").decode().split()
        stored = [line for s in streams if len(s.split("/")[-1]) == 36 for line in lite.read_lines("no-such-basin", s.split("/")[-1])]
        self.assertEqual(sum(b'"n":1' in line for line in stored), 1)

    def test_check_says_what_is_well(self):
        lite = self.lite(tls="ca")
        lite.create_basin()
        done = support.run("check", "--state-dir", self.state_dir, *lite.flags("test-basin"))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn(b"failed", done.stdout)
        self.assertEqual(support.run("check", "--state-dir", self.state_dir).returncode, 0)


if __name__ == "__main__":
    support.main()
