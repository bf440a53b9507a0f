"""Where an agent can be reached, and by whom: Unix sockets for others, names with two addresses, a listener for metrics."""

import grp
import json
import os
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request

import support

# As somebody else (user 65534 with one group only): connects, sends, and says what came of it.
SEND_AS = """
import os, socket, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(65534)
one = socket.socket(socket.AF_UNIX)
try:
    one.connect(sys.argv[1]); one.sendall(sys.argv[3].encode()); print("taken")
except OSError as error:
    print(error.strerror)
"""
EVENT = '{"type":"console.log","data":1}\n'


class unix_sockets(support.TestCase):
    def setUp(self):
        self.directory.chmod(0o755)
        self.api, self.ndjson = self.directory / "api", self.directory / "ndjson"

    def both(self, *args, **kwargs):
        return self.agent("--start", "--unix", self.api, "--ndjson-unix", self.ndjson, *args, **kwargs)

    def as_other(self, path, group):
        done = subprocess.run([sys.executable, "-c", SEND_AS, str(path), str(group), EVENT], capture_output=True, check=True)
        return done.stdout.decode().strip()

    def mode(self, path):
        return stat.S_IMODE(path.stat().st_mode)

    def test_are_private(self):
        self.both()
        self.assertEqual((self.mode(self.api), self.mode(self.ndjson)), (0o600, 0o600))

    def test_let_a_group_in_and_nobody_else(self):
        if os.geteuid() != 0:
            self.skipTest("to be somebody else takes root")
        group = grp.getgrnam("nogroup").gr_gid
        agent = self.both("--unix-mode", "0660", "--unix-group", "nogroup")
        for path in (self.api, self.ndjson):
            self.assertEqual((self.mode(path), path.stat().st_gid), (0o660, group))
            self.assertEqual(self.as_other(path, group), "taken")
            self.assertEqual(self.as_other(path, 12345), "Permission denied")
        # What the member sent is in.
        support.until(lambda: agent.call("GET", "/status")[1]["published"] == 1, "the member's event")

    def test_the_umask_takes_nothing_away(self):
        self.both("--unix-mode", "0666", env={"RINGTAIL_UNIX_MODE": "0600"}, launcher=["sh", "-c", 'umask 077; exec "$0" "$@"'])
        self.assertEqual((self.mode(self.api), self.mode(self.ndjson)), (0o666, 0o666))

    def test_what_does_not_hold_is_said(self):
        for args, word in ((["--unix-mode", "rw-rw----"], "octal"), (["--unix-group", "no-such-group"], "no group of this machine")):
            done = support.run("run", "--state-dir", self.state_dir, "--unix", self.api, *args)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(word, done.stderr.decode())
            self.assertFalse(self.api.exists())

    def test_a_group_that_may_not_be_given(self):
        if os.geteuid() != 0:
            self.skipTest("to be somebody else takes root")
        self.state_dir.mkdir()
        self.directory.chmod(0o777)
        self.state_dir.chmod(0o777)
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", support.RINGTAIL, "run", "--state-dir",
                               self.state_dir, "--listen", "none", "--unix", self.api, "--unix-group", "root"],
                              capture_output=True, timeout=support.PATIENCE, env=support.clean_environment())
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("--unix-group", done.stderr.decode())
        self.assertFalse(self.api.exists())


def answers(address, port, path="/healthz"):
    host = f"[{address}]" if ":" in address else address
    with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=support.PATIENCE) as answer:
        return answer.status, answer.read().decode()


