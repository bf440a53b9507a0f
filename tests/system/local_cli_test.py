"""`ringtail local` under the tools that people have: the official `s2` and curl, in the clear and over TLS. The cases that
expect something of the official tool run against `s2 lite` too, so that what they expect is what S2 does."""

import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import support


class Local(support.Lite):
    """`ringtail local` on a free port. tls: "self", or "ca" for a certificate of its own from files."""

    def __init__(self, store, tls=None, more=()):
        self.directory = tempfile.mkdtemp(prefix="rt-local-", dir=pathlib.Path(store).parent)
        self.tls = tls
        self.ca = None
        flags = []
        if tls == "self":
            flags = ["--tls-self"]
        elif tls == "ca":
            self.ca, key = support.make_certificate(self.directory, "localhost")
            flags = ["--tls-cert", self.ca, "--tls-key", key]
        self.port = support.free_port()
        self.url = f"http{'s' if tls else ''}://localhost:{self.port}"
        self.log_file = pathlib.Path(self.directory) / "log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [support.RINGTAIL, "local", "--listen", f"127.0.0.1:{self.port}", "--store", str(store), *flags, *more],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=support.clean_environment())
        support.until(self.healthy, "ringtail local /health")

    def curl(self, path, *flags):
        """(HTTP version, status, body)"""
        trust = ["--cacert", self.ca] if self.ca else ["--insecure"] if self.tls else []
        done = subprocess.run(["curl", "-sS", "--max-time", "60", *trust, "-w", "\n%{http_version} %{http_code}", *flags,
                               self.url + path], capture_output=True, timeout=support.PATIENCE)
        assert done.returncode == 0, done.stderr.decode()
        body, _, numbers = done.stdout.decode().rpartition("\n")
        version, status = numbers.split()
        return version, int(status), body

    def stop(self):
        self.process.terminate()
        return self.process.wait(support.PATIENCE)