class names(support.TestCase):
    """`localhost` is two addresses."""

    def hosts(self, text):
        hosts = self.directory / "hosts"
        hosts.write_text(text)
        if not support.own_mounts() or subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], capture_output=True).returncode:
            self.skipTest("what a name means takes root to change")
        self.addCleanup(subprocess.run, ["umount", "-l", "/etc/hosts"], check=True)

    def setUp(self):
        if {a[4][0] for a in socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)} != {"127.0.0.1", "::1"}:
            self.hosts("::1 localhost\n127.0.0.1 localhost\n")
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("no IPv6 here")

    def test_an_agent_listens_on_every_address(self):
        agent = self.agent("--listen", "localhost:0")
        listening = json.loads((self.state_dir / "status.json").read_text())["listening"]
        self.assertEqual(len(listening), 2, listening)
        for url in listening:
            self.assertIn("listening on " + url, agent.log())
            with urllib.request.urlopen(url + "/healthz", timeout=support.PATIENCE) as answer:
                self.assertEqual(answer.status, 200)
        self.assertEqual(len({url.rpartition(":")[2] for url in listening}), 1, listening)  # one port

    def test_one_that_is_not_what_it_says_is_refused(self):
        self.hosts("0.0.0.0 localhost\n")
        done = support.run("run", "--state-dir", self.state_dir, "--listen", "localhost:0")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(b"--open-listen", done.stderr)

    def test_one_that_is_taken_is_named(self):
        port = support.free_port()
        with socket.socket(socket.AF_INET6) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("::1", port))
            other.listen()
            done = support.run("run", "--state-dir", self.state_dir, "--listen", f"localhost:{port}")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"[::1]:{port}", done.stderr.decode())

    def test_the_server_listens_on_every_address(self):
        port = support.free_port()
        with subprocess.Popen([support.RINGTAIL, "local", "--listen", f"localhost:{port}", "--store", self.directory / "db"],
                              stderr=subprocess.DEVNULL, env=support.clean_environment()) as server:
            self.addCleanup(server.kill)
            for address in ("127.0.0.1", "::1"):
                def up(address=address):
                    try:
                        return answers(address, port, "/health")[0] == 200
                    except urllib.error.URLError:
                        return False
                support.until(up, address)
            server.terminate()

    def test_every_address_is_dialled(self):
        for address, family in (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")):
            agent = self.agent("--start", "--listen", f"{family}:0", state_dir=self.directory / ("s" + str(len(address))))
            port = json.loads((agent.state_dir / "status.json").read_text())["api"].rpartition(":")[2]
            done = support.run("publish", "--api", f"http://localhost:{port}", "-", stdin=EVENT.encode())
            self.assertEqual(done.returncode, 0, done.stderr)
            agent.terminate()


class metrics(support.TestCase):
    def test_have_a_listener_of_their_own(self):
        port = support.free_port()
        token = self.directory / "token"
        token.write_text("sekrit")
        agent = self.agent("--start", "--api-token-file", token, "--metrics-listen", f"127.0.0.1:{port}")
        for path in ("/healthz", "/readyz"):
            self.assertEqual(answers("127.0.0.1", port, path)[0], 200)
        status, said = agent.call("POST", "/events/publish", EVENT, {"authorization": "Bearer sekrit"})
        self.assertEqual(status, 200, said)
        self.assertEqual(agent.call("GET", "/metrics")[0], 401)
        _, text = answers("127.0.0.1", port, "/metrics")
        values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        self.assertEqual(values['ringtail_session_events{state="published"}'], "1")
        self.assertEqual(values["ringtail_ready"], "1")
        self.assertNotIn("sekrit", text)
        request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", method="HEAD")
        with urllib.request.urlopen(request, timeout=support.PATIENCE) as answer:
            self.assertEqual((answer.status, answer.read()), (200, b""))
            self.assertTrue(answer.headers["content-type"].startswith("text/plain; version=0.0.4"))
        for path in ("/status", "/events/publish", "/"):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                answers("127.0.0.1", port, path)
            self.assertEqual(refused.exception.code, 404)
            self.assertEqual(json.loads(refused.exception.read())["error"]["code"], "not_found")
            refused.exception.close()

    def test_are_answered_while_idle_connections_take_all_places(self):
        port = support.free_port()
        self.agent("--metrics-listen", f"127.0.0.1:{port}")
        for _ in range(64):
            one = socket.create_connection(("127.0.0.1", port), timeout=support.PATIENCE)
            self.addCleanup(one.close)
        for path in ("/metrics", "/healthz", "/readyz"):
            self.assertEqual(answers("127.0.0.1", port, path)[0], 200)


class without_a_token(support.TestCase):
    def test_takes_a_word_for_it(self):
        done = support.run("run", "--state-dir", self.state_dir, "--listen", "0.0.0.0:0")
        self.assertEqual(done.returncode, 2, done.stderr)
        for way_out in (b"--api-token-file", b"--open-listen"):
            self.assertIn(way_out, done.stderr)
        for variables, flags in (({"RINGTAIL_OPEN_LISTEN": "1"}, []), ({}, ["--open-listen"])):
            agent = self.agent("--listen", "0.0.0.0:0", *flags, env=variables)
            self.assertIn("no token is asked for", agent.log())
            self.assertEqual(agent.terminate(), 0)

    def test_a_token_in_the_query_is_nobodys(self):
        agent = self.agent("--start", "--log-level", "trace", "--listen", "0.0.0.0:0", "--open-listen")
        port = json.loads((self.state_dir / "status.json").read_text())["api"].rpartition(":")[2]
        self.assertEqual(answers("127.0.0.1", port, "/status?jwt=eyJhbGciOi.sekrit.x")[0], 200)
        with self.assertRaises(urllib.error.HTTPError) as refused:
            answers("127.0.0.1", port, "/nothing?jwt=eyJhbGciOi.sekrit.x")
        self.assertNotIn("sekrit", refused.exception.read().decode())
        refused.exception.close()
        agent.terminate()
        self.assertNotIn("sekrit", agent.log())


if __name__ == "__main__":
    support.main()