class Tools:
    """What every S2 server must do for the official command line."""

    def serve(self):
        raise NotImplementedError

    def setUp(self):
        super().setUp()
        if not shutil.which("s2"):
            self.skipTest("the s2 command is not installed")
        self.server = self.serve()
        self.addCleanup(self.server.close)

    def s2(self, *args, stdin=""):
        return self.server.s2(*args, stdin=stdin.encode()).decode()

    def variables(self):
        return support.clean_environment(HOME=self.server.directory, NO_COLOR="1", **self.server.variables())

    def run_s2(self, *args, stdin=""):
        return subprocess.run(["s2", *map(str, args)], input=stdin.encode(), capture_output=True, timeout=support.PATIENCE,
                              env=self.variables())

    def refused(self, *args, stdin=""):
        """Its words, in one line, as the tool wraps them anywhere."""
        done = self.run_s2(*args, stdin=stdin)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        cause = done.stderr.decode().partition("╰─▶")[2].partition("help:")[0]
        return " ".join(cause.split())

    def tail(self, stream):
        seq, _, timestamp = self.s2("check-tail", stream).split()
        return int(seq), int(timestamp)

    def records(self, stream, *args):
        return [json.loads(line) for line in self.s2("read", stream, "--format", "json", *args).splitlines()]

    def bodies(self, stream, *args):
        return [record["body"] for record in self.records(stream, *args)]

    def test_records_in_and_out(self):
        self.s2("create-basin", "test-basin")
        stream = "s2://test-basin/a/b c"
        self.s2("create-stream", stream, "--timestamping-uncapped", "true")
        self.assertEqual(self.tail(stream), (0, 0))
        self.s2("append", stream, stdin="one\ntwo\n")
        first = self.records(stream, "-s", 0, "-n", 2)
        self.assertEqual([(r["seq_num"], r["body"]) for r in first], [(0, "one"), (1, "two")])
        self.assertLess(abs(first[0]["timestamp"] / 1000 - time.time()), 600)
        late = first[1]["timestamp"] + 1_000_000
        self.s2("append", stream, "--format", "json",
                stdin=json.dumps({"body": "größe", "headers": [["k", "v"], ["k", ""]], "timestamp": late}) + "\n")
        self.s2("append", stream, "--format", "json-base64", stdin='{"body":"AAH/","headers":[["/w==","AA=="]]}\n')
        self.assertEqual(self.records(stream, "-s", 2, "-n", 1),
                         [{"seq_num": 2, "timestamp": late, "headers": [["k", "v"], ["k", ""]], "body": "größe"}])
        binary = json.loads(self.s2("read", stream, "-s", 3, "-n", 1, "--format", "json-base64"))
        self.assertEqual((binary["body"], binary["headers"]), ("AAH/", [["/w==", "AA=="]]))
        self.s2("append", stream, "--linger", "50ms", stdin="".join(f"{n}\n" for n in range(3000)))
        self.assertEqual(self.tail(stream)[0], 3004)
        self.assertEqual(self.bodies(stream, "-s", 4, "-n", 3000), [str(n) for n in range(3000)])
        self.assertEqual(self.bodies(stream, "--tail-offset", 2, "-n", 2), ["2998", "2999"])
        self.assertEqual(self.s2("tail", stream, "-n", 2), "2998\n2999\n")
        self.assertEqual([r["seq_num"] for r in self.records(stream, "--timestamp", late, "-n", 1)], [2])
        self.assertEqual(self.bodies(stream, "-s", 0, "--until", late), ["one", "two"])
        self.assertEqual(self.bodies(stream, "-s", 0, "-b", 25), ["one", "two"])  # 8 bytes and the body, each
        self.assertIn("unwritten position. current tail: seq_num=3004", self.refused("read", stream, "-s", 9000, "-n", 1))

    def test_conditions(self):
        self.s2("create-basin", "test-basin")
        stream = "s2://test-basin/guarded"
        self.s2("create-stream", stream)
        self.s2("append", stream, "-m", 0, stdin="one\n")
        self.assertEqual(self.refused("append", stream, "-m", 0, stdin="again\n"), "sequence number mismatch, expected: 1")
        self.s2("fence", stream, "mine")
        self.assertEqual(self.refused("append", stream, "-f", "theirs", stdin="x\n"), "fencing token mismatch, expected: mine")
        self.assertEqual(self.refused("fence", stream, "x", "-f", "theirs"), "fencing token mismatch, expected: mine")
        self.s2("append", stream, "-f", "mine", "-m", 2, stdin="two\n")
        self.s2("fence", stream, "", "-f", "mine")
        self.s2("append", stream, "-f", "", stdin="three\n")
        self.s2("trim", stream, 2)
        support.until(lambda: self.records(stream, "-s", 0, "-n", 1)[0]["seq_num"] == 2, "trimmed")
        self.assertEqual(self.tail(stream)[0], 6)  # with the commands
        self.assertEqual(self.records(stream, "-s", 2, "-n", 1)[0]["body"], "two")
        self.assertEqual(self.records(stream, "-s", 4, "-n", 1)[0]["body"], "three")

    def test_names_and_configuration(self):
        self.s2("create-basin", "test-basin", "--create-stream-on-append", "--retention-policy", "3d")
        self.assertIn("resource_already_exists", self.refused("create-basin", "test-basin"))
        self.s2("append", "s2://test-basin/made/by/append", stdin="x\n")
        self.s2("append", "s2://test-basin/own", "--retention-policy", "1w", "--timestamping-mode", "arrival", stdin="x\n")
        self.s2("create-stream", "s2://test-basin/created")
        self.assertIn("resource_already_exists", self.refused("create-stream", "s2://test-basin/created"))
        names = [f"s2://test-basin/{name}" for name in ("created", "made/by/append", "own")]
        self.assertEqual(self.s2("list-streams", "test-basin").split(), names)
        self.assertEqual(self.s2("list-streams", "test-basin", "-s", "created", "-n", 1).split(), names[1:2])
        self.assertEqual(self.s2("list-streams", "test-basin", "-p", "ma").split(), names[1:2])
        self.assertIn("3days", self.s2("get-stream-config", names[1]))
        own = self.s2("get-stream-config", names[2])
        self.assertIn("7days", own)
        self.assertIn("arrival", own)
        changed = self.s2("reconfigure-stream", names[1], "--delete-on-empty-min-age", "1h")
        self.assertIn("1h", changed)
        self.assertIn("3days", changed)
        self.assertEqual(self.s2("get-stream-config", names[1]), changed)
        self.s2("reconfigure-basin", "test-basin", "--create-stream-on-append", "false")
        self.assertIn("stream_not_found", self.refused("append", "s2://test-basin/other", stdin="x\n"))
        self.s2("delete-stream", names[0])
        self.assertEqual(self.s2("list-streams", "test-basin").split(), names[1:])
        self.assertIn("stream_not_found", self.refused("check-tail", names[0]))
        self.s2("delete-basin", "test-basin")
        support.until(lambda: "test-basin" not in self.s2("list-basins").replace("test-basin [deleting]", ""), "deleted")
        self.assertIn("basin_not_found", self.refused("delete-basin", "none-such-basin"))

    def test_apply(self):
        spec = self.directory / "spec.json"
        spec.write_text(json.dumps({"basins": [{
            "name": "spec-basin",
            "config": {"create_stream_on_append": True, "default_stream_config": {"retention_policy": "1day"}},
            "streams": [{"name": "s1"}, {"name": "s2", "config": {"timestamping": {"mode": "arrival"}}}]}]}))

        def applied():
            done = self.run_s2("apply", "-f", spec)
            self.assertEqual(done.returncode, 0, done.stderr)
            return (done.stdout + done.stderr).decode()

        first = applied()
        self.assertEqual(first.count("(created)"), 3, first)
        again = applied()
        self.assertEqual(again.count("(config unchanged)"), 3, again)
        self.assertIn("arrival", self.s2("get-stream-config", "s2://spec-basin/s2"))
        self.assertIn("1day", self.s2("get-stream-config", "s2://spec-basin/s1"))

    def test_a_reader_follows(self):
        self.s2("create-basin", "test-basin", "--create-stream-on-append")
        stream = "s2://test-basin/followed"
        self.s2("append", stream, stdin="before\n")
        heard = self.directory / "heard"
        with open(heard, "wb") as out:
            reader = subprocess.Popen(["s2", "read", stream, "-s", "0"], stdin=subprocess.DEVNULL, stdout=out,
                                      stderr=subprocess.DEVNULL, env=self.variables())
        try:
            support.until(lambda: heard.read_bytes() == b"before\n", "what was there")
            for n in range(3):
                self.s2("append", stream, stdin=f"{n}\n")
                support.until(lambda: heard.read_bytes().endswith(f"\n{n}\n".encode()), "what came")
            self.assertEqual(heard.read_bytes(), b"before\n0\n1\n2\n")
            self.assertIsNone(reader.poll())
        finally:
            reader.kill()
            reader.wait()

    def test_bench_comes_to_its_end(self):
        self.s2("create-basin", "test-basin")
        done = self.run_s2("bench", "test-basin", "-d", "2s", "-w", "0s", "-t", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        said = re.findall(r"(Write|Read|Catchup): .* \((\d+) bytes, (\d+) records", done.stderr.decode().replace("\r", "\n"))
        last = {phase: counts for phase, *counts in said}
        self.assertEqual(set(last), {"Write", "Read", "Catchup"}, done.stderr)
        self.assertEqual(last["Catchup"], last["Write"])
        self.assertGreater(int(last["Write"][1]), 0)
        support.until(lambda: not self.s2("list-streams", "test-basin"), "its stream deleted, as it asked")


class OfOurs(Tools):
    tls = None

    def serve(self):
        return Local(self.directory / "store.db", self.tls)

    def test_curl_in_both_versions(self):
        newer = "--http2" if self.tls else "--http2-prior-knowledge"
        self.assertEqual(self.server.curl("/v1/basins/test-basin", newer, "-X", "PUT", "--json", "{}")[:2], ("2", 201))
        basin = ("-H", "s2-basin: test-basin")
        self.assertEqual(self.server.curl("/v1/streams", "--http1.1", *basin, "--json", '{"stream":"one"}')[:2], ("1.1", 201))
        for version, flag in (("1.1", "--http1.1"), ("2", newer)):
            seen = self.server.curl("/v1/streams/one/records", flag, *basin, "--json", '{"records":[{"body":"%s"}]}' % version)
            self.assertEqual(seen[:2], (version, 200), seen)
            seen = self.server.curl("/v1/streams/one/records?tail_offset=1", flag, *basin)
            self.assertEqual(seen[:2], (version, 200))
            self.assertEqual(json.loads(seen[2])["records"][0]["body"], version)
            self.assertEqual(self.server.curl("/v1/streams/none/records/tail", flag, *basin)[:2], (version, 404))

    def test_a_stop_keeps_what_it_acknowledged(self):
        self.s2("create-basin", "test-basin", "--create-stream-on-append")
        stream = "s2://test-basin/kept"
        self.s2("append", stream, stdin="0\n")
        # A reader that follows, and a writer that has more to say.
        heard = self.directory / "heard"
        with open(heard, "wb") as out:
            reader = subprocess.Popen(["s2", "read", stream, "-s", "0"], stdin=subprocess.DEVNULL, stdout=out,
                                      stderr=subprocess.DEVNULL, env=self.variables())
        writer = subprocess.Popen(["s2", "append", stream], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, env=self.variables())
        try:
            writer.stdin.write(b"1\n2\n3\n")
            writer.stdin.flush()
            support.until(lambda: self.tail(stream)[0] == 4, "acknowledged")
            support.until(lambda: heard.read_bytes() == b"0\n1\n2\n3\n", "read")
            self.assertEqual(self.server.stop(), 0, self.server.log_file.read_text())
        finally:
            for each in (reader, writer):
                each.kill()
                each.wait()
            writer.stdin.close()
        self.server.close()
        self.server = self.serve()
        self.addCleanup(self.server.close)
        self.assertEqual(self.bodies(stream, "-s", 0, "-n", 4), ["0", "1", "2", "3"])
        self.assertEqual(self.tail(stream)[0], 4)


class clear(OfOurs, support.TestCase):
    pass


class tls_self(OfOurs, support.TestCase):
    tls = "self"


class tls_files(support.TestCase):
    def test_its_certificate_is_what_the_files_say(self):
        server = Local(self.directory / "store.db", "ca")
        self.addCleanup(server.close)
        self.assertEqual(server.curl("/health", "--http2")[:2], ("2", 200))
        self.assertEqual(server.curl("/health", "--http1.1")[:2], ("1.1", 200))
        # A client that trusts nobody in particular is not served.
        done = subprocess.run(["curl", "-sS", server.url + "/health"], capture_output=True, timeout=support.PATIENCE)
        self.assertEqual(done.returncode, 60, done.stderr)
        self.assertEqual(server.stop(), 0)

    def test_our_own_client_trusts_it_by_its_file(self):
        server = Local(self.directory / "store.db", "ca")
        self.addCleanup(server.close)
        self.assertEqual(server.curl("/v1/basins/test-basin", "-X", "PUT", "--json",
                                     '{"create_stream_on_append":true}')[1], 201)
        lines = list(support.generated(200))
        done = support.run("run", "-", "--state-dir", self.state_dir, "--session-id", "00000000-0000-4000-8000-000000000001",
                           *server.flags("test-basin"), stdin=b"\n".join(lines) + b"\n")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        session = "00000000-0000-4000-8000-000000000001"
        self.assert_published(lines, self.replay(session, *server.flags("test-basin")[2:]), session)

    def test_what_is_wrong_with_the_files_is_said(self):
        good = pathlib.Path(support.make_certificate(self.directory, "localhost")[0])
        missing = support.run("local", "--listen", "127.0.0.1:0", "--store", self.directory / "s.db", "--tls-cert", good,
                              "--tls-key", self.directory / "none.pem")
        self.assertEqual(missing.returncode, 5)
        self.assertIn(b"none.pem", missing.stderr)
        for flags in (["--tls-cert", good], ["--tls-self", "--tls-cert", good, "--tls-key", self.directory / "key.pem"]):
            self.assertEqual(support.run("local", "--store", self.directory / "s.db", *flags).returncode, 2, flags)

    def test_one_store_has_one_server(self):
        server = Local(self.directory / "store.db")
        self.addCleanup(server.close)
        second = support.run("local", "--listen", "127.0.0.1:0", "--store", self.directory / "store.db")
        self.assertEqual(second.returncode, 5)
        self.assertIn(b"in use by another server", second.stderr)


class pages(support.TestCase):
    def test_web_pages_may_call_only_where_that_is_asked_for(self):
        origin = ("-H", "origin: https://app.example", "-i")
        server = Local(self.directory / "store.db")
        self.addCleanup(server.close)
        status, text = server.curl("/v1/basins", *origin)[1:]
        self.assertEqual(status, 403, text)
        self.assertNotIn("access-control-allow-origin", text)
        self.assertEqual(server.stop(), 0)
        server = Local(self.directory / "store.db", more=["--cors"])
        self.addCleanup(server.close)
        status, text = server.curl("/v1/basins", *origin)[1:]
        self.assertEqual(status, 200, text)
        self.assertIn("access-control-allow-origin: https://app.example", text)


class official(Tools, support.TestCase):
    def serve(self):
        return support.Lite(parent=self.directory)


if __name__ == "__main__":
    support.main()
